-- Answers of an attempt by reference, for as many questions as fit.
-- Takes    id, questions, revisions (of the events that have their answers)
-- Returns  question, answer
-- Locks    nothing
SELECT question, changes -> 'answers' -> question AS answer
FROM unnest(%(questions)s::text[], %(revisions)s::bigint[]) AS reference (question, revision)
    JOIN attempt_events AS event ON attempt_id = %(id)s AND event.revision = reference.revision
