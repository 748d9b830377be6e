-- Outbox messages of the attempts that were started first; those of one attempt are in order.
-- Takes    limit
-- Returns  the fields of a message
-- Locks    nothing
SELECT attempt_id, user_id, quiz_id, attempt_no, event.revision,
    event.version, type, changes, at, hash
-- rule: the relay reads every partition
FROM attempt_events AS event JOIN quiz_attempts AS attempt ON attempt.id = attempt_id
WHERE published_at IS NULL AND type IN {published}
ORDER BY attempt_id, event.revision LIMIT %(limit)s
