-- Let an export be begun anew at once, as if this try had not been.
-- Takes    id, holder
-- Returns  its id, unless another one holds it by now
-- Locks    its row
UPDATE exports SET held_until = NULL, tries = tries - 1
WHERE id = %(id)s AND holder = %(holder)s AND status = 'running'
RETURNING id
