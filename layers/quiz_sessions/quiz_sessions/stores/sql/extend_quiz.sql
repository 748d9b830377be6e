-- Move the deadline of every open attempt at a quiz, or of some of them.
-- Takes    quiz_id, session_ids (null for all), seconds, at, write_id, by, reason, resent, action, key, payload_hash
-- Returns  reason ('changed', or why not; 'reused' if another request used the write_id, and nothing changed), count,
--          ids (all that changed; of the others the first thousand),
--          cut (how many of them the close of the quiz cuts), cut_ids (the first thousand)
-- Locks    the rows of the open attempts, in the order of their ids
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    -- Select by id alone. After waiting for a row, FOR UPDATE checks its condition again: an attempt that has
    -- ended meanwhile would drop out here, and the last query below would still see it open.
    WHERE id IN (
        SELECT id FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s AND {open} AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
    )
    ORDER BY id FOR UPDATE
), reused AS (
    -- Ended attempts too, because all that the other request has extended may have ended since.
    SELECT FROM quiz_attempts AS attempt WHERE quiz_id = %(quiz_id)s AND NOT {same_action} LIMIT 1
), {planned}, judged AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM reused) THEN 'reused'
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {open} THEN status
        WHEN accepts_until < %(at)s THEN 'expired'
        ELSE 'changed' END AS outcome, attempt.*
    FROM planned AS attempt
), {extended}, acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, reason, after, key, payload_hash)
    SELECT %(at)s::timestamptz, %(by)s::text, %(action)s::text, %(quiz_id)s, %(reason)s::text,
        jsonb_build_object('seconds', %(seconds)s::integer, 'extended', count(*)), %(key)s::text, %(payload_hash)s::text
    FROM changed HAVING count(*) > 0
), explained AS (
    SELECT CASE
        WHEN moves THEN 'changed'
        WHEN expires_at = {close} THEN 'closes_at'
        ELSE 'no time left' END AS reason, id, {cut} AS cut
    FROM changed AS attempt
    UNION ALL SELECT CASE
        WHEN outcome <> 'repeated' THEN outcome
        WHEN %(resent)s THEN 'changed'
        ELSE 'extended already' END, id, {cut}
    FROM judged AS attempt WHERE outcome <> 'changed'
    UNION ALL SELECT 'reused', NULL, false FROM reused
    UNION ALL SELECT status, id, false FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND status IN ('completed', 'expired', 'abandoned')
        AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
    UNION ALL SELECT 'not found', id, false FROM unnest(%(session_ids)s::uuid[]) AS id
    WHERE NOT EXISTS (SELECT FROM quiz_attempts WHERE quiz_attempts.id = id.id AND quiz_id = %(quiz_id)s)
)
SELECT reason, count(*) AS count,
    CASE WHEN reason = 'changed'
        THEN array_agg(id) ELSE (array_agg(id ORDER BY id))[1:1000] END AS ids,
    count(*) FILTER (WHERE cut) AS cut,
    (array_agg(id ORDER BY id) FILTER (WHERE cut))[1:1000] AS cut_ids
FROM explained GROUP BY reason
