-- A user's open attempts that have less extra time than the user, because the quiz closes first.
-- Takes    user_id, quiz_id (or null for all), at
-- Returns  ids
-- Locks    nothing
SELECT id FROM quiz_attempts AS attempt
WHERE user_id = %(user_id)s AND (%(quiz_id)s::text IS NULL OR quiz_id = %(quiz_id)s)
    AND {open} AND accepts_until >= %(at)s AND accommodation_seconds > 0 AND {cut}
ORDER BY quiz_id, attempt_no
