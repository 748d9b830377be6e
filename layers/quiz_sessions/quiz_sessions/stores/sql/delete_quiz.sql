-- Delete a quiz, unless attempts at it are open.
-- Takes    quiz_id, at, by, resent
-- Returns  a row if it was deleted
-- Locks    the quiz's row; runs under lock_quiz
WITH deleted AS (
    DELETE FROM quizzes WHERE quiz_id = %(quiz_id)s AND NOT EXISTS (
        SELECT FROM quiz_attempts AS attempt
        WHERE attempt.quiz_id = %(quiz_id)s AND {open}
    )
    RETURNING *
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, before)
    SELECT %(at)s::timestamptz, %(by)s::text, 'delete-quiz', quiz_id, {rules} FROM deleted AS quiz
)
SELECT quiz_id FROM deleted
UNION ALL SELECT %(quiz_id)s
WHERE %(resent)s AND NOT EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)
