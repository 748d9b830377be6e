-- Take the webhook up again: what it has refused or was given up is due at once, with all its tries.
-- Takes    at, by, reason, resent
-- Returns  one row
-- Locks    the tries and the webhook's row
WITH due AS (
    UPDATE webhook_deliveries AS delivery SET tries = 0, next_at = %(at)s::timestamptz, dead_at = NULL
    FROM attempt_events AS event
    WHERE event.attempt_id = delivery.attempt_id AND event.revision = delivery.revision AND published_at IS NULL
    RETURNING 1
), enabled AS (
    UPDATE webhook_endpoint SET disabled_at = NULL, quiet_until = NULL, last_error = NULL RETURNING 1
), acted AS (
    INSERT INTO staff_actions (at, by, action, reason, after)
    SELECT %(at)s::timestamptz, %(by)s::text, 'retry-webhook', %(reason)s::text,
        jsonb_build_object('events', (SELECT count(*) FROM due))
    WHERE NOT (%(resent)s AND EXISTS (
        SELECT FROM staff_actions AS known WHERE known.action = 'retry-webhook' AND known.at = %(at)s::timestamptz
            AND known.by IS NOT DISTINCT FROM %(by)s::text
    ))
)
SELECT (SELECT count(*) FROM due) AS events, (SELECT count(*) FROM enabled) AS endpoints
