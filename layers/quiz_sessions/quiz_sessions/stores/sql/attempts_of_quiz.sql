-- The attempts at a quiz by their status, or some of them.
-- Takes    quiz_id, session_ids (null for all), limit (of the open ones), write_id, payload_hash
-- Returns  reason (open, how they ended, or not found; reused if another request used the write_id), count, ids (of the open
--          ones as many as the limit says, in order; of the others the first thousand)
-- Locks    nothing
WITH attempt AS (
    SELECT CASE WHEN {open} THEN 'open' ELSE status END AS reason, id FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
    UNION ALL SELECT 'not found', id FROM unnest(%(session_ids)s::uuid[]) AS id
    WHERE NOT EXISTS (SELECT FROM quiz_attempts WHERE quiz_attempts.id = id.id AND quiz_id = %(quiz_id)s)
    UNION ALL SELECT 'reused', id FROM quiz_attempts AS attempt WHERE quiz_id = %(quiz_id)s AND NOT {same_action}
)
SELECT reason, count(*) AS count,
    (array_agg(id ORDER BY id))[1:CASE WHEN reason = 'open' THEN %(limit)s ELSE 1000 END] AS ids
FROM attempt GROUP BY reason
