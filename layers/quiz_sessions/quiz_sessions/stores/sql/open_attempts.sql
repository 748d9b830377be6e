-- How many attempts go on.
-- Takes    nothing
-- Returns  count
-- Locks    nothing
SELECT count(*) AS count FROM quiz_attempts WHERE {open}
