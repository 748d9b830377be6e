-- Let the answers of a late_answer event count, if they are later than the committed ones.
-- Takes    id, event (its revision), at, write_id, by, reason, action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), late AS (
    SELECT changes -> 'late_answers' AS answers FROM attempt_events
    WHERE attempt_id = %(id)s AND revision = %(event)s AND type = 'late_answer'
), counting AS (
    SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{}') AS answers,
        coalesce(jsonb_object_agg(
            key, jsonb_build_object(
                'version', current.version, 'at', value -> 'at', 'writer', value -> 'writer'
            ) || {first_at}
        ), '{}') AS meta,
        least({max_integer}, coalesce(ceil((max((value ->> 'at')::bigint)
            - max(extract(epoch FROM expires_at) * 1000000)::bigint) / 1000.0), 0))::integer AS lateness
    FROM current, late, jsonb_each(late.answers)
    WHERE (value ->> 'at')::bigint > coalesce((answer_meta -> key ->> 'at')::bigint, -1)
), judged AS (
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM late) THEN 'no_late_answer'
        WHEN {repeated} THEN 'repeated'
        WHEN octet_length((answers || (SELECT counting.answers FROM counting))::text) > {max_session_bytes}
            OR (SELECT count(*) FROM jsonb_object_keys(answers || (SELECT counting.answers FROM counting))) > {max_answers}
            THEN 'too_large'
        ELSE 'changed' END AS outcome
    FROM current AS attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'late_accepted', jsonb_build_object(
        'write_id', %(write_id)s::text, 'late_answer', %(event)s::bigint,
        'answers', counting.answers, 'late_ms', greatest(late_ms, lateness), 'by', %(by)s::text,
        'reason', %(reason)s::text
    ), %(at)s, chain_head
    FROM current, counting, judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET answers = attempt.answers || counting.answers,
        answer_meta = attempt.answer_meta || meta,
        late_ms = greatest(attempt.late_ms, lateness),
        needs_grading = attempt.status IN ('completed', 'expired') AND {gradable},
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM counting, event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
), {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
