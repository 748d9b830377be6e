-- Whether a staff action is about a session, or about its quiz since it was started, or gave its user time, there or
-- everywhere.
-- Takes session_id; uses the columns of staff_actions.
session_id = %(session_id)s OR session_id IS NULL AND quiz_id IS NULL
    AND user_id = (SELECT user_id FROM quiz_attempts WHERE id = %(session_id)s)
OR session_id IS NULL
    AND quiz_id = (SELECT quiz_id FROM quiz_attempts WHERE id = %(session_id)s)
    AND (
        user_id = (SELECT user_id FROM quiz_attempts WHERE id = %(session_id)s)
        OR user_id IS NULL AND at >= (SELECT {begun} FROM quiz_attempts AS attempt WHERE id = %(session_id)s)
    )
