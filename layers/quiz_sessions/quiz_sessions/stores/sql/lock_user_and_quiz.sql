-- Wait for a change of the standing accommodation of an attempt's user, as starts do, and then, as lock_quiz does, for
-- what copies the rules of its quiz.
-- Takes    id
-- Returns  nothing of use
-- Locks    the user's advisory lock, shared, and then the quiz's, until the transaction ends
SELECT pg_advisory_xact_lock_shared(hashtextextended('user:' || user_id, 0)),
    pg_advisory_xact_lock(hashtextextended('quiz:' || quiz_id, 0))
FROM quiz_attempts WHERE id = %(id)s
