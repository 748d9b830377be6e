-- Save scores, except those of attempts that have changed since they were graded or that others hold.
-- Takes    batch (list of {id, known_revision, new_score, new_max_score, new_grading, new_results, quiz_revision, by,
--          reason}), at, resent
-- Returns  the attempts whose score was saved, as they are now
-- Locks    their rows, in the order of their ids; skips those that others hold
WITH batch AS (
    SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS batch (
        id uuid, known_revision bigint, new_score double precision,
        new_max_score double precision, new_grading text, new_results jsonb,
        quiz_revision integer, by text, reason text
    )
), locked AS (
    SELECT quiz_attempts.id, score AS former_score, max_score AS former_max_score
    FROM quiz_attempts JOIN batch ON batch.id = quiz_attempts.id AND known_revision = revision
    ORDER BY quiz_attempts.id FOR UPDATE OF quiz_attempts SKIP LOCKED
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET score = CASE WHEN new_results IS NULL THEN attempt.score ELSE new_score END,
        max_score = CASE WHEN new_results IS NULL THEN attempt.max_score ELSE new_max_score END,
        grading = CASE WHEN new_results IS NULL THEN attempt.grading ELSE new_grading END,
        results = new_results,
        graded_with = quiz_revision,
        needs_grading = false,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp()
    FROM locked JOIN batch USING (id)
    WHERE attempt.id = locked.id AND attempt.revision = known_revision
    RETURNING attempt.*
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT id, revision, version, 'graded', jsonb_build_object(
        'score', score, 'max_score', max_score, 'grading', grading, 'quiz_revision', quiz_revision
    ) || jsonb_strip_nulls(jsonb_build_object(
        'by', batch.by, 'reason', batch.reason,
        'former_score', former_score, 'former_max_score', former_max_score
    )), %(at)s
    FROM changed JOIN batch USING (id) JOIN locked USING (id)
)
SELECT {attempt} FROM changed
UNION ALL SELECT {attempt} FROM quiz_attempts JOIN batch USING (id)
WHERE %(resent)s AND revision = known_revision + 1 AND EXISTS (
    SELECT FROM attempt_events AS event
    WHERE event.attempt_id = batch.id AND event.revision = known_revision + 1
        AND event.type = 'graded' AND event.at = %(at)s
)
