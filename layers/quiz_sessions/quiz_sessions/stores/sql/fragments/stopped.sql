-- Two CTEs: `event` records that the clocks of the attempts which were judged 'changed' stand, and `changed` stops them.
-- A clock that has run until now is a notice.
-- Takes at, write_id, payload_hash, by, reason, whole (whether their quiz is paused, and not these alone); uses judged
-- (attempts with their outcome).
event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'paused', jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text,
        'paused_at', coalesce(paused_at, %(at)s::timestamptz),
        CASE WHEN %(whole)s::boolean THEN 'quiz_paused' ELSE 'session_paused' END, true,
        'by', %(by)s::text, 'reason', %(reason)s::text
    ) || CASE WHEN paused_at IS NULL THEN {noticed} ELSE '{}' END, %(at)s, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING attempt_id, hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET paused_at = coalesce(attempt.paused_at, %(at)s),
        session_paused = attempt.session_paused OR NOT %(whole)s,
        quiz_paused = attempt.quiz_paused OR %(whole)s,
        time_remaining = greatest(0, ceil(extract(epoch FROM attempt.expires_at - {clock}))),
        unread_notices = attempt.unread_notices + (attempt.paused_at IS NULL)::integer,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged JOIN event ON event.attempt_id = judged.id
    WHERE attempt.id = judged.id
    RETURNING attempt.*
)
