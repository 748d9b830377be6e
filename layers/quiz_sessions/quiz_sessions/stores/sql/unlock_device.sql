-- Let the next device have an open attempt that is bound to one.
-- Takes    id, at, write_id, by, reason, action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
        WHEN device IS NULL THEN 'unchanged'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'device_changed', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'device', NULL, 'device_since', 0,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET device = NULL,
        device_since = 0,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM event
    WHERE attempt.id = event.attempt_id
    RETURNING attempt.*
), {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
