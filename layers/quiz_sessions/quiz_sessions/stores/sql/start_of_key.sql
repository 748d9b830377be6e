-- The attempt that an Idempotency-Key has started.
-- Takes    user_id, by (who started it for the user; null for the user), key
-- Returns  no row, or its id
-- Locks    nothing
SELECT id FROM quiz_attempts
WHERE user_id = %(user_id)s AND idempotency_key = %(key)s AND coalesce(started_by, '') = coalesce(%(by)s::text, '')
