-- Begin the export that waits for the longest, or begin it anew where whoever made it has stopped.
-- Takes    id (or null, for any), holder, seconds (for how long nobody else may take it), max_tries
-- Returns  the export, unless there is none to begin
-- Locks    its row; skips those that others hold
WITH waiting AS (
    SELECT id FROM exports
    WHERE status = 'running' AND tries < %(max_tries)s AND (held_until IS NULL OR held_until < clock_timestamp())
        AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
    ORDER BY requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE exports SET holder = %(holder)s, held_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    tries = tries + 1, rows = 0, taken_at = NULL
WHERE id = (SELECT id FROM waiting)
RETURNING {export}
