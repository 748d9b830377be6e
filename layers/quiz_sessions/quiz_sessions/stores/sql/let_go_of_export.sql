-- Let an export be begun anew after a while, or fail where that was the last try.
-- Takes    id, holder, max_tries, seconds (for how long nobody takes it)
-- Returns  its status, unless another one holds it by now
-- Locks    its row
UPDATE exports SET held_until = clock_timestamp() + make_interval(secs => %(seconds)s),
    status = CASE WHEN tries < %(max_tries)s THEN 'running' ELSE 'failed' END,
    finished_at = CASE WHEN tries < %(max_tries)s THEN NULL ELSE clock_timestamp() END
WHERE id = %(id)s AND holder = %(holder)s AND status = 'running'
RETURNING status
