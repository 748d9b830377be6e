-- A user's open attempts at a quiz that have less extra time than the user, because the quiz closes first.
-- Takes    user_id, quiz_id, at
-- Returns  ids
-- Locks    nothing
SELECT id FROM quiz_attempts AS attempt
WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND {open} AND accepts_until >= %(at)s
    AND accommodation_seconds > 0 AND {cut}
ORDER BY attempt_no
