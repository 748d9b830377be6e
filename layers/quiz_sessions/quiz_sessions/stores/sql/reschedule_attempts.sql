-- Reschedule open attempts by the current rules of their quiz and the users' extra time. No change takes
-- away time that was used: a deadline, or end of grace, that would be in the past becomes this moment.
-- Takes    quiz_id, user_id (or null for all), at, time_limit (if the quiz sets none), by, reason, resent
-- Returns  the ids of the attempts that were changed
-- Locks    their rows, in the order of their ids; runs under lock_quiz
WITH target AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND {open} AND accepts_until >= %(at)s
        AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    ORDER BY id FOR UPDATE
), planned AS (
    SELECT attempt.*, clock, coalesce(quizzes.grace_seconds, 0) AS least_grace,
        coalesce(extra_seconds, 0) AS accommodation,
        {attempt_access} AS new_access,
        -- Infinity stands for none, because greatest() ignores NULL.
        greatest(
            coalesce(quizzes.closes_at, 'infinity'),
            used - make_interval(secs => closes_later_seconds + pause_seconds)
        ) AS close,
        greatest(
            coalesce(quizzes.time_limit_seconds, %(time_limit)s),
            ceil(extract(epoch FROM used - started_at))
                - coalesce(extra_seconds, 0) - extension_seconds - pause_seconds
        )::integer AS time_limit
    FROM target AS attempt LEFT JOIN quizzes USING (quiz_id) LEFT JOIN attempt_counters USING (user_id, quiz_id),
        LATERAL (
            SELECT quizzes.access AS quiz_access, quizzes.one_device AS quiz_device, attempt.access ->> 'page_url' AS page_url
        ) AS letting_in, LATERAL (SELECT {clock} AS clock, least({clock}, expires_at) AS used) AS moments
), moved AS (
    SELECT attempt.*, deadline, grace, {late_ms} AS lateness
    FROM planned AS attempt, LATERAL (
        SELECT time_limit + accommodation + extension_seconds AS own_seconds
    ) AS parts, LATERAL (
        SELECT {deadline} AS deadline
    ) AS deadlines, LATERAL (
        SELECT greatest(least_grace, ceil(extract(epoch FROM clock - deadline)))::integer AS grace
    ) AS graces
    WHERE (
        time_limit_seconds, accommodation_seconds, grace_seconds, coalesce(closes_at, 'infinity'), access
    ) IS DISTINCT FROM (time_limit, accommodation, grace, close, new_access)
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'rescheduled', jsonb_build_object(
        'expires_at', deadline, 'time_limit_seconds', time_limit,
        'accommodation_seconds', accommodation, 'grace_seconds', grace,
        'closes_at', nullif(close, 'infinity'), 'late_ms', lateness, 'access', new_access,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ) || CASE WHEN deadline = expires_at THEN '{}' ELSE {noticed} END, %(at)s, chain_head
    FROM moved
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET time_limit_seconds = time_limit,
        accommodation_seconds = accommodation,
        grace_seconds = grace,
        closes_at = nullif(close, 'infinity'),
        access = new_access,
        expires_at = deadline,
        late_ms = lateness,
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - clock))),
        unread_notices = attempt.unread_notices + (deadline <> attempt.expires_at)::integer,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM moved JOIN event ON event.attempt_id = moved.id
    WHERE attempt.id = moved.id
    RETURNING attempt.id
)
SELECT id FROM changed
UNION SELECT attempt_id FROM attempt_events JOIN target ON target.id = attempt_id
WHERE %(resent)s AND type = 'rescheduled' AND at = %(at)s
