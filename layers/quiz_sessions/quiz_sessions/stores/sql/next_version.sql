-- next_version
-- The first audit event of an attempt with a later version than the one that is asked for.
-- Takes    id, version
-- Returns  its revision; no row if there is none
-- Locks    nothing
SELECT revision FROM attempt_events
WHERE attempt_id = %(id)s AND version > %(version)s
ORDER BY revision LIMIT 1
