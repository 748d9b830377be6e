-- The oldest outbox messages; those of one attempt are in order.
-- Takes    limit
-- Returns  the fields of a message
-- Locks    nothing
SELECT event.id AS event_id, attempt_id, user_id, quiz_id, attempt_no, event.revision,
    event.version, type, changes, at, hash
FROM attempt_events AS event JOIN quiz_attempts AS attempt ON attempt.id = attempt_id
WHERE published_at IS NULL AND type IN {published}
ORDER BY event.id LIMIT %(limit)s
