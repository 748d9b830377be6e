-- The quizzes of these ids that are registered.
-- Takes    ids
-- Returns  quizzes
-- Locks    nothing
SELECT {quiz} FROM quizzes WHERE quiz_id = ANY(%(ids)s)
