-- Revoke a user's standing accommodation.
-- Takes    user_id, at, by, resent
-- Returns  a row if there was any
-- Locks    the accommodation; runs under lock_user and lock_quizzes_of_user
WITH deleted AS (
    DELETE FROM user_accommodations WHERE user_id = %(user_id)s RETURNING *
), acted AS (
    INSERT INTO staff_actions (at, by, action, user_id, before)
    SELECT %(at)s::timestamptz, %(by)s::text, 'delete-standing-accommodation', user_id, {standing} FROM deleted
)
SELECT user_id FROM deleted
UNION ALL SELECT %(user_id)s WHERE %(resent)s AND NOT EXISTS (
    SELECT FROM user_accommodations WHERE user_id = %(user_id)s
)
