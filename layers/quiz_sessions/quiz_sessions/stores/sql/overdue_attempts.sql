-- Attempts that are overdue, a page at a time.
-- Takes    now, deadline and id (those of the last row of the previous page), limit
-- Returns  id, accepts_until
-- Locks    nothing
SELECT id::text, accepts_until FROM quiz_attempts
WHERE {open} AND accepts_until < %(now)s
    AND (accepts_until, quiz_attempts.id) > (%(deadline)s, %(id)s)
ORDER BY accepts_until, quiz_attempts.id LIMIT %(limit)s
