-- Events recorded lately by the server's clock, a page at a time: which rows may be ahead of the cache.
-- Takes    seconds, recorded and id (those of the last event of the previous page, or null), limit
-- Returns  recorded_at, attempt_id, revision
-- Locks    nothing
SELECT recorded_at, attempt_id::text, revision FROM attempt_events
WHERE (recorded_at, attempt_id) > (
    coalesce(%(recorded)s, statement_timestamp() - make_interval(secs => %(seconds)s)), %(id)s
)
ORDER BY recorded_at, attempt_id LIMIT %(limit)s
