-- Note that a webhook is about to be sent events: what is known of another one holds no more.
-- Takes    endpoint
-- Returns  a row where it is another one
-- Locks    the webhook's row
INSERT INTO webhook_endpoint AS known (endpoint) VALUES (%(endpoint)s::text)
ON CONFLICT (only_row) DO UPDATE SET endpoint = excluded.endpoint, disabled_at = NULL, quiet_until = NULL, last_error = NULL
WHERE known.endpoint <> excluded.endpoint
RETURNING endpoint
