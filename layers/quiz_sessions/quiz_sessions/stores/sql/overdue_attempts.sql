-- Attempts that are overdue, a page at a time.
-- Takes    now, deadline and id (those of the last row of the previous page), limit
-- Returns  id, accepts_until
-- Locks    nothing
SELECT id, accepts_until FROM quiz_attempts
WHERE {open} AND accepts_until < %(now)s
    AND (accepts_until, id) > (%(deadline)s, %(id)s)
ORDER BY accepts_until, id LIMIT %(limit)s
