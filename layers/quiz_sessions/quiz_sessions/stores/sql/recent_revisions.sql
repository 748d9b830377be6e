-- Attempts changed lately by the server's clock, a page at a time; one that changes meanwhile comes again.
-- Takes    seconds, changed and id (those of the last row of the previous page, or null), limit
-- Returns  last_updated, id, revision
-- Locks    nothing
SELECT last_updated, id, revision FROM quiz_attempts
WHERE (last_updated, id) > (
    coalesce(%(changed)s, statement_timestamp() - make_interval(secs => %(seconds)s)), %(id)s
)
ORDER BY last_updated, id LIMIT %(limit)s
