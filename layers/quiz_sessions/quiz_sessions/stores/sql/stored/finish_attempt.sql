-- Complete or abandon an attempt, merging its drafts and then the last answers.
-- Takes    id, owner (or null), status (completed or abandoned), deadline (the one that the client knows, or null),
--          drafts (question -> {answer, at, writer}), answers, current_question and current_question_at (of its draft;
--          -1 for none), at, at_time, writer, version (or null), write_id (the caller's, or null), payload, based_on,
--          revision, moved, address, config_key_hash (these as in write_answers), by and reason (of staff who do it, or
--          null), action (what staff do, or null) and key (the Idempotency-Key of that, or null)
-- Returns  no row if there is no such attempt; else outcome, unseen (questions whose answer the writer had not seen), barred
--          (questions of the answers that are locked, or whose section is over), and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head, (extract(epoch FROM accepts_until) * 1000000)::bigint AS end_at,
        %(drafts)s::jsonb AS drafts, %(based_on)s::jsonb AS based_on, %(writer)s::text AS writer,
        %(write_id)s::text AS write_id, %(payload)s::text AS payload,
        %(address)s::inet AS address, %(config_key_hash)s::text AS config_key_hash
    FROM quiz_attempts
    WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE
), sent AS (
    SELECT key, value -> 'answer' AS answer, (value ->> 'at')::bigint AS at, value ->> 'writer' AS writer, 1 AS rank
    FROM jsonb_each(%(drafts)s::jsonb)
    UNION ALL SELECT key, value, %(at)s, %(writer)s, 2 FROM jsonb_each(%(answers)s::jsonb)
), own AS (
    SELECT jsonb_object_agg(key, value) FILTER (WHERE known_at > %(at)s AND %(version)s::bigint IS NULL) AS outdated,
        array_agg(key) FILTER (WHERE {unseen}) AS unseen,
        -- What is held is not refused for its time.
        array_agg(key) FILTER (WHERE is_past AND counting.answer IS DISTINCT FROM value) AS barred,
        -- rule: a second hand-in is a repeat only if all that it brings is held
        bool_and(coalesce(current.answers -> key = value, false) OR EXISTS (
            SELECT FROM events_with(%(id)s, 'outdated') AS event
            WHERE event.type = current.status AND event.changes -> 'outdated' -> key = value
        )) AS held
    FROM current, jsonb_each(%(answers)s::jsonb), LATERAL (
        SELECT (answer_meta -> key ->> 'at')::bigint AS known_at
    ), LATERAL (
        SELECT {counting_answer}
    ) AS counting, LATERAL (
        SELECT {past} AS is_past FROM (SELECT %(at)s::bigint AS sent_at) AS sending
    ) AS going
), counting AS (
    SELECT DISTINCT ON (key) key, answer, sent.writer, rank,
        {first_at} || CASE WHEN rank = 2 AND NOT answer_meta ? key AND %(drafts)s::jsonb ? key
            THEN jsonb_build_object('first_at', %(drafts)s::jsonb -> key -> 'at') ELSE '{}' END AS first_at,
        CASE WHEN rank = 2 AND %(version)s::bigint IS NOT NULL
            THEN greatest(sent.at, known_at + 1) ELSE greatest(sent.at, known_at) END AS at
    FROM current, sent, LATERAL (
        SELECT coalesce((answer_meta -> key ->> 'at')::bigint, -1) AS known_at
    )
    WHERE sent.at <= %(at)s
        -- rule: a completion merges no draft that another device put after a takeover
        AND NOT (SELECT {other_device} OR {past} FROM (SELECT sent.writer AS sent_by, sent.at AS sent_at) AS sending)
        AND (sent.at > known_at
            OR rank = 2 AND (sent.at = known_at OR %(version)s::bigint IS NOT NULL))
    ORDER BY key, rank DESC
), merged AS (
    SELECT current.answers || coalesce(jsonb_object_agg(key, answer)
            FILTER (WHERE key IS NOT NULL), '{}') AS answers,
        current.answer_meta || coalesce(jsonb_object_agg(key, jsonb_build_object(
            'version', current.version + 1, 'at', counting.at, 'writer', counting.writer
        ) || first_at) FILTER (WHERE key IS NOT NULL), '{}') AS meta,
        coalesce(jsonb_object_agg(key, answer) FILTER (WHERE key IS NOT NULL), '{}') AS counted,
        -- Of what came before this request.
        jsonb_object_agg(key, counting.at || '.' || counting.writer) FILTER (WHERE rank = 1) AS tags,
        -- The answers and drafts accepted before this request, which must not be refused for their size.
        current.answers || (
            SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{}')
            FROM jsonb_each(%(drafts)s::jsonb)
        ) AS kept
    FROM current LEFT JOIN counting ON true
    GROUP BY current.answers, current.answer_meta
), judged AS (
    SELECT CASE
        WHEN %(payload)s::text IS NOT NULL AND EXISTS (
            SELECT FROM event_of_write(%(id)s, %(write_id)s)
        ) THEN {same_payload}
        WHEN status = %(status)s AND held IS NOT FALSE THEN 'repeated'
        WHEN %(reason)s::text IS NULL AND refusal IS NOT NULL THEN refusal
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR %(at_time)s > accepts_until THEN 'overdue'
        WHEN %(reason)s::text IS NULL AND access ? 'one_device' AND writer = '-' THEN 'device_unnamed'
        WHEN %(reason)s::text IS NULL AND is_of_other THEN 'other_device'
        -- Nor does the end of a time that stands end an attempt.
        WHEN %(at_time)s > paused_at AND (%(answers)s::jsonb <> '{}' OR %(deadline)s::timestamptz IS NOT NULL) THEN 'paused'
        WHEN barred IS NOT NULL
            THEN CASE WHEN progress -> 'locked' ?| barred THEN 'question_locked' ELSE 'section_expired' END
        -- Clients know the deadline in milliseconds, like the clocks of browsers.
        WHEN date_trunc('milliseconds', expires_at) > %(deadline)s THEN 'extended'
        WHEN version <> %(version)s THEN 'conflict'
        WHEN revision <> %(revision)s OR %(moved)s THEN 'moved'
        WHEN unseen IS NOT NULL THEN 'unseen'
        WHEN EXISTS (
            SELECT FROM jsonb_object_keys(%(answers)s::jsonb) AS sent WHERE NOT question_ids ? sent
        ) THEN 'unknown_question'
        WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({max_answers},
            (SELECT count(*) FROM jsonb_object_keys(kept))) THEN 'too_many'
        WHEN octet_length(merged.answers::text) > {max_session_bytes}
            AND octet_length(merged.answers::text) > octet_length(kept::text) THEN 'too_large'
        ELSE 'written' END AS outcome
    FROM current, merged, own, LATERAL (
        -- Staff come from where they like.
        SELECT {refusal} AS refusal
    ) AS letting_in, LATERAL (
        SELECT {other_device} AS is_of_other FROM (SELECT writer AS sent_by, %(at)s::bigint AS sent_at) AS sending
    ) AS devices
), ending AS (
    SELECT CASE
            WHEN %(current_question_at)s > current_question_at AND %(current_question_at)s <= %(at)s
            THEN %(current_question)s ELSE current_question END AS question,
        greatest(late_ms, least(
            {max_integer}, ceil(extract(epoch FROM %(at_time)s - deadline) * 1000)
        ))::integer AS lateness, lasted, deadline, progressed,
        -- rule: what a student was told to be kept, until the cache knew that staff had handed in, counts
        CASE WHEN %(action)s::text IS NULL THEN %(at_time)s ELSE greatest(%(at_time)s, least(
            %(at_time)s + interval '2 seconds', deadline + make_interval(secs => grace_seconds)
        )) END AS last_moment
    -- The end of an attempt ends its pause.
    FROM current AS attempt, LATERAL (
        SELECT {stood} AS lasted FROM (SELECT %(at_time)s AS until) AS ending
    ) AS pause, LATERAL (
        SELECT expires_at + make_interval(secs => lasted) AS deadline
    ) AS deadlines, LATERAL (
        SELECT {sections_moved} AS known_progress FROM (
            SELECT (extract(epoch FROM paused_at) * 1000000)::bigint AS moment, lasted AS added,
                time_limit_seconds AS limit_then, accommodation_seconds AS accommodation_then
        ) AS moving
    ) AS moved, LATERAL (
        SELECT progressed
        FROM (SELECT (attempt).*) AS current, (SELECT %(answers)s::jsonb AS sent, %(at)s::bigint AS at) AS sending,
            LATERAL ({going_on}) AS going
    ) AS going
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version + 1, %(status)s, jsonb_strip_nulls(jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload)s::text, 'writer', nullif(%(writer)s, '-'),
        'by', %(by)s::text, 'reason', %(reason)s::text
    )) || jsonb_build_object(
        'answers', counted, 'current_question', ending.question, 'late_ms', lateness
    -- rule: a completion records what it brought too late to count
    ) || CASE WHEN outdated IS NULL THEN '{}' ELSE jsonb_build_object('outdated', outdated) END
        || CASE WHEN tags IS NULL THEN '{}' ELSE jsonb_build_object('answer_tags', tags) END
        || CASE WHEN paused_at IS NULL THEN '{}' ELSE jsonb_build_object(
            'paused_at', NULL, 'session_paused', false, 'quiz_paused', false,
            'pause_seconds', pause_seconds + lasted, 'expires_at', deadline
        ) END
        || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END
        || CASE WHEN last_moment = %(at_time)s THEN '{}' ELSE jsonb_build_object('ended_at', last_moment) END,
        %(at_time)s, chain_head
    FROM current, merged, own, ending, judged WHERE outcome = 'written'
    RETURNING hash
), written AS (
    UPDATE quiz_attempts AS attempt
    SET status = %(status)s,
        answers = merged.answers,
        answer_meta = merged.meta,
        current_question = ending.question,
        current_question_at = CASE WHEN %(current_question_at)s <= %(at)s
            THEN greatest(%(current_question_at)s, attempt.current_question_at)
            ELSE attempt.current_question_at END,
        version = attempt.version + 1,
        revision = attempt.revision + 1,
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - greatest(%(at_time)s, attempt.started_at)))),
        pause_seconds = attempt.pause_seconds + lasted,
        paused_at = NULL,
        session_paused = false,
        quiz_paused = false,
        expires_at = deadline,
        late_ms = lateness,
        progress = progressed,
        last_updated = clock_timestamp(),
        completed_at = CASE WHEN %(status)s = 'completed' THEN least(%(at_time)s, deadline) END,
        ended_at = last_moment,
        end_recorded_at = %(at_time)s,
        needs_grading = %(status)s = 'completed' AND {gradable},
        -- rule: the head of the chain moves with the row
        chain_head = event.hash
    FROM merged, ending, event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
), acted AS (
    INSERT INTO staff_actions (
        at, by, action, session_id, revision, quiz_id, user_id, reason, before, after, key, payload_hash
    )
    SELECT %(at_time)s, %(by)s::text, %(action)s::text, id, written.revision, quiz_id, user_id, %(reason)s::text,
        former.state, {state} - '{score,max_score,grading}'::text[], %(key)s::text, %(payload)s::text
    FROM written JOIN (SELECT id, {state} AS state FROM current) AS former USING (id)
    WHERE %(action)s::text IS NOT NULL
)
SELECT outcome, unseen, barred, row.* FROM judged, own, LATERAL (
    SELECT {attempt} FROM written
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'written'
) AS row
