-- Commit answers, in many sessions at once, in each one write.
-- Takes    batch (list of {session_id, owner or null, sent: the answers, at in microseconds, at_time: the same as a
--          timestamp, writer, known_version or null, question: the current one or null, write_id, named: whether the
--          caller chose the write_id, payload: a hash of what a write_id of the caller's stands for, or null, based_on:
--          question -> {at, writer} of the answer that was shown, or null, drafts: question -> {answer, at, writer}, of
--          the questions in based_on, known_revision: that of If-Match, or null, moved: whether the drafts are others than
--          those of If-Match, pace_interval and pace_burst: in microseconds, see domain/pace, zero for no limit, address
--          and config_key_hash: as in create_attempts}), wait
--          (for rows that others hold, which are skipped otherwise), resent (whether the reply to the same may be lost)
-- Returns  no row for sessions that were skipped, are not there, or are not the owner's; else outcome, unseen (questions
--          whose answer the writer had not seen), barred (questions that are locked, or whose section is over), changed
--          (how many answers are others than they were), answered_at (when the last one before was given, where the change
--          is a burst), and the attempt as it is now
-- Locks    the rows, in the order of their ids
WITH request AS (
    SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS request (
        session_id uuid, owner text, sent jsonb, at bigint, at_time timestamptz, writer text, known_version bigint,
        question bigint, write_id text, named boolean, payload text, based_on jsonb, drafts jsonb,
        known_revision bigint, moved boolean, pace_interval bigint, pace_burst bigint, address inet, config_key_hash text
    )
), free AS (
    SELECT {attempt}, chain_head, paced_until, request.* FROM quiz_attempts AS attempt JOIN request ON id = session_id
    WHERE NOT %(wait)s AND (owner IS NULL OR user_id = owner)
    -- rule: those who write together wait for nobody else's row
    ORDER BY id FOR UPDATE OF attempt SKIP LOCKED
), awaited AS (
    SELECT {attempt}, chain_head, paced_until, request.* FROM quiz_attempts AS attempt JOIN request ON id = session_id
    WHERE %(wait)s AND (owner IS NULL OR user_id = owner)
    ORDER BY id FOR UPDATE OF attempt
), current AS (
    SELECT *, (extract(epoch FROM accepts_until) * 1000000)::bigint AS end_at
    FROM (SELECT * FROM free UNION ALL SELECT * FROM awaited) AS locked
), judged AS (
    SELECT current.*, counted, outdated, meta, unseen, barred, merged, lateness, moves, binds, changed, answered_at, progressed,
        CASE
        WHEN (%(resent)s OR named) AND EXISTS (
            SELECT FROM event_of_write(id, write_id)
        ) THEN {same_payload}
        WHEN version = known_version + 1 AND repeated THEN 'repeated'
        WHEN known_revision IS NOT NULL AND EXISTS (
            SELECT FROM event_at(id, known_revision + 1) AS event
            WHERE type = 'answered'
                AND coalesce(changes ->> 'writer', '-') = current.writer
                AND changes -> 'answers' || coalesce(changes -> 'outdated', '{}') = sent
        ) THEN 'repeated'
        WHEN refusal IS NOT NULL THEN refusal
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR at_time > accepts_until THEN 'overdue'
        WHEN access ? 'one_device' AND writer = '-' THEN 'device_unnamed'
        -- rule: what another device sends after a takeover is not written
        WHEN is_of_other THEN 'other_device'
        -- rule: no answer is written while the clock stands
        WHEN at_time > paused_at THEN 'paused'
        WHEN paced_until - at > pace_burst AND pace_interval > 0 THEN 'too_fast'
        WHEN barred IS NOT NULL
            THEN CASE WHEN progress -> 'locked' ?| barred THEN 'question_locked' ELSE 'section_expired' END
        -- rule: a version is compared with the row's
        WHEN version <> known_version THEN 'conflict'
        WHEN revision <> known_revision OR moved THEN 'moved'
        WHEN unseen IS NOT NULL THEN 'unseen'
        WHEN EXISTS (
            SELECT FROM jsonb_object_keys(sent) AS key WHERE NOT question_ids ? key
        ) THEN 'unknown_question'
        WHEN (SELECT count(*) FROM jsonb_object_keys(merged)) > greatest({max_answers},
            (SELECT count(*) FROM jsonb_object_keys(answers))) THEN 'too_many'
        WHEN octet_length(merged::text) > {max_session_bytes}
            AND octet_length(merged::text) > octet_length(answers::text)
            THEN 'too_large'
        ELSE 'written' END AS outcome
    FROM current, LATERAL (SELECT progress AS known_progress) AS former, LATERAL (
        SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE counts), '{}') AS counted,
            jsonb_object_agg(key, value) FILTER (WHERE NOT counts) AS outdated,
            count(*) FILTER (WHERE counts AND answers -> key IS DISTINCT FROM value) AS changed,
            coalesce(jsonb_object_agg(key, jsonb_build_object(
                'version', current.version + 1, 'at', made_at, 'writer', current.writer
            ) || {first_at}) FILTER (WHERE counts), '{}') AS meta,
            -- rule: a commit's based_on is compared with the answers in the row
            array_agg(key) FILTER (WHERE {unseen}) AS unseen,
            -- What is held is not refused for its time, and stays as it is.
            array_agg(key) FILTER (WHERE is_past AND counting.answer IS DISTINCT FROM value) AS barred,
            -- A question without an answer gives NULL, which bool_and() would ignore.
            bool_and((answers -> key = value AND made_by = known_version + 1) IS TRUE) AS repeated
        FROM jsonb_each(sent), LATERAL (
            SELECT (answer_meta -> key ->> 'at')::bigint AS known_at,
                (answer_meta -> key ->> 'version')::int AS made_by
        ), LATERAL (
            SELECT {past} AS is_past FROM (SELECT at AS sent_at) AS sending
        ) AS going, LATERAL (
            SELECT (known_version IS NOT NULL OR known_at IS NULL OR known_at <= at) AND NOT is_past AS counts,
                -- rule: a commit that names the version makes its answers later than what they replace
                greatest(at, known_at + (known_version IS NOT NULL)::integer) AS made_at
        ), LATERAL (
            SELECT {counting_answer}
        ) AS counting
    ) AS comparison, LATERAL (
        {going_on}
    ) AS going, LATERAL (
        SELECT answers || counted AS merged,
            CASE WHEN changed >= {burst_answers} THEN (
                SELECT max((known.value ->> 'at')::bigint) FROM jsonb_each(answer_meta) AS known
            ) END AS answered_at,
            least({max_integer}, greatest(0, ceil(extract(epoch FROM at_time - expires_at) * 1000)))::integer AS lateness,
            question IS NOT NULL AND (known_version IS NOT NULL OR at >= current_question_at) AS moves,
            -- The first device that writes is the one that may.
            (access ? 'one_device' AND device IS NULL) IS TRUE AS binds
    ) AS change, LATERAL (
        SELECT {refusal} AS refusal
    ) AS letting_in, LATERAL (
        SELECT {other_device} AS is_of_other FROM (SELECT writer AS sent_by, at AS sent_at) AS sending
    ) AS devices
), event AS (
    -- rule: the event is written by the statement that changes the row
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version + 1, 'answered', jsonb_strip_nulls(jsonb_build_object(
        -- rule: a statement that is sent again looks for its write_id
        'write_id', write_id, 'payload', payload, 'writer', nullif(writer, '-'),
        -- Recorded only if it takes effect, so that a replay of the audit log gives the row.
        'current_question', CASE WHEN moves THEN question END
    )) || jsonb_build_object('answers', counted)
        || CASE WHEN outdated IS NULL THEN '{}'
            ELSE jsonb_build_object('outdated', outdated) END
        || CASE WHEN lateness = 0 THEN '{}' ELSE jsonb_build_object('late_ms', lateness) END
        || CASE WHEN binds THEN jsonb_build_object('device', writer, 'device_since', at) ELSE '{}' END
        || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END,
        -- rule: an event names the event before it as the locked row has it
        at_time, chain_head
    FROM judged WHERE outcome = 'written'
    RETURNING attempt_id, hash
), written AS (
    UPDATE quiz_attempts AS attempt
    SET status = 'in_progress',
        answers = merged,
        answer_meta = attempt.answer_meta || meta,
        current_question = CASE WHEN moves THEN question ELSE attempt.current_question END,
        current_question_at = CASE WHEN question IS NOT NULL
            THEN greatest(at, attempt.current_question_at) ELSE attempt.current_question_at END,
        version = attempt.version + 1,
        revision = attempt.revision + 1,
        time_remaining = greatest(0, ceil(extract(epoch FROM
            attempt.expires_at - greatest(least(at_time, attempt.paused_at), attempt.started_at)
        ))),
        late_ms = greatest(attempt.late_ms, lateness),
        progress = progressed,
        device = CASE WHEN binds THEN writer ELSE attempt.device END,
        device_since = CASE WHEN binds THEN at ELSE attempt.device_since END,
        last_updated = clock_timestamp(),
        paced_until = greatest(attempt.paced_until, at) + pace_interval,
        -- rule: the head of the chain moves with the row
        chain_head = event.hash
    FROM judged JOIN event ON event.attempt_id = judged.id
    WHERE attempt.id = judged.id
    -- With all that is used below: the planner expects few rows, and would join them by comparing every row
    -- with every other.
    RETURNING attempt.*, outcome, unseen, barred, changed, answered_at
)
SELECT outcome, unseen, barred, changed, answered_at, {attempt} FROM written
UNION ALL SELECT outcome, unseen, barred, changed, answered_at, {attempt} FROM judged WHERE outcome <> 'written'
