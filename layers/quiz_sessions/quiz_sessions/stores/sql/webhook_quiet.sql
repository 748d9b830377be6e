-- Send the webhook nothing, until a moment, or, where it wants no more events, until staff say otherwise.
-- Takes    endpoint, at, quiet_until (null for ever), error (what it said)
-- Returns  a row, unless another webhook is sent events by now
-- Locks    the webhook's row
UPDATE webhook_endpoint SET quiet_until = %(quiet_until)s::timestamptz, last_error = %(error)s::text,
    disabled_at = CASE WHEN %(quiet_until)s::timestamptz IS NULL THEN coalesce(disabled_at, %(at)s::timestamptz) END
WHERE endpoint = %(endpoint)s::text
RETURNING endpoint
