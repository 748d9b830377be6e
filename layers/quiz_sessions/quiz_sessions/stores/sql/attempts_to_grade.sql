-- Attempts whose score is out of date, a page at a time.
-- Takes    after (id), limit
-- Returns  attempts
-- Locks    nothing
SELECT {attempt} FROM quiz_attempts
WHERE needs_grading AND id > %(after)s ORDER BY id LIMIT %(limit)s
