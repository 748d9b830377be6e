-- The committed answers of the attempts at a quiz, for an export.
-- Takes    quiz_id, own (whose attempts are left out, or null)
-- Returns  the columns of RECORDS in domain/exports, by the ids of attempts and of questions
-- Locks    nothing
SELECT id AS session_id, user_id, quiz_id, attempt_no, question, answer::text AS answer,
    (answer_meta -> question ->> 'at')::bigint AS answered_at,
    coalesce(answer_meta -> question ->> 'first_at', answer_meta -> question ->> 'at')::bigint AS first_answered_at
FROM quiz_attempts CROSS JOIN jsonb_each(answers) AS given (question, answer)
WHERE quiz_id = %(quiz_id)s AND user_id IS DISTINCT FROM %(own)s::text
ORDER BY id, question COLLATE "C"
