-- Start an attempt under the rules of its quiz, or find the existing one that is returned instead.
-- Takes    id, user_id, quiz_id, key (Idempotency-Key or null), at, time_limit (if the quiz sets none), by (who starts it
--          for the user; null for the user), refuse_unknown (whether the quiz has to be registered)
-- Returns  one row: outcome, the quiz's opens_at and closes_at, the attempt created or found (null if none);
--          with 'exhausted' the last one that is open
-- Locks    the quiz's row FOR SHARE, so that a change of its rules precedes this start or reaches its
--          attempt; the user's counter, so that simultaneous starts wait for each other
WITH known AS (
    SELECT {attempt} FROM quiz_attempts
    WHERE user_id = %(user_id)s AND idempotency_key = %(key)s AND coalesce(started_by, '') = coalesce(%(by)s::text, '')
        OR id = %(id)s
), quiz AS (
    SELECT time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts, when_active,
        unknown_questions, questions
    FROM quizzes WHERE quiz_id = %(quiz_id)s FOR SHARE
), rule AS (
    SELECT coalesce(time_limit_seconds, %(time_limit)s) AS time_limit_seconds,
        coalesce(grace_seconds, 0) AS grace_seconds, opens_at, closes_at, max_attempts,
        coalesce(when_active, 'new') AS when_active,
        CASE WHEN unknown_questions = 'refuse'
            THEN (SELECT jsonb_agg(key ORDER BY key) FROM jsonb_object_keys(questions) AS key)
        END AS question_ids
    FROM (SELECT) AS one LEFT JOIN quiz ON true
), active AS (
    SELECT {attempt} FROM quiz_attempts
    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND {open}
        AND (SELECT when_active FROM rule) <> 'new'
    ORDER BY attempt_no DESC LIMIT 1
), judged AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM known) THEN 'replayed'
        -- rule: a quiz that nobody registered is not open
        WHEN %(refuse_unknown)s AND NOT EXISTS (SELECT FROM quiz) THEN 'unknown_quiz'
        WHEN EXISTS (SELECT FROM active WHERE accepts_until < %(at)s) THEN 'overdue'
        WHEN EXISTS (SELECT FROM active)
            THEN CASE when_active WHEN 'resume' THEN 'resumed' ELSE 'active' END
        WHEN %(at)s < opens_at THEN 'not_open'
        WHEN %(at)s >= closes_at THEN 'quiz_closed'
        ELSE 'created' END AS outcome
    FROM rule
), number AS (
    INSERT INTO attempt_counters AS counter (user_id, quiz_id, last_attempt_no)
    SELECT %(user_id)s, %(quiz_id)s, 1 FROM judged WHERE outcome = 'created'
    ON CONFLICT (user_id, quiz_id) DO UPDATE SET last_attempt_no = counter.last_attempt_no + 1
        WHERE counter.last_attempt_no
            < coalesce((SELECT max_attempts FROM rule), counter.last_attempt_no + 1)
    RETURNING last_attempt_no, extra_seconds
), planned AS (
    SELECT rule.*, last_attempt_no, extra_seconds, least(
        %(at)s + make_interval(secs => time_limit_seconds + extra_seconds), closes_at
    ) AS expires_at
    FROM number, rule
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT %(id)s, 0, 0, 'started', jsonb_build_object(
        'user_id', %(user_id)s::text, 'quiz_id', %(quiz_id)s::text,
        'attempt_no', last_attempt_no, 'expires_at', expires_at,
        'time_limit_seconds', time_limit_seconds, 'accommodation_seconds', extra_seconds,
        'grace_seconds', grace_seconds, 'closes_at', closes_at, 'question_ids', question_ids
    ) || CASE WHEN %(by)s::text IS NULL THEN '{}' ELSE jsonb_build_object('by', %(by)s::text) END, %(at)s
    FROM planned
    RETURNING hash
), created AS (
    INSERT INTO quiz_attempts (
        id, user_id, quiz_id, attempt_no, status, time_remaining, time_limit_seconds,
        accommodation_seconds, closes_at, grace_seconds, started_at, expires_at, question_ids,
        sole, idempotency_key, started_by, chain_head
    )
    SELECT %(id)s, %(user_id)s, %(quiz_id)s, last_attempt_no, 'started',
        greatest(0, ceil(extract(epoch FROM expires_at - %(at)s))), time_limit_seconds,
        extra_seconds, closes_at, grace_seconds, %(at)s, expires_at, question_ids,
        when_active <> 'new', %(key)s, %(by)s, hash
    FROM planned, event
    RETURNING {attempt}
), acted AS (
    INSERT INTO staff_actions (at, by, action, session_id, revision, quiz_id, user_id, key)
    SELECT %(at)s::timestamptz, %(by)s::text, 'start', id, revision, quiz_id, user_id, %(key)s::text
    FROM created WHERE %(by)s::text IS NOT NULL
)
SELECT
    CASE WHEN outcome = 'created' AND NOT EXISTS (SELECT FROM created)
        THEN 'exhausted' ELSE outcome END AS outcome,
    rule.opens_at AS quiz_opens_at, rule.closes_at AS quiz_closes_at, row.*
FROM judged CROSS JOIN rule LEFT JOIN LATERAL (
    SELECT {attempt} FROM created
    UNION ALL SELECT {attempt} FROM known
    UNION ALL SELECT {attempt} FROM active WHERE outcome IN ('resumed', 'active', 'overdue')
    UNION ALL (
        SELECT {attempt} FROM quiz_attempts
        WHERE outcome = 'created' AND NOT EXISTS (SELECT FROM created)
            AND user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND {open} AND accepts_until >= %(at)s
        ORDER BY attempt_no DESC LIMIT 1
    )
) AS row ON true
