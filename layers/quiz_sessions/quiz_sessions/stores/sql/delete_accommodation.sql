-- Revoke a user's extra time for a quiz.
-- Takes    user_id, quiz_id, at, by, resent
-- Returns  a row if there was any
-- Locks    the user's counter; runs under lock_quiz
WITH former AS (
    SELECT user_id, quiz_id, {extra} AS extra FROM attempt_counters
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
), deleted AS (
    UPDATE attempt_counters SET extra_seconds = 0, extra_reason = NULL,
        extra_granted_by = NULL, extra_granted_at = NULL
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
    RETURNING user_id
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, user_id, before)
    SELECT %(at)s::timestamptz, %(by)s::text, 'delete-accommodation', quiz_id, user_id, extra FROM former JOIN deleted USING (user_id)
)
SELECT user_id FROM deleted
UNION ALL SELECT %(user_id)s WHERE %(resent)s AND NOT EXISTS (
    SELECT FROM attempt_counters
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
)
