-- Start attempts, of many users at once, each under the rules of its quiz; or find the existing ones that are returned
-- instead.
-- Takes    batch (list of {id, user_id, quiz_id, key: the Idempotency-Key or null, at_time, time_limit: if the quiz sets
--          none, by: who starts it for the user, or null for the user, refuse_unknown: whether the quiz has to be
--          registered, writer, address: of the client, or null, config_key_hash: what its page got from Safe Exam
--          Browser, or null, page_url, password_sha256, as hexadecimal digits, group_name, label, metadata: what it is to
--          have of these, or null, keeps_group: whether one without takes over that of the user's latest, payload: a hash
--          of what is started with the key, seed: of its paper}; no two of one user at one quiz)
-- Returns  one row for each: the id that was to be its own, outcome, the quiz's opens_at and admission_seconds, when it closes
--          for the user, the attempt created or found (null if none); with 'exhausted' the last one that is open
-- Locks    the users' advisory locks shared, so that a change of their standing accommodations precedes these starts or
--          reaches their attempts; then for the same reason the quizzes' rows FOR SHARE; then the users' counters, so that
--          simultaneous starts wait for each other; each in order
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS asked (
        id uuid, user_id text, quiz_id text, key text, at_time timestamptz, time_limit integer, by text,
        refuse_unknown boolean, writer text, seed text, address inet, config_key_hash text, page_url text, password_sha256 text,
        group_name text, label text, metadata jsonb, keeps_group boolean, payload text
    )
), request AS MATERIALIZED (
    SELECT asked.*, time_factor, extra_seconds AS standing_seconds, coalesce(closes_later_seconds, 0) AS closes_later_seconds
    FROM asked LEFT JOIN standing_accommodations(ARRAY(SELECT user_id FROM asked)) AS standing USING (user_id)
), quiz AS (
    SELECT quiz_id, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts, when_active,
        unknown_questions, questions, paused_at, access AS quiz_access, one_device AS quiz_device, admission_seconds,
        common_start, paper AS quiz_paper, revision AS quiz_revision
    -- By way of `request`, and so after the users' locks: who waits for one holds no quiz.
    FROM quizzes WHERE quiz_id IN (SELECT quiz_id FROM request) ORDER BY quiz_id FOR SHARE
), rule AS (
    SELECT request.*, quiz.quiz_id IS NOT NULL AS is_registered,
        coalesce(time_limit_seconds, time_limit) AS time_limit_seconds,
        coalesce(grace_seconds, 0) AS grace_seconds, opens_at, closes_at, max_attempts, paused_at,
        quiz_access, {attempt_access} AS access, admission_seconds, quiz_paper, quiz_revision,
        -- rule: with a common start the clocks of all who come by then start together
        CASE WHEN common_start AND at_time < opens_at + make_interval(secs => admission_seconds)
            THEN opens_at + make_interval(secs => admission_seconds) ELSE at_time END AS started_at,
        closes_at + make_interval(secs => closes_later_seconds) AS closes_for_user,
        coalesce(when_active, 'new') AS when_active,
        CASE WHEN unknown_questions = 'refuse'
            THEN (SELECT jsonb_agg(question ORDER BY question) FROM jsonb_object_keys(questions) AS question)
        END AS question_ids
    FROM request LEFT JOIN quiz USING (quiz_id)
), judged AS (
    SELECT rule.*, known_id, active_id, CASE
        -- rule: a key is good for one request
        WHEN known_id IS NOT NULL THEN CASE WHEN is_same THEN 'replayed' ELSE 'key_reused' END
        -- rule: a quiz that nobody registered is not open
        WHEN refuse_unknown AND NOT is_registered THEN 'unknown_quiz'
        WHEN active_id IS NULL AND at_time < opens_at THEN 'not_open'
        WHEN active_id IS NULL AND started_at >= closes_for_user THEN 'quiz_closed'
        -- rule: whom the quiz does not let in starts nothing
        WHEN by IS NULL AND refusal IS NOT NULL THEN refusal
        WHEN by IS NULL AND access ? 'one_device' AND writer = '-' THEN 'device_unnamed'
        WHEN active_until < at_time THEN 'overdue'
        WHEN active_id IS NOT NULL THEN CASE when_active WHEN 'resume' THEN 'resumed' ELSE 'active' END
        -- rule: nothing starts while its quiz is paused
        WHEN paused_at IS NOT NULL THEN 'quiz_paused'
        ELSE 'created' END AS outcome
    FROM rule LEFT JOIN LATERAL (
        SELECT coalesce({refusal}, CASE
            WHEN quiz_access ? 'password' AND password_sha256 IS NULL THEN 'password_required'
            WHEN encode(sha256(convert_to(quiz_access ->> 'password', 'UTF8')), 'hex') <> password_sha256
                THEN 'password_wrong'
        END) AS refusal
    ) AS letting_in ON true LEFT JOIN LATERAL (
        SELECT attempt.id AS known_id,
            attempt.id = rule.id OR start_payload IS NOT DISTINCT FROM payload AS is_same
        FROM quiz_attempts AS attempt
        WHERE attempt.user_id = rule.user_id AND attempt.idempotency_key = rule.key
            AND coalesce(attempt.started_by, '') = coalesce(rule.by, '')
            OR attempt.id = rule.id
        LIMIT 1
    ) AS known ON true LEFT JOIN LATERAL (
        SELECT id AS active_id, accepts_until AS active_until FROM quiz_attempts AS attempt
        WHERE attempt.user_id = rule.user_id AND attempt.quiz_id = rule.quiz_id AND {open}
            AND rule.when_active <> 'new'
        ORDER BY attempt_no DESC LIMIT 1
    ) AS active ON true
), number AS (
    INSERT INTO attempt_counters AS counter (user_id, quiz_id, last_attempt_no)
    SELECT user_id, quiz_id, 1 FROM judged WHERE outcome = 'created' ORDER BY user_id, quiz_id
    ON CONFLICT (user_id, quiz_id) DO UPDATE SET last_attempt_no = counter.last_attempt_no + 1
        WHERE counter.last_attempt_no < coalesce(
            (SELECT max_attempts FROM quiz WHERE quiz.quiz_id = excluded.quiz_id), counter.last_attempt_no + 1
        )
    RETURNING user_id, quiz_id, last_attempt_no, extra_seconds
), planned AS (
    SELECT judged.*, last_attempt_no, accommodation_seconds, {deadline} AS expires_at,
        CASE WHEN sections IS NOT NULL
            THEN jsonb_build_object('seed', seed, 'revision', quiz_revision, 'sections', sections) END AS paper,
        -- rule: an attempt takes answers to the questions of its paper
        coalesce((
            SELECT jsonb_agg(question)
            FROM jsonb_array_elements(sections) AS section, jsonb_array_elements(section -> 'questions') AS question
        ), question_ids) AS asked_ids,
        CASE WHEN by IS NULL AND access ? 'one_device' THEN writer END AS device,
        -- rule: whom staff have put into a room starts again in that room
        coalesce(group_name, CASE WHEN keeps_group THEN (
            SELECT former.group_name FROM quiz_attempts AS former
            WHERE former.user_id = judged.user_id AND former.quiz_id = judged.quiz_id
            ORDER BY attempt_no DESC LIMIT 1
        ) END) AS own_group,
        (extract(epoch FROM at_time) * 1000000)::bigint AS at_micros
    FROM judged JOIN number USING (user_id, quiz_id), LATERAL (
        SELECT time_limit_seconds AS limit_seconds
    ) AS limits, LATERAL (
        SELECT {accommodated} AS accommodation_seconds
    ) AS accommodations, LATERAL (
        SELECT time_limit_seconds + accommodation_seconds AS own_seconds, closes_at AS close, 0 AS pause_seconds
    ) AS parts, LATERAL (
        SELECT CASE WHEN quiz_paper IS NOT NULL THEN drawn(quiz_paper, seed) END AS sections
    ) AS drawing
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT id, 0, 0, 'started', jsonb_build_object(
        'user_id', user_id, 'quiz_id', quiz_id,
        'attempt_no', last_attempt_no, 'expires_at', expires_at,
        'time_limit_seconds', time_limit_seconds, 'accommodation_seconds', accommodation_seconds,
        'grace_seconds', grace_seconds, 'closes_at', closes_at, 'question_ids', asked_ids
    ) || (
        SELECT coalesce(jsonb_object_agg(name, value), '{}') FROM (VALUES
            ('by', to_jsonb(by)), ('closes_later_seconds', to_jsonb(nullif(closes_later_seconds, 0))),
            ('started_at', to_jsonb(nullif(started_at, at_time))), ('access', access),
            ('device', to_jsonb(device)), ('device_since', CASE WHEN device IS NOT NULL THEN to_jsonb(at_micros) END),
            ('paper', paper), ('group_name', to_jsonb(own_group)), ('label', to_jsonb(label)), ('metadata', metadata)
        ) AS more (name, value) WHERE value IS NOT NULL
    ), at_time
    FROM planned
    RETURNING attempt_id, hash
), created AS (
    INSERT INTO quiz_attempts (
        id, user_id, quiz_id, attempt_no, status, time_remaining, time_limit_seconds,
        accommodation_seconds, closes_at, closes_later_seconds, grace_seconds, started_at, expires_at,
        question_ids, paper, access, device, device_since, group_name, label, metadata, sole, idempotency_key, start_payload,
        started_by, chain_head
    )
    SELECT id, user_id, quiz_id, last_attempt_no, 'started',
        greatest(0, ceil(extract(epoch FROM expires_at - started_at))), time_limit_seconds,
        accommodation_seconds, closes_at, closes_later_seconds, grace_seconds, started_at, expires_at,
        asked_ids, paper, access, device, CASE WHEN device IS NULL THEN 0 ELSE at_micros END, own_group, label, metadata,
        when_active <> 'new', key, payload, by, hash
    FROM planned JOIN event ON attempt_id = id
    RETURNING {attempt}, idempotency_key, started_by
), acted AS (
    INSERT INTO staff_actions (at, by, action, session_id, revision, quiz_id, user_id, key)
    SELECT at_time, started_by, 'start', created.id, revision, created.quiz_id, created.user_id, idempotency_key
    FROM created JOIN planned ON planned.id = created.id WHERE started_by IS NOT NULL
)
SELECT
    judged.id AS own_id, CASE WHEN outcome = 'created' AND row.id IS DISTINCT FROM judged.id
        THEN 'exhausted' ELSE outcome END AS outcome,
    opens_at AS quiz_opens_at, closes_for_user AS quiz_closes_at,
    coalesce(judged.admission_seconds, 0) AS quiz_admission_seconds, row.*
FROM judged LEFT JOIN LATERAL (
    SELECT {attempt} FROM created WHERE created.id = judged.id
    UNION ALL SELECT {attempt} FROM quiz_attempts AS attempt
        WHERE attempt.id = CASE WHEN outcome = 'replayed' THEN known_id
            WHEN outcome IN ('resumed', 'active', 'overdue') THEN active_id END
    UNION ALL (
        SELECT {attempt} FROM quiz_attempts AS attempt
        WHERE outcome = 'created' AND NOT EXISTS (SELECT FROM number WHERE number.user_id = judged.user_id
                AND number.quiz_id = judged.quiz_id)
            AND attempt.user_id = judged.user_id AND attempt.quiz_id = judged.quiz_id AND {open}
            AND accepts_until >= at_time
        ORDER BY attempt_no DESC LIMIT 1
    )
) AS row ON true
