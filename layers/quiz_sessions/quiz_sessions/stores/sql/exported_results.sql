-- What the questions of the attempts at a quiz earned, for an export.
-- Takes    quiz_id, own (whose attempts are left out, or null)
-- Returns  the columns of RECORDS in domain/exports, by the ids of attempts and of questions
-- Locks    nothing
SELECT id AS session_id, user_id, quiz_id, attempt_no, question, (result ->> 'points')::double precision AS points,
    (result ->> 'max_points')::double precision AS max_points, (result ->> 'correct')::boolean AS correct,
    result ->> 'marked_by' AS marked_by, result ->> 'comment' AS comment
FROM quiz_attempts CROSS JOIN jsonb_each(results) AS earned (question, result)
WHERE quiz_id = %(quiz_id)s AND user_id IS DISTINCT FROM %(own)s::text AND NOT needs_grading
ORDER BY id, question COLLATE "C"
