-- Open attempts whose deadline and grace have passed, a page at a time.
-- Takes    now, deadline and id (those of the last row of the page before), limit
-- Returns  id, accepts_until
-- Locks    nothing
SELECT id, accepts_until FROM quiz_attempts
WHERE {open} AND accepts_until < %(now)s
    AND (accepts_until, id) > (%(deadline)s, %(id)s)
ORDER BY accepts_until, id LIMIT %(limit)s
