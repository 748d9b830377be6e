-- Open an attempt that has ended again for some seconds from now, or from its start if that is later, under the current
-- rules of its quiz and for its user. The sections that ran at the end, or else the one that ended last, run for as long.
-- Takes    id, seconds, at, time_limit (if the quiz sets none), write_id, by, reason,
--          action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now, or with 'active' the
--          one that is in its way
-- Locks    the attempt's row; runs under lock_user_and_quiz
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), rule AS (
    SELECT limit_seconds AS time_limit_seconds,
        {accommodated} AS accommodation_seconds,
        coalesce(quizzes.grace_seconds, 0) AS grace_seconds,
        quizzes.closes_at,
        coalesce(standing_later, 0) AS closes_later_seconds,
        quizzes.closes_at + make_interval(secs => coalesce(standing_later, 0) + pause_seconds) AS close,
        quizzes.paused_at IS NOT NULL AS is_paused,
        coalesce(when_active, 'new') <> 'new' AS sole,
        {attempt_access} AS new_access,
        clock,
        -- Whole seconds after the start, as every deadline: rounded down, or there would be more than was given.
        started_at + make_interval(
            secs => floor(extract(epoch FROM clock - started_at))::integer + %(seconds)s
        ) AS until
    FROM current LEFT JOIN quizzes USING (quiz_id)
        LEFT JOIN attempt_counters USING (user_id, quiz_id)
        LEFT JOIN (
            SELECT user_id, time_factor, extra_seconds AS standing_seconds, closes_later_seconds AS standing_later
            FROM user_accommodations
        ) AS standing USING (user_id),
        LATERAL (SELECT greatest(%(at)s, started_at) AS clock) AS moments,
        LATERAL (SELECT coalesce(quizzes.time_limit_seconds, %(time_limit)s) AS limit_seconds) AS limits, LATERAL (
            SELECT quizzes.access AS quiz_access, quizzes.one_device AS quiz_device, current.access ->> 'page_url' AS page_url
        ) AS letting_in
), other AS (
    SELECT * FROM quiz_attempts
    WHERE (user_id, quiz_id) = (SELECT user_id, quiz_id FROM current)
        AND {open} AND (SELECT sole FROM rule)
    ORDER BY attempt_no DESC LIMIT 1
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN {open} THEN CASE WHEN accepts_until < %(at)s THEN 'expired' ELSE 'open' END
        WHEN rule.close <= clock THEN 'quiz_closed'
        WHEN EXISTS (SELECT FROM other) THEN 'active'
        ELSE 'changed' END AS outcome
    FROM current AS attempt, rule
), opening AS (
    SELECT deadline, {late_ms} AS lateness,
        CASE WHEN version = 0 AND answers = '{}' THEN 'started' ELSE 'in_progress' END AS new_status,
        (extract(epoch FROM until - started_at)
            - rule.time_limit_seconds - rule.accommodation_seconds - pause_seconds)::integer AS extension,
        CASE WHEN progress ? 'entered' THEN progress || jsonb_build_object('entered', (
            SELECT jsonb_object_agg(number, CASE WHEN section_until >= least(last_until, ended_micros)
                THEN entry || jsonb_build_object('until', greatest(
                    section_until + clock_micros - ended_micros, clock_micros + 1000000::bigint * %(seconds)s
                )) ELSE entry END)
            FROM (
                SELECT number, entry, (entry ->> 'until')::bigint AS section_until,
                    max((entry ->> 'until')::bigint) OVER () AS last_until,
                    (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_micros,
                    (extract(epoch FROM clock) * 1000000)::bigint AS clock_micros
                FROM jsonb_each(progress -> 'entered') AS entered (number, entry)
            ) AS sections
        )) ELSE progress END AS progressed
    FROM current AS attempt, rule, LATERAL (SELECT least(until, rule.close) AS deadline) AS deadlines
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'reopened', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'seconds', %(seconds)s::integer, 'status', new_status,
        'time_limit_seconds', rule.time_limit_seconds, 'accommodation_seconds', rule.accommodation_seconds,
        'extension_seconds', extension, 'grace_seconds', rule.grace_seconds,
        'closes_at', rule.closes_at, 'closes_later_seconds', rule.closes_later_seconds,
        'expires_at', deadline, 'late_ms', lateness,
        'grading', CASE WHEN score_by_hand THEN 'pending' END, 'access', new_access,
        'by', %(by)s::text, 'reason', %(reason)s::text
    -- What is opened while its quiz is paused stands still with the others.
    ) || CASE WHEN is_paused THEN jsonb_build_object('paused_at', %(at)s::timestamptz, 'quiz_paused', true) ELSE '{}' END
        || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END
        || {noticed}, %(at)s, chain_head
    FROM current, rule, opening, judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET status = new_status,
        time_limit_seconds = rule.time_limit_seconds,
        accommodation_seconds = rule.accommodation_seconds,
        extension_seconds = extension,
        grace_seconds = rule.grace_seconds,
        closes_at = rule.closes_at,
        access = new_access,
        closes_later_seconds = rule.closes_later_seconds,
        sole = rule.sole,
        paused_at = CASE WHEN is_paused THEN %(at)s::timestamptz END,
        quiz_paused = is_paused,
        expires_at = deadline,
        late_ms = lateness,
        progress = progressed,
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - clock))),
        completed_at = NULL,
        ended_at = NULL,
        end_recorded_at = NULL,
        score = NULL,
        max_score = NULL,
        -- A score that a person has set is a person's to set again.
        grading = CASE WHEN score_by_hand THEN 'pending' END,
        results = NULL,
        graded_with = NULL,
        needs_grading = false,
        unread_notices = attempt.unread_notices + 1,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM rule, opening, event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
), {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome NOT IN ('changed', 'active')
    UNION ALL SELECT {attempt} FROM other WHERE outcome = 'active'
) AS row
