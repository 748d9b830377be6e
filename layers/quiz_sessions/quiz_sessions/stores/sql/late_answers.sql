-- The late answers of an attempt, and whether they were accepted since.
-- Takes    id
-- Returns  revision (of the event), answers (question -> {answer, at}), accepted
-- Locks    nothing
SELECT late.revision, late.changes -> 'late_answers' AS answers, EXISTS (
    SELECT FROM attempt_events AS accepted
    WHERE accepted.attempt_id = %(id)s AND accepted.type = 'late_accepted'
        AND (accepted.changes ->> 'late_answer')::bigint = late.revision
) AS accepted
FROM attempt_events AS late
WHERE late.attempt_id = %(id)s AND late.type = 'late_answer'
ORDER BY late.revision
