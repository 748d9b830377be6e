-- Open attempts whose clock runs, a page at a time.
-- Takes    at, deadline and id (those of the last row of the previous page), limit
-- Returns  id, started_at, accepts_until
-- Locks    nothing
SELECT quiz_attempts.id, started_at, accepts_until FROM quiz_attempts
WHERE {open} AND paused_at IS NULL AND accepts_until > %(at)s
    AND (accepts_until, quiz_attempts.id) > (%(deadline)s, %(id)s)
ORDER BY accepts_until, quiz_attempts.id LIMIT %(limit)s
