-- A user's extra time for a quiz.
-- Takes    user_id, quiz_id
-- Returns  no row, or the accommodation
-- Locks    nothing
SELECT user_id, quiz_id, extra_seconds, extra_reason AS reason, extra_granted_by AS granted_by,
    extra_granted_at AS granted_at
FROM attempt_counters
WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
