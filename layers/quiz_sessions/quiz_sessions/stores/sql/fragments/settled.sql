-- CTEs: `settled` has the sessions of `list`, settled: drafts that count are merged, overdue rows expired, late and displaced
-- answers recorded; one event a row.
-- Takes list (of {id, fields: how many drafts, drafts: {question: {answer, at, writer}}, displaced: [{question, answer, at,
-- writer}], current: {answer, at, writer} or null}), sessions (how many of them), now, wait (for rows that others hold, which are
-- skipped otherwise), late_bytes (how much of late, and how much of displaced answers an attempt may have recorded; null
-- for any).
-- Locks the rows, in the order of their ids.
-- `settled` has the attempts as they are now, with settlement, late (questions whose draft came too late, or after they were
-- locked or their section was over), left_over (those that no event has yet), dealt_with (how many drafts need nothing more) and
-- is_final (whether no draft counts any more).
batch AS MATERIALIZED (
    -- A lock takes a row in its latest state, but the audit log is read as of the beginning of the statement.
    -- If a row was changed in between, the late answers of that change would be missed; `seen` leaves such a
    -- row out.
    SELECT batch.*, (SELECT revision FROM quiz_attempts WHERE quiz_attempts.id = batch.id) AS seen
    FROM jsonb_to_recordset(%(list)s::jsonb)
        AS batch (id uuid, fields integer, drafts jsonb, displaced jsonb, current jsonb)
), free AS (
    SELECT {attempt}, end_recorded_at, chain_head FROM quiz_attempts WHERE NOT %(wait)s AND id IN (SELECT id FROM batch)
    -- rule: a statement changes the row that it judged, under one lock
    ORDER BY id FOR UPDATE SKIP LOCKED
), awaited AS (
    SELECT {attempt}, end_recorded_at, chain_head FROM quiz_attempts WHERE %(wait)s AND id IN (SELECT id FROM batch)
    ORDER BY id FOR UPDATE
), locked AS (
    SELECT * FROM free UNION ALL SELECT * FROM awaited
), held AS (
    SELECT locked.*, fields, drafts, displaced, {open} AS was_open, jsonb_build_object('version', version) AS given_version,
        (current ->> 'answer')::bigint AS new_current_question, (current ->> 'at')::bigint AS new_current_question_at,
        current ->> 'writer' AS moved_by,
        (extract(epoch FROM coalesce(ended_at, accepts_until)) * 1000000)::bigint AS end_at,
        (extract(epoch FROM expires_at) * 1000000)::bigint AS deadline,
        -- rule: nothing counts once results were read, or long after the end
        ended_at IS NOT NULL AND (results_read_at >= ended_at IS TRUE
            OR end_recorded_at < %(now)s::timestamptz - interval '15 minutes') AS is_final
    FROM locked JOIN batch USING (id) WHERE revision <= seen
), judged AS (
    SELECT held.*, moves, counted, tags, meta, late, late_by_end, unrecorded, lateness, beside,
        CASE
            -- A damaged draft may have swallowed what follows it.
            WHEN fields <> found OR %(sessions)s <> (SELECT count(*) FROM batch)
                THEN ('no list of drafts: ' || id)::integer::text
            -- rule: nothing expires while its clock stands
            WHEN was_open AND accepts_until < %(now)s THEN 'expired'
            WHEN counted <> '{}' OR moves
                THEN CASE WHEN was_open THEN 'merged' ELSE 'late_merge' END
            WHEN unrecorded IS NOT NULL THEN 'late_answer'
            WHEN beside IS NOT NULL THEN 'displaced'
            ELSE 'unchanged' END AS settlement
    FROM held, LATERAL (
        SELECT coalesce(new_current_question_at > current_question_at
            AND new_current_question_at <= end_at AND NOT is_final, false)
            AND NOT {other_device} AS moves
        FROM (SELECT moved_by AS sent_by, new_current_question_at AS sent_at) AS sending
    ) AS moving, LATERAL (
        SELECT count(*) + jsonb_array_length(displaced) + (new_current_question_at IS NOT NULL)::integer AS found,
            coalesce(jsonb_object_agg(key, value -> 'answer') FILTER (WHERE counts), '{}')
                AS counted,
            -- The event says when each was received, which the flush's own time does not.
            jsonb_object_agg(key, draft_at || '.' || (value ->> 'writer')) FILTER (WHERE counts) AS tags,
            coalesce(jsonb_object_agg(key, value - 'answer' || given_version || {first_at}) FILTER (WHERE counts), '{}') AS meta,
            array_agg(key) FILTER (WHERE is_late) AS late,
            array_agg(key) FILTER (WHERE is_late AND NOT is_past) AS late_by_end,
            jsonb_agg(jsonb_build_object('question', key) || value) FILTER (WHERE is_overwritten) AS overwritten,
            -- A month in milliseconds would not fit into an integer.
            least({max_integer}, greatest(0,
                ceil((max(draft_at) FILTER (WHERE counts) - deadline) / 1000.0)))::integer
                AS lateness,
            jsonb_object_agg(key, value) FILTER (WHERE is_late AND (is_past OR NOT was_open) AND NOT EXISTS (
                -- The same once more, or what the latest one says already.
                SELECT FROM (
                    SELECT event.changes -> 'late_answers' -> key AS known, lead(1) OVER (ORDER BY revision) IS NULL AS last
                    FROM events_with(held.id, 'late_answers') AS event WHERE event.changes -> 'late_answers' ? key
                ) AS recorded
                WHERE known = value OR last AND known - 'at' = value - 'at'
            )) AS all_unrecorded
        -- OFFSET 0 keeps the planner from working out a column again wherever it is used.
        FROM (
            SELECT key, value, draft_at, is_past,
                -- rule: what lost its place to another writer becomes an event
                (draft_at <= known_at AND value ->> 'writer' <> answer_meta -> key ->> 'writer' OR is_of_other)
                    AND value -> 'answer' IS DISTINCT FROM answers -> key AS is_overwritten,
                -- rule: the flush merges only drafts that are later than the answer
                draft_at > known_at AND draft_at <= end_at AND NOT is_final AND NOT is_of_other AND NOT is_past AS counts,
                draft_at > known_at AND (draft_at > end_at OR is_final OR is_past) AND NOT is_of_other AS is_late
            FROM (
                -- rule: a draft that another device put after a takeover is displaced
                SELECT key, value, sent_at AS draft_at, known_at, {other_device} AS is_of_other, {past} AS is_past
                FROM (
                    SELECT key, value, (value ->> 'at')::bigint AS sent_at, value ->> 'writer' AS sent_by,
                        coalesce((answer_meta -> key ->> 'at')::bigint, -1) AS known_at
                    FROM jsonb_each(drafts) OFFSET 0
                ) AS sending OFFSET 0
            ) AS draft OFFSET 0
        ) AS draft
    ) AS judged_drafts, LATERAL (
        -- What was refused is recorded as far as a session may be large, and in so many events.
        SELECT CASE WHEN all_unrecorded IS NOT NULL AND greatest(octet_length(all_unrecorded::text), {min_refused_bytes}) + (
            SELECT coalesce(sum(greatest(size, {min_refused_bytes})), 0) FROM events_with(held.id, 'late_answers')
        ) > %(late_bytes)s::integer THEN NULL ELSE all_unrecorded END AS unrecorded
    ) AS recording, LATERAL (
        SELECT CASE WHEN (overwritten IS NOT NULL OR displaced <> '[]') AND (
            greatest(octet_length((displaced || coalesce(overwritten, '[]'))::text), {min_refused_bytes}) + (
                SELECT coalesce(sum(greatest(size, {min_refused_bytes})), 0) FROM events_with(held.id, 'displaced')
            ) > %(late_bytes)s::integer
        ) IS NOT TRUE THEN (
            SELECT jsonb_agg(item) FROM jsonb_array_elements(displaced || coalesce(overwritten, '[]')) AS item
            WHERE NOT EXISTS (
                SELECT FROM events_with(held.id, 'displaced') AS event,
                    jsonb_array_elements(event.changes -> 'displaced') AS recorded
                WHERE recorded = item
            )
        ) END AS beside
    ) AS losing
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, settlement, CASE settlement
            WHEN 'late_answer' THEN jsonb_build_object('late_answers', unrecorded)
            WHEN 'displaced' THEN '{}'
            ELSE jsonb_build_object('answers', counted) END
        || CASE WHEN tags IS NULL THEN '{}' ELSE jsonb_build_object('answer_tags', tags) END
        || CASE WHEN lateness > 0 THEN jsonb_build_object('late_ms', lateness) ELSE '{}' END
        || CASE WHEN beside IS NULL THEN '{}' ELSE jsonb_build_object('displaced', beside) END
        || CASE WHEN moves THEN jsonb_build_object('current_question', new_current_question)
            ELSE '{}' END,
        %(now)s, chain_head
    FROM judged WHERE settlement <> 'unchanged'
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET status = CASE settlement
            WHEN 'expired' THEN 'expired'
            WHEN 'merged' THEN 'in_progress'
            ELSE attempt.status END,
        answers = attempt.answers || counted,
        answer_meta = attempt.answer_meta || meta,
        current_question = CASE WHEN moves THEN new_current_question
            ELSE attempt.current_question END,
        current_question_at = CASE WHEN moves THEN new_current_question_at
            ELSE attempt.current_question_at END,
        revision = attempt.revision + 1,
        time_remaining = CASE
            WHEN settlement IN ('expired', 'merged')
            THEN greatest(0, ceil(extract(epoch FROM
                attempt.expires_at - greatest(least(%(now)s, attempt.paused_at), attempt.started_at)
            )))
            ELSE attempt.time_remaining END,
        late_ms = greatest(attempt.late_ms, lateness),
        last_updated = clock_timestamp(),
        ended_at = CASE settlement
            WHEN 'expired' THEN attempt.accepts_until ELSE attempt.ended_at END,
        end_recorded_at = CASE settlement WHEN 'expired' THEN %(now)s ELSE attempt.end_recorded_at END,
        needs_grading = attempt.needs_grading OR (
            settlement = 'expired'
            OR settlement = 'late_merge' AND attempt.status IN ('completed', 'expired')
        ) AND {gradable},
        -- rule: the head of the chain moves with the row
        chain_head = event.hash
    FROM judged JOIN event ON event.attempt_id = judged.id
    WHERE attempt.id = judged.id
    -- Return all columns that are used below: the planner expects one row from each of these
    -- queries, and would join them by comparing every row with every other.
    RETURNING attempt.*, settlement, late, late_by_end, is_final, was_open, fields
), settled AS (
    SELECT {attempt}, settlement, late, is_final, left_over, fields - coalesce(cardinality(left_over), 0) AS dealt_with
    FROM (
        SELECT {attempt}, settlement, late, late_by_end, is_final, was_open, fields FROM changed
        UNION ALL
        SELECT {attempt}, settlement, late, late_by_end, is_final, was_open, fields FROM judged WHERE settlement = 'unchanged'
    ) AS attempt, LATERAL (
        -- If the row took another event first, its late drafts are left to the next call.
        SELECT CASE WHEN settlement IN ('expired', 'merged', 'late_merge') THEN late WHEN was_open THEN late_by_end END AS left_over
    ) AS leaving
)
