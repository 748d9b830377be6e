-- Two CTEs: `changed` moves the deadlines of the attempts that were judged 'changed', and `event` records it.
-- Takes seconds, at, write_id, by, reason; uses judged (planned attempts with their outcome).
changed AS (
    UPDATE quiz_attempts AS attempt
    SET extension_seconds = extension,
        expires_at = deadline,
        late_ms = {late_ms},
        time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
        revision = attempt.revision + 1,
        last_updated = clock_timestamp()
    FROM judged
    WHERE attempt.id = judged.id AND outcome = 'changed'
    -- With all that is used below: the planner expects few rows, and would join them by comparing every row
    -- with every other.
    RETURNING attempt.*, judged.expires_at AS former_expires_at
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
    SELECT id, revision, version, 'extended', jsonb_build_object(
        'write_id', %(write_id)s::text, 'seconds', %(seconds)s::integer,
        'extension_seconds', extension_seconds, 'expires_at', expires_at, 'late_ms', late_ms,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s
    FROM changed
)
