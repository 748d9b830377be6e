-- Wait for the starts of a quiz that are under way, and keep others waiting: each holds the quiz's row.
-- Takes    quiz_id
-- Returns  a row if the quiz is registered
-- Locks    the quiz's row; runs under lock_quiz
SELECT quiz_id FROM quizzes WHERE quiz_id = %(quiz_id)s FOR UPDATE
