-- The columns of an answer that waits for a person, but for who holds it.
-- Uses attempt and question.
attempt.id AS session_id, attempt.started_at, attempt.revision, attempt.status, question, attempt.answers -> question AS answer,
    coalesce((attempt.results -> question ->> 'max_points')::double precision, 0) AS points
