-- Events that the webhook was sent for the last time, those given up last first.
-- Takes    limit
-- Returns  of each attempt_id, revision, type, tries, last_error and died_at
-- Locks    nothing
SELECT attempt_id, revision, type, tries, last_error, dead_at AS died_at
FROM webhook_deliveries AS delivery JOIN attempt_events AS event USING (attempt_id, revision)
WHERE published_at IS NULL AND dead_at IS NOT NULL
ORDER BY dead_at DESC, attempt_id, revision LIMIT %(limit)s
