-- Attempts by their ids, in no order.
-- Takes    ids
-- Returns  attempts
-- Locks    nothing
SELECT {attempt} FROM quiz_attempts WHERE id = ANY(%(ids)s::uuid[])
