-- Revoke a user's extra time for a quiz.
-- Takes    user_id, quiz_id, resent
-- Returns  a row if there was any
-- Locks    the user's counter; runs under lock_quiz
WITH deleted AS (
    UPDATE attempt_counters SET extra_seconds = 0, extra_reason = NULL,
        extra_granted_by = NULL, extra_granted_at = NULL
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
    RETURNING user_id
)
SELECT user_id FROM deleted
UNION ALL SELECT %(user_id)s WHERE %(resent)s AND NOT EXISTS (
    SELECT FROM attempt_counters
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
)
