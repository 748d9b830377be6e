-- Set a user's standing accommodation.
-- Takes    user_id, time_factor, extra_seconds, closes_later_seconds, reason, by, at, resent
-- Returns  one row
-- Locks    the accommodation; runs under lock_user and lock_quizzes_of_user
WITH former AS (
    SELECT {standing} AS standing FROM user_accommodations WHERE user_id = %(user_id)s
), written AS (
    INSERT INTO user_accommodations AS known (
        user_id, time_factor, extra_seconds, closes_later_seconds, reason, granted_by, granted_at
    )
    VALUES (
        %(user_id)s, %(time_factor)s, %(extra_seconds)s, %(closes_later_seconds)s, %(reason)s, %(by)s, %(at)s
    )
    ON CONFLICT (user_id) DO UPDATE SET time_factor = excluded.time_factor, extra_seconds = excluded.extra_seconds,
        closes_later_seconds = excluded.closes_later_seconds, reason = excluded.reason, granted_by = excluded.granted_by,
        granted_at = excluded.granted_at
    RETURNING known.*
), acted AS (
    INSERT INTO staff_actions (at, by, action, user_id, reason, before, after)
    SELECT %(at)s::timestamptz, %(by)s::text, 'put-standing-accommodation', user_id, %(reason)s::text,
        (SELECT standing FROM former), {standing}
    FROM written WHERE NOT (%(resent)s AND EXISTS (
        SELECT FROM staff_actions AS known WHERE known.user_id = %(user_id)s AND known.quiz_id IS NULL
            AND known.at = %(at)s AND known.by IS NOT DISTINCT FROM %(by)s
    ))
)
SELECT user_id FROM written
