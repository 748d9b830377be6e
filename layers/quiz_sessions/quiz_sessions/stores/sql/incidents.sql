-- The incidents of an attempt, a page at a time.
-- Takes    id, after (incident), limit
-- Returns  id (the revision of its event), type, detail, source, at
-- Locks    nothing
SELECT revision AS id, changes -> 'incident' ->> 'type' AS type, changes -> 'incident' -> 'detail' AS detail,
    changes -> 'incident' ->> 'source' AS source, at
FROM attempt_events
WHERE attempt_id = %(id)s AND revision > %(after)s AND changes ? 'incident'
ORDER BY revision LIMIT %(limit)s
