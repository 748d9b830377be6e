-- The exports that nobody makes: they wait for their first try or for another one. Those that had their last one fail.
-- Takes    max_tries
-- Returns  id, status
-- Locks    the rows of those that fail
WITH failed AS (
    UPDATE exports SET status = 'failed', finished_at = clock_timestamp()
    WHERE status = 'running' AND tries >= %(max_tries)s AND held_until < clock_timestamp()
    RETURNING id, status
)
SELECT id, status FROM failed
UNION ALL (
    SELECT id, status FROM exports
    WHERE status = 'running' AND tries < %(max_tries)s AND (held_until IS NULL OR held_until < clock_timestamp())
    ORDER BY requested_at, id LIMIT 10
)
