-- The audit events of an attempt in order of revision, a page at a time.
-- Takes    id, after (revision), limit (or null), max_bytes (of changes, after which no event follows; or null)
-- Returns  revision, version, type, changes, at, hash, holds (whether the hash is correct)
-- Locks    nothing
WITH page AS (
    SELECT event.revision, event.version, event.type, event.changes, event.at,
        coalesce(event.hash, '') AS hash,
        event.hash IS NOT DISTINCT FROM attempt_event_hash(
            previous.hash, event.attempt_id, event.revision, event.version, event.type,
            event.changes, event.at
        ) AS holds,
        sum(octet_length(event.changes::text)) OVER (
            ORDER BY event.revision ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS bytes_before
    FROM attempt_events AS event LEFT JOIN attempt_events AS previous
        ON previous.attempt_id = event.attempt_id AND previous.revision = event.revision - 1
    WHERE event.attempt_id = %(id)s AND event.revision > %(after)s
    ORDER BY event.revision LIMIT %(limit)s
)
SELECT revision, version, type, changes, at, hash, holds FROM page
WHERE coalesce(bytes_before < %(max_bytes)s, true) ORDER BY revision
