-- Whether a staff action is about a user at a quiz: about both, about everybody there since the user first started the
-- quiz, or about the user everywhere.
-- Takes user_id, quiz_id; uses the columns of staff_actions.
quiz_id = %(quiz_id)s AND (user_id = %(user_id)s OR user_id IS NULL AND at >= (
    SELECT min({begun}) FROM quiz_attempts AS attempt WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s
)) OR quiz_id IS NULL AND session_id IS NULL AND user_id = %(user_id)s
