-- Send the webhook nothing, until a moment, or, where it wants no more events, until staff say otherwise.
-- Takes    endpoint, at, quiet_until (null for ever)
-- Returns  one row
-- Locks    the webhook's row
INSERT INTO webhook_endpoint AS known (endpoint, disabled_at, quiet_until)
VALUES (
    %(endpoint)s::text,
    CASE WHEN %(quiet_until)s::timestamptz IS NULL THEN %(at)s::timestamptz END,
    %(quiet_until)s
)
ON CONFLICT (only_row) DO UPDATE SET endpoint = excluded.endpoint, quiet_until = excluded.quiet_until,
    disabled_at = CASE WHEN known.endpoint = excluded.endpoint
        THEN coalesce(known.disabled_at, excluded.disabled_at) ELSE excluded.disabled_at END
RETURNING endpoint
