-- Set a user's extra time for a quiz.
-- Takes    user_id, quiz_id, extra_seconds, reason, by, at
-- Returns  one row
-- Locks    the user's counter; runs under lock_quiz
INSERT INTO attempt_counters (
    user_id, quiz_id, last_attempt_no, extra_seconds, extra_reason, extra_granted_by,
    extra_granted_at
)
VALUES (%(user_id)s, %(quiz_id)s, 0, %(extra_seconds)s, %(reason)s, %(by)s, %(at)s)
ON CONFLICT (user_id, quiz_id) DO UPDATE SET extra_seconds = %(extra_seconds)s,
    extra_reason = %(reason)s, extra_granted_by = %(by)s, extra_granted_at = %(at)s
RETURNING user_id
