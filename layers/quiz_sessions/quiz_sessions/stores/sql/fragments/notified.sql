-- Two CTEs: `event` is a message to those who take the attempts which were judged 'changed', and `changed` counts it.
-- Takes write_id, payload_hash, text, by, at; uses judged (attempts with their outcome).
event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'notified', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'text', %(text)s::text, 'by', %(by)s::text
    ) || {noticed}, %(at)s, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING attempt_id, revision, at, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET unread_notices = attempt.unread_notices + 1,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged JOIN event ON event.attempt_id = judged.id
    WHERE attempt.id = judged.id
    RETURNING attempt.*
)
