-- Reschedule open attempts by the current rules of their quiz and the users' accommodations. No change takes
-- away time that was used: a deadline, or end of grace, that would be in the past becomes this moment, and one
-- that would be before the attempt's start becomes that.
-- Takes    quiz_id (or null for all), user_id (or null for all, but not both), at, time_limit (if the quiz sets none), by,
--          reason, resent
-- Returns  of the attempts that were changed their id, and the former and the new expires_at
-- Locks    their rows, in the order of their ids; runs under lock_quiz, or lock_quizzes_of_user
WITH target AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    WHERE {open} AND accepts_until >= %(at)s
        AND (%(quiz_id)s::text IS NULL OR quiz_id = %(quiz_id)s)
        AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    ORDER BY id FOR UPDATE
), planned AS (
    SELECT attempt.*, clock, coalesce(quizzes.grace_seconds, 0) AS least_grace,
        accommodation, closes_later,
        {attempt_access} AS new_access,
        -- Infinity stands for none, because greatest() ignores NULL.
        greatest(
            coalesce(quizzes.closes_at, 'infinity'),
            used - make_interval(secs => closes_later + pause_seconds)
        ) AS close,
        greatest(
            limit_seconds,
            ceil(extract(epoch FROM used - started_at)) - accommodation - extension_seconds - pause_seconds
        )::integer AS time_limit
    FROM target AS attempt LEFT JOIN quizzes USING (quiz_id) LEFT JOIN attempt_counters USING (user_id, quiz_id)
        LEFT JOIN (
            SELECT user_id, time_factor, extra_seconds AS standing_seconds, closes_later_seconds AS standing_later
            FROM user_accommodations
        ) AS standing USING (user_id),
        LATERAL (SELECT {clock} AS clock, least({clock}, expires_at) AS used) AS moments,
        LATERAL (SELECT coalesce(quizzes.time_limit_seconds, %(time_limit)s) AS limit_seconds) AS limits,
        LATERAL (SELECT {accommodated} AS accommodation, coalesce(standing_later, 0) AS closes_later) AS accommodations, LATERAL (
            SELECT quizzes.access AS quiz_access, quizzes.one_device AS quiz_device, attempt.access ->> 'page_url' AS page_url
        ) AS letting_in
), moved AS (
    SELECT attempt.*, deadline, grace, {late_ms} AS lateness, {sections_moved} AS progressed
    FROM planned AS attempt, LATERAL (
        SELECT {deadline} AS deadline FROM (
            SELECT time_limit + accommodation + extension_seconds AS own_seconds, closes_later AS closes_later_seconds
        ) AS parts
    ) AS deadlines, LATERAL (
        SELECT greatest(least_grace, ceil(extract(epoch FROM clock - deadline)))::integer AS grace
    ) AS graces, LATERAL (
        SELECT (extract(epoch FROM clock) * 1000000)::bigint AS moment, 0 AS added,
            time_limit AS limit_then, accommodation AS accommodation_then
    ) AS moving
    WHERE (
        time_limit_seconds, accommodation_seconds, grace_seconds, coalesce(closes_at, 'infinity'), closes_later_seconds, access
    ) IS DISTINCT FROM (time_limit, accommodation, grace, close, closes_later, new_access)
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'rescheduled', jsonb_build_object(
        'expires_at', deadline, 'time_limit_seconds', time_limit,
        'accommodation_seconds', accommodation, 'grace_seconds', grace,
        'closes_at', nullif(close, 'infinity'), 'closes_later_seconds', closes_later, 'late_ms', lateness, 'access', new_access,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ) || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END
        || CASE WHEN (deadline, progressed) = (expires_at, progress) THEN '{}' ELSE {noticed} END, %(at)s, chain_head
    FROM moved
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET time_limit_seconds = time_limit,
        accommodation_seconds = accommodation,
        grace_seconds = grace,
        closes_at = nullif(close, 'infinity'),
        access = new_access,
        closes_later_seconds = closes_later,
        expires_at = deadline,
        progress = progressed,
        late_ms = lateness,
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - clock))),
        unread_notices = attempt.unread_notices + ((deadline, progressed) <> (attempt.expires_at, attempt.progress))::integer,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM moved JOIN event ON event.attempt_id = moved.id
    WHERE attempt.id = moved.id
    RETURNING attempt.id, moved.expires_at AS former_expires_at, attempt.expires_at
)
SELECT id, former_expires_at, expires_at FROM changed
UNION ALL SELECT event.attempt_id, (
    SELECT changes ->> 'expires_at' FROM attempt_events AS earlier
    WHERE earlier.attempt_id = event.attempt_id AND earlier.revision < event.revision AND changes ? 'expires_at'
    ORDER BY revision DESC LIMIT 1
)::timestamptz, (event.changes ->> 'expires_at')::timestamptz
FROM attempt_events AS event JOIN target ON target.id = attempt_id
WHERE %(resent)s AND event.type = 'rescheduled' AND at = %(at)s AND attempt_id NOT IN (SELECT id FROM changed)
