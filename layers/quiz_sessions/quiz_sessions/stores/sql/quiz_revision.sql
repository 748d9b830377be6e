-- The paper that a quiz had.
-- Takes    quiz_id, revision
-- Returns  paper (null if it had none); no row if there was no such revision
-- Locks    nothing
SELECT paper FROM quiz_revisions WHERE quiz_id = %(quiz_id)s AND revision = %(revision)s::integer
