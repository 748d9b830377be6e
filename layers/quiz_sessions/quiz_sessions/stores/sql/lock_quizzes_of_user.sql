-- Like lock_quiz, for the quizzes at which a user has open attempts: under lock_user there will be no others.
-- Takes    user_id
-- Returns  nothing of use
-- Locks    the quizzes' advisory locks, in the order of their ids, until the transaction ends; runs under lock_user
SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || quiz_id, 0)) FROM (
    SELECT DISTINCT quiz_id FROM quiz_attempts WHERE user_id = %(user_id)s AND {open} ORDER BY quiz_id
) AS quiz
