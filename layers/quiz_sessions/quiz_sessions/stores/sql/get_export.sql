-- Read an export, as whoever asked for it.
-- Takes    id, by (or null, for anybody's)
-- Returns  the export
-- Locks    nothing
SELECT {export} FROM exports WHERE id = %(id)s AND (%(by)s::text IS NULL OR requested_by = %(by)s::text)
