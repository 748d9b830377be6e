-- Mark questions of an ended attempt, or take marks back. The score is summed by the statement that follows.
-- Takes    id, marks (question -> {points, comment, answer_sha256 of the answer that it is for, or null},
--          or null to take it back), marker (or null), take (whether also what others hold), revisions (those of If-Match,
--          or null), at, write_id, by, reason (or null), action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome, held_question, held_by and held_until (with 'held' of the first that
--          is held), and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, results, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), given AS (
    SELECT jsonb_object_agg(key, CASE WHEN value <> 'null' THEN jsonb_strip_nulls(value) END) AS given,
        coalesce(jsonb_object_agg(key, results -> key -> 'points') FILTER (WHERE results ? key), '{}')
            AS former_points
    FROM current, jsonb_each(%(marks)s::jsonb)
), merged AS (
    SELECT jsonb_strip_nulls(current.marks || given) AS marks FROM current, given
), held AS (
    SELECT question, held_by, held_until FROM grading_claims
    WHERE attempt_id = %(id)s AND %(marks)s::jsonb ? question AND held_by IS DISTINCT FROM %(marker)s::text
        AND held_until > %(at)s::timestamptz AND NOT %(take)s
    ORDER BY question LIMIT 1
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN {open} THEN 'open'
        WHEN status = 'abandoned' THEN 'closed'
        -- rule: a mark is compared with the row that its marker saw
        WHEN revision <> ALL (%(revisions)s::bigint[]) THEN 'moved'
        -- rule: nobody marks what another holds
        WHEN EXISTS (SELECT FROM held) THEN 'held'
        WHEN octet_length(merged.marks::text) > {max_session_bytes} THEN 'too_large'
        ELSE 'changed' END AS outcome
    FROM current AS attempt, merged
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'marked', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'marks', given, 'former_points', former_points,
        'score_by_hand', false, 'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s, chain_head
    FROM current, given, judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET marks = merged.marks, score_by_hand = false, needs_grading = true,
        -- The statement that follows finds them anew. What is marked waits no longer if that does not come.
        waiting = ARRAY(
            SELECT question FROM unnest(attempt.waiting) AS question WHERE given -> question IS NULL OR given -> question = 'null'
        ),
        revision = attempt.revision + 1, last_updated = clock_timestamp(), chain_head = event.hash
    FROM merged, event, given
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
), released AS (
    DELETE FROM grading_claims WHERE attempt_id IN (SELECT id FROM changed) AND %(marks)s::jsonb ? question
), {acted}
SELECT outcome, held.question AS held_question, held_by, held_until, row.* FROM judged LEFT JOIN held ON outcome = 'held', LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
