-- Whether a staff action on a quiz is about a user, or about everybody since the user first started the quiz.
-- Takes user_id, quiz_id; uses the columns of staff_actions.
user_id = %(user_id)s OR user_id IS NULL AND at >= (
    SELECT min(started_at) FROM quiz_attempts WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s
)
