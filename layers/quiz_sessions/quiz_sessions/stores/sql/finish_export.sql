-- End an export, whose file is whole.
-- Takes    id, holder, rows, bytes and hash (of the file)
-- Returns  its id, unless another one holds it by now
-- Locks    its row
UPDATE exports SET status = 'done', rows = %(rows)s, bytes = %(bytes)s, sha256 = %(hash)s, finished_at = clock_timestamp()
WHERE id = %(id)s AND holder = %(holder)s AND status <> 'failed'
RETURNING id
