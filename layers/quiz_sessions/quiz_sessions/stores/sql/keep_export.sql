-- Tell how far an export has come, and hold it on.
-- Takes    id, holder, seconds, rows, taken_at
-- Returns  its id, unless another one holds it by now
-- Locks    its row
UPDATE exports SET rows = %(rows)s, taken_at = %(taken_at)s, held_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND holder = %(holder)s AND status = 'running'
RETURNING id
