-- Whether the webhook has not given an event up.
-- Uses event.
NOT EXISTS (
    SELECT FROM webhook_deliveries AS dead
    WHERE dead.attempt_id = event.attempt_id AND dead.revision = event.revision AND dead.dead_at IS NOT NULL
)
