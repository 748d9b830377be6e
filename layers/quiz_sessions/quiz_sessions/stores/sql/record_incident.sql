-- Record an incident during an open attempt.
-- Takes    id, owner (whose attempt it has to be, or null), incident ({type, detail, source}), at (in microseconds),
--          at_time (the same as a timestamp), write_id, most (with how many of either source it is forgotten), ended (whether also after
--          the end), silent_since (since when the clock must have run, or null), pace_interval and pace_burst (in
--          microseconds, see domain/pace, zero for no limit)
-- Returns  no row if there is no such attempt, or it is not the owner's; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head, paced_until FROM quiz_attempts
    WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s::text) FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {repeated} THEN 'repeated'
        WHEN status IN ('completed', 'abandoned') AND NOT %(ended)s THEN 'closed'
        WHEN (status = 'expired' OR accepts_until < %(at_time)s) AND NOT %(ended)s THEN 'expired'
        -- rule: nobody is silent while the clock stands
        WHEN %(silent_since)s::timestamptz IS NOT NULL AND (paused_at IS NOT NULL OR EXISTS (
            SELECT FROM attempt_events
            WHERE attempt_id = attempt.id AND type IN ('resumed', 'reopened') AND at > %(silent_since)s
        )) THEN 'stopped'
        WHEN paced_until - %(at)s::bigint > %(pace_burst)s::bigint AND %(pace_interval)s::bigint > 0 THEN 'too_fast'
        -- rule: what a client reports takes no room of what the service sees
        WHEN incidents >= %(most)s::integer THEN 'full'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'incident', jsonb_build_object(
        'write_id', %(write_id)s::text, 'incident', %(incident)s::jsonb, 'incidents', incidents + 1
    ), %(at_time)s::timestamptz, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET incidents = attempt.incidents + 1,
        paced_until = greatest(attempt.paced_until, %(at)s::bigint) + %(pace_interval)s::bigint,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
)
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
