-- Outbox messages that the webhook is to be sent now, of each session in their order. A session whose event waits for another
-- try waits with it; one that was given up holds up none.
-- Takes    endpoint, at, limit
-- Returns  the fields of a message
-- Locks    nothing
SELECT event.attempt_id, user_id, quiz_id, attempt_no, event.revision,
    event.version, type, changes, at, hash, coalesce(tries, 0) AS tries
-- rule: the relay reads every partition
FROM attempt_events AS event JOIN quiz_attempts AS attempt ON attempt.id = event.attempt_id
    LEFT JOIN webhook_deliveries AS delivery ON delivery.attempt_id = event.attempt_id AND delivery.revision = event.revision
WHERE published_at IS NULL AND type IN {published} AND dead_at IS NULL
    AND NOT EXISTS (
        SELECT FROM webhook_deliveries AS earlier
        WHERE earlier.attempt_id = event.attempt_id AND earlier.revision <= event.revision
            AND earlier.next_at > %(at)s::timestamptz
    )
    AND NOT EXISTS (
        SELECT FROM webhook_endpoint
        WHERE endpoint = %(endpoint)s::text AND (disabled_at IS NOT NULL OR quiet_until > %(at)s::timestamptz)
    )
-- What has been refused before holds up nothing else.
ORDER BY EXISTS (
    SELECT FROM webhook_deliveries AS tried WHERE tried.attempt_id = event.attempt_id AND tried.dead_at IS NULL
), event.attempt_id, event.revision LIMIT %(limit)s
