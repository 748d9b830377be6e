-- Reschedule open attempts by the current rules of their quiz and the users' extra time. No change takes
-- away time that was used: a deadline, or end of grace, that would be in the past becomes this moment.
-- Takes    quiz_id, user_id (or null for all), at, time_limit (if the quiz sets none), by, reason, resent
-- Returns  the ids of the attempts that were changed
-- Locks    their rows, in the order of their ids; runs under lock_quiz
WITH target AS (
    SELECT id, user_id, quiz_id, started_at, expires_at, extension_seconds
    FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND {open} AND accepts_until >= %(at)s
        AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    ORDER BY id FOR UPDATE
), planned AS (
    SELECT id, started_at, extension_seconds, coalesce(quizzes.grace_seconds, 0) AS grace_seconds,
        coalesce(extra_seconds, 0) AS accommodation_seconds,
        -- Infinity stands for none, because greatest() ignores NULL.
        greatest(coalesce(quizzes.closes_at, 'infinity'), least(%(at)s, expires_at)) AS closes_at,
        greatest(
            coalesce(time_limit_seconds, %(time_limit)s),
            ceil(extract(epoch FROM least(%(at)s, expires_at) - started_at))
                - coalesce(extra_seconds, 0) - extension_seconds
        )::integer AS time_limit_seconds
    FROM target LEFT JOIN quizzes USING (quiz_id) LEFT JOIN attempt_counters USING (user_id, quiz_id)
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET time_limit_seconds = planned.time_limit_seconds,
        accommodation_seconds = planned.accommodation_seconds,
        grace_seconds = grace,
        closes_at = nullif(planned.closes_at, 'infinity'),
        expires_at = deadline,
        late_ms = {late_ms},
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
        revision = attempt.revision + 1,
        last_updated = clock_timestamp()
    FROM planned, LATERAL (
        SELECT least(
            planned.started_at + make_interval(secs => planned.time_limit_seconds
                + planned.accommodation_seconds + planned.extension_seconds),
            planned.closes_at
        ) AS deadline
    ) AS deadlines, LATERAL (
        SELECT greatest(
            planned.grace_seconds, ceil(extract(epoch FROM %(at)s - deadline))
        )::integer AS grace
    ) AS graces
    WHERE attempt.id = planned.id AND (
        attempt.time_limit_seconds, attempt.accommodation_seconds, attempt.grace_seconds,
        coalesce(attempt.closes_at, 'infinity')
    ) IS DISTINCT FROM (
        planned.time_limit_seconds, planned.accommodation_seconds, grace, planned.closes_at
    )
    RETURNING attempt.*
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT id, revision, version, 'rescheduled', jsonb_build_object(
        'expires_at', expires_at, 'time_limit_seconds', time_limit_seconds,
        'accommodation_seconds', accommodation_seconds, 'grace_seconds', grace_seconds,
        'closes_at', closes_at, 'late_ms', late_ms, 'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s
    FROM changed
)
SELECT id FROM changed
UNION SELECT attempt_id FROM attempt_events JOIN target ON target.id = attempt_id
WHERE %(resent)s AND type = 'rescheduled' AND at = %(at)s
