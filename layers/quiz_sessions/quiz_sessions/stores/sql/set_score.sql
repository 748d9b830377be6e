-- Set the score of an ended attempt as a whole, unless it is the sum of its quiz's questions.
-- Takes    id, score, max_score, at, write_id, by, reason, action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {repeated} THEN 'repeated'
        WHEN {open} THEN 'open'
        WHEN status = 'abandoned' THEN 'closed'
        WHEN {gradable} THEN 'graded_by_key'
        ELSE 'changed' END AS outcome
    FROM current AS attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'graded', jsonb_build_object(
        'write_id', %(write_id)s::text, 'score', %(score)s::float8, 'max_score', %(max_score)s::float8,
        'grading', 'done', 'score_by_hand', true, 'by', %(by)s::text, 'reason', %(reason)s::text
    ) || jsonb_strip_nulls(jsonb_build_object('former_score', score, 'former_max_score', max_score)),
        %(at)s, chain_head
    FROM current, judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET score = %(score)s, max_score = %(max_score)s, grading = 'done', score_by_hand = true,
        results = NULL, needs_grading = false,
        revision = attempt.revision + 1, last_updated = clock_timestamp(), chain_head = event.hash
    FROM event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
), {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
