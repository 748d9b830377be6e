-- Commit answers.
-- Takes    id, owner (or null), answers (object), at (microseconds), at_time (the same as a timestamp), writer,
--          version (or null), current_question (or null), write_id, resent (after a lost reply, or if the caller chose
--          the write_id), payload (a hash of what a write_id of the caller's stands for, or null),
--          based_on (question -> {at, writer} of the answer that was shown, or null), drafts (question -> {answer, at,
--          writer}, of the questions in based_on), revision (that of If-Match, or null), moved (whether the drafts are
--          others than those of If-Match), pace_interval and pace_burst (microseconds, see domain/pace; 0 for no limit)
-- Returns  no row if there is no such attempt; else outcome, unseen (questions whose answer the writer had not seen),
--          and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head, greatest(paced_until, %(at)s) AS paced_until, least({max_integer}, greatest(
            0, ceil(extract(epoch FROM %(at_time)s - expires_at) * 1000)
        ))::integer AS lateness,
        (extract(epoch FROM accepts_until) * 1000000)::bigint AS end_at
    FROM quiz_attempts
    WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE
), sent AS (
    SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE counts), '{}') AS answers,
        jsonb_object_agg(key, value) FILTER (WHERE NOT counts) AS outdated,
        coalesce(jsonb_object_agg(key, jsonb_build_object(
            'version', current.version + 1, 'at', made_at, 'writer', %(writer)s::text
        )) FILTER (WHERE counts), '{}') AS meta,
        -- rule: a commit's based_on is compared with the answers in the row
        array_agg(key) FILTER (WHERE {unseen}) AS unseen,
        -- A question without an answer gives NULL, which bool_and() would ignore.
        bool_and((current.answers -> key = value
            AND known_version = %(version)s::bigint + 1) IS TRUE) AS repeated
    FROM current, jsonb_each(%(answers)s::jsonb), LATERAL (
        SELECT (answer_meta -> key ->> 'at')::bigint AS known_at,
            (answer_meta -> key ->> 'version')::int AS known_version
    ), LATERAL (
        SELECT %(version)s::bigint IS NOT NULL OR known_at IS NULL OR known_at <= %(at)s AS counts,
            -- rule: a commit that names the version makes its answers later than what they replace
            greatest(%(at)s, known_at + (%(version)s::bigint IS NOT NULL)::integer) AS made_at
    ), LATERAL (
        SELECT {counting_answer}
    ) AS counting
), merged AS (
    SELECT current.answers || sent.answers AS answers, answer_meta || meta AS meta
    FROM current, sent
), judged AS (
    SELECT CASE
        WHEN %(resent)s AND EXISTS (
            SELECT FROM event_of_write(%(id)s, %(write_id)s)
        ) THEN {same_payload}
        WHEN version = %(version)s::bigint + 1 AND repeated THEN 'repeated'
        WHEN %(revision)s::bigint IS NOT NULL AND EXISTS (
            SELECT FROM event_at(%(id)s, %(revision)s::bigint + 1)
            WHERE type = 'answered'
                AND coalesce(changes ->> 'writer', '-') = %(writer)s
                AND changes -> 'answers' || coalesce(changes -> 'outdated', '{}') = %(answers)s::jsonb
        ) THEN 'repeated'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR %(at_time)s > accepts_until THEN 'overdue'
        WHEN paced_until - %(at)s > %(pace_burst)s::bigint AND %(pace_interval)s::bigint > 0 THEN 'too_fast'
        -- rule: a version is compared with the row's
        WHEN version <> %(version)s THEN 'conflict'
        WHEN revision <> %(revision)s OR %(moved)s THEN 'moved'
        WHEN unseen IS NOT NULL THEN 'unseen'
        WHEN EXISTS (
            SELECT FROM jsonb_object_keys(%(answers)s::jsonb) AS sent WHERE NOT question_ids ? sent
        ) THEN 'unknown_question'
        WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({max_answers},
            (SELECT count(*) FROM jsonb_object_keys(current.answers))) THEN 'too_many'
        WHEN octet_length(merged.answers::text) > {max_session_bytes}
            AND octet_length(merged.answers::text) > octet_length(current.answers::text)
            THEN 'too_large'
        ELSE 'written' END AS outcome
    FROM current, sent, merged
), event AS (
    -- rule: the event is written by the statement that changes the row
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version + 1, 'answered', jsonb_strip_nulls(jsonb_build_object(
        -- rule: a statement that is sent again looks for its write_id
        'write_id', %(write_id)s::text, 'payload', %(payload)s::text, 'writer', nullif(%(writer)s, '-'),
        -- Recorded only if it takes effect, so that a replay of the audit log gives the row.
        'current_question', CASE WHEN %(version)s::bigint IS NOT NULL OR %(at)s >= current_question_at
            THEN %(current_question)s::bigint END
    )) || jsonb_build_object('answers', sent.answers)
        || CASE WHEN outdated IS NULL THEN '{}'
            ELSE jsonb_build_object('outdated', outdated) END
        || CASE WHEN lateness = 0 THEN '{}' ELSE jsonb_build_object('late_ms', lateness) END,
        -- rule: an event names the event before it as the locked row has it
        %(at_time)s, chain_head
    FROM current, sent, judged WHERE outcome = 'written'
    RETURNING hash
), written AS (
    UPDATE quiz_attempts AS attempt
    SET status = 'in_progress',
        answers = merged.answers,
        answer_meta = merged.meta,
        current_question = CASE
            WHEN %(current_question)s::bigint IS NOT NULL
                AND (%(version)s::bigint IS NOT NULL OR %(at)s >= attempt.current_question_at)
            THEN %(current_question)s ELSE attempt.current_question END,
        current_question_at = CASE WHEN %(current_question)s::bigint IS NOT NULL
            THEN greatest(%(at)s, attempt.current_question_at)
            ELSE attempt.current_question_at END,
        version = attempt.version + 1,
        revision = attempt.revision + 1,
        time_remaining = greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(at_time)s))),
        late_ms = greatest(attempt.late_ms, lateness),
        last_updated = clock_timestamp(),
        paced_until = current.paced_until + %(pace_interval)s,
        -- rule: the head of the chain moves with the row
        chain_head = event.hash
    FROM merged, current, event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
)
SELECT outcome, unseen, row.* FROM judged, sent, LATERAL (
    SELECT {attempt} FROM written
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'written'
) AS row
