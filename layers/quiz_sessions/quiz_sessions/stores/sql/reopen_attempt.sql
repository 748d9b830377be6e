-- Open an expired attempt again for some seconds from now, under the current rules of its quiz.
-- Takes    id, seconds, at, time_limit (if the quiz sets none), write_id, by, reason
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row; runs under lock_quiz_of_attempt
WITH current AS (
    SELECT {attempt} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), rule AS (
    SELECT coalesce(quizzes.time_limit_seconds, %(time_limit)s) AS time_limit_seconds,
        coalesce(extra_seconds, 0) AS accommodation_seconds,
        coalesce(quizzes.grace_seconds, 0) AS grace_seconds,
        quizzes.closes_at,
        coalesce(when_active, 'new') <> 'new' AS sole,
        started_at + make_interval(
            secs => ceil(extract(epoch FROM %(at)s - started_at))::integer + %(seconds)s
        ) AS until
    FROM current LEFT JOIN quizzes USING (quiz_id)
        LEFT JOIN attempt_counters USING (user_id, quiz_id)
), judged AS (
    SELECT CASE
        WHEN {repeated} THEN 'repeated'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status <> 'expired'
            THEN CASE WHEN accepts_until < %(at)s THEN 'expired' ELSE 'open' END
        WHEN rule.closes_at <= %(at)s THEN 'quiz_closed'
        WHEN rule.sole AND EXISTS (
            SELECT FROM quiz_attempts AS other
            WHERE other.user_id = attempt.user_id AND other.quiz_id = attempt.quiz_id
                AND other.{open}
        ) THEN 'active'
        ELSE 'changed' END AS outcome
    FROM current AS attempt, rule
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET status = CASE WHEN version = 0 AND answers = '{}' THEN 'started' ELSE 'in_progress' END,
        time_limit_seconds = rule.time_limit_seconds,
        accommodation_seconds = rule.accommodation_seconds,
        extension_seconds = extract(epoch FROM until - started_at)
            - rule.time_limit_seconds - rule.accommodation_seconds,
        grace_seconds = rule.grace_seconds,
        closes_at = rule.closes_at,
        sole = rule.sole,
        expires_at = deadline,
        late_ms = {late_ms},
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
        ended_at = NULL,
        score = NULL,
        max_score = NULL,
        grading = NULL,
        score_by_hand = false,
        results = NULL,
        graded_with = NULL,
        needs_grading = false,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp()
    FROM judged, rule, LATERAL (SELECT least(until, rule.closes_at) AS deadline) AS deadlines
    WHERE attempt.id = %(id)s AND outcome = 'changed'
    RETURNING attempt.*
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT id, revision, version, 'reopened', jsonb_build_object(
        'write_id', %(write_id)s::text, 'seconds', %(seconds)s::integer, 'status', status,
        'time_limit_seconds', time_limit_seconds, 'accommodation_seconds', accommodation_seconds,
        'extension_seconds', extension_seconds, 'grace_seconds', grace_seconds,
        'closes_at', closes_at, 'expires_at', expires_at, 'late_ms', late_ms,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s
    FROM changed
)
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
