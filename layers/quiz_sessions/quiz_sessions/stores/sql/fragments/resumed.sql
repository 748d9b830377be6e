-- Three CTEs: the clocks of the attempts which were judged 'changed' run again, where nothing else stops them. `event`
-- records that, and `changed` moves their deadlines by as long as they stood. A clock that runs again is a notice.
-- Takes at, write_id, payload_hash, by, reason, whole (whether their quiz is resumed, and not these alone); uses judged
-- (attempts with their outcome).
resuming AS (
    SELECT attempt.*, runs, lasted, {sections_moved} AS progressed
    FROM judged AS attempt, LATERAL (SELECT %(at)s::timestamptz AS until) AS pause, LATERAL (
        SELECT NOT CASE WHEN %(whole)s::boolean THEN session_paused ELSE quiz_paused END AS runs
    ) AS other, LATERAL (
        -- rule: a deadline comes later by as long as the clock stood, rounded up
        SELECT CASE WHEN runs THEN {stood} ELSE 0 END AS lasted
    ) AS standing, LATERAL (
        SELECT (extract(epoch FROM paused_at) * 1000000)::bigint AS moment, lasted AS added,
            time_limit_seconds AS limit_then, accommodation_seconds AS accommodation_then
    ) AS moving
    WHERE outcome = 'changed'
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'resumed', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text,
        'paused_at', CASE WHEN NOT runs THEN paused_at END,
        CASE WHEN %(whole)s THEN 'quiz_paused' ELSE 'session_paused' END, false,
        'pause_seconds', pause_seconds + lasted, 'expires_at', expires_at + make_interval(secs => lasted),
        'by', %(by)s::text, 'reason', %(reason)s::text
    ) || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END
        || CASE WHEN runs THEN {noticed} ELSE '{}' END, %(at)s, chain_head
    FROM resuming
    RETURNING attempt_id, hash
), changed AS (
    -- What a constraint compares is all from the row as it was judged: it is checked before the UPDATE sees that row.
    UPDATE quiz_attempts AS attempt
    SET paused_at = CASE WHEN NOT runs THEN resuming.paused_at END,
        session_paused = resuming.session_paused AND %(whole)s,
        quiz_paused = resuming.quiz_paused AND NOT %(whole)s,
        pause_seconds = attempt.pause_seconds + lasted,
        progress = progressed,
        expires_at = attempt.expires_at + make_interval(secs => lasted),
        time_remaining = greatest(0, ceil(extract(epoch FROM
            attempt.expires_at + make_interval(secs => lasted)
                - CASE WHEN runs THEN greatest(%(at)s, attempt.started_at) ELSE {clock} END
        ))),
        unread_notices = attempt.unread_notices + runs::integer,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM resuming JOIN event ON event.attempt_id = resuming.id
    WHERE attempt.id = resuming.id
    RETURNING attempt.*
)
