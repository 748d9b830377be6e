-- Like lock_quiz, for the quiz of an attempt.
-- Takes    id
-- Returns  nothing of use
-- Locks    the quiz's advisory lock until the transaction ends
SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || quiz_id, 0)) FROM quiz_attempts
WHERE id = %(id)s
