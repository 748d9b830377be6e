-- Save scores, except those of attempts that have changed since they were graded or that others hold.
-- Takes    batch (list of {id, known_revision, new_score, new_max_score, new_grading, new_results, new_waiting,
--          quiz_revision, by, reason}), at, resent
-- Returns  the attempts whose score was saved, as they are now
-- Locks    their rows, in the order of their ids; skips those that others hold
WITH batch AS (
    SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS batch (
        id uuid, known_revision bigint, new_score double precision,
        new_max_score double precision, new_grading text, new_results jsonb, new_waiting text[],
        quiz_revision integer, by text, reason text
    )
), locked AS (
    SELECT quiz_attempts.id, revision, version, score AS former_score, max_score AS former_max_score, chain_head,
        CASE WHEN new_results IS NULL THEN score ELSE new_score END AS graded_score,
        CASE WHEN new_results IS NULL THEN max_score ELSE new_max_score END AS graded_max_score,
        CASE WHEN new_results IS NULL THEN grading ELSE new_grading END AS graded_state,
        new_results, new_waiting, quiz_revision, by, reason
    FROM quiz_attempts JOIN batch ON batch.id = quiz_attempts.id
        -- rule: a score is saved only for the row that it was summed from
        AND known_revision = revision
    ORDER BY quiz_attempts.id FOR UPDATE OF quiz_attempts SKIP LOCKED
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'graded', jsonb_build_object(
        'score', graded_score, 'max_score', graded_max_score, 'grading', graded_state,
        'quiz_revision', quiz_revision
    ) || jsonb_strip_nulls(jsonb_build_object(
        'by', by, 'reason', reason,
        'former_score', former_score, 'former_max_score', former_max_score
    )), %(at)s, chain_head
    FROM locked
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET score = graded_score,
        max_score = graded_max_score,
        grading = graded_state,
        results = new_results,
        waiting = new_waiting,
        graded_with = quiz_revision,
        needs_grading = false,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM locked JOIN event ON event.attempt_id = locked.id
    WHERE attempt.id = locked.id
    RETURNING attempt.*
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, reason, after)
    SELECT %(at)s::timestamptz, by, 'regrade', quiz_id, reason,
        jsonb_build_object('quiz_revision', quiz_revision, 'regraded', count(*), 'changed', coalesce(jsonb_object_agg(
            id, jsonb_build_object(
                'former_score', former_score, 'former_max_score', former_max_score,
                'score', graded_score, 'max_score', graded_max_score
            )
        ) FILTER (WHERE (former_score, former_max_score) IS DISTINCT FROM (graded_score, graded_max_score)), '{}'))
    FROM locked JOIN changed USING (id) WHERE reason IS NOT NULL GROUP BY by, quiz_id, reason, quiz_revision
)
SELECT {attempt} FROM changed
UNION ALL SELECT {attempt} FROM quiz_attempts JOIN batch USING (id)
WHERE %(resent)s AND revision = known_revision + 1 AND EXISTS (
    SELECT FROM attempt_events AS event
    WHERE event.attempt_id = batch.id AND event.revision = known_revision + 1
        AND event.type = 'graded' AND event.at = %(at)s
)
