-- Two CTEs: `event` records that the attempts which were judged 'changed' get other deadlines, and `changed` moves them.
-- A deadline that moves is a notice.
-- Takes seconds, at, write_id, payload_hash, by, reason; uses judged (planned attempts with their outcome).
event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'extended', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'seconds', %(seconds)s::integer,
        'extension_seconds', extension, 'expires_at', deadline, 'late_ms', {late_ms},
        'by', %(by)s::text, 'reason', %(reason)s::text
    ) || CASE WHEN progressed = progress THEN '{}' ELSE jsonb_build_object('progress', progressed) END
        || CASE WHEN moves THEN {noticed} ELSE '{}' END, %(at)s, chain_head
    FROM judged AS attempt WHERE outcome = 'changed'
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET extension_seconds = extension,
        expires_at = deadline,
        progress = progressed,
        late_ms = {late_ms},
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - {clock}))),
        unread_notices = attempt.unread_notices + moves::integer,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged JOIN event ON event.attempt_id = judged.id
    WHERE attempt.id = judged.id
    -- With all that is used below: the planner expects few rows, and would join them by comparing every row
    -- with every other.
    RETURNING attempt.*, moves
)
