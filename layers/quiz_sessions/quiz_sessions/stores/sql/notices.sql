-- The notices of an attempt, a page at a time, and when they were read.
-- Takes    id, after (notice), limit
-- Returns  id (the revision of its event), type, text, at, expires_at, pause_seconds, read_at
-- Locks    nothing
SELECT event.revision AS id, event.type, event.changes ->> 'text' AS text, event.at,
    (event.changes ->> 'expires_at')::timestamptz AS expires_at, (event.changes ->> 'pause_seconds')::integer AS pause_seconds,
    (
        SELECT reading.at FROM attempt_events AS reading
        WHERE reading.attempt_id = %(id)s AND reading.changes ->> 'write_id' = 'read:' || event.revision
    ) AS read_at
FROM attempt_events AS event
WHERE event.attempt_id = %(id)s AND event.revision > %(after)s AND {is_notice}
ORDER BY event.revision LIMIT %(limit)s
