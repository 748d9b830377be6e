-- Set a user's extra time for a quiz.
-- Takes    user_id, quiz_id, extra_seconds, reason, by, at, resent
-- Returns  one row
-- Locks    the user's counter; runs under lock_quiz
WITH former AS (
    SELECT {extra} AS extra FROM attempt_counters
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
), written AS (
    INSERT INTO attempt_counters AS counter (
        user_id, quiz_id, last_attempt_no, extra_seconds, extra_reason, extra_granted_by, extra_granted_at
    )
    VALUES (%(user_id)s, %(quiz_id)s, 0, %(extra_seconds)s, %(reason)s, %(by)s, %(at)s)
    ON CONFLICT (user_id, quiz_id) DO UPDATE SET extra_seconds = %(extra_seconds)s,
        extra_reason = %(reason)s, extra_granted_by = %(by)s, extra_granted_at = %(at)s
    RETURNING counter.*
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, user_id, reason, before, after)
    SELECT %(at)s::timestamptz, %(by)s::text, 'put-accommodation', quiz_id, user_id, %(reason)s::text,
        (SELECT extra FROM former), {extra}
    FROM written WHERE NOT {acted_before}
)
SELECT user_id FROM written
