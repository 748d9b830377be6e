-- Move the deadline of every open attempt at a quiz.
-- Takes    quiz_id, seconds, at, write_id, by, reason, resent
-- Returns  reason ('changed', or why not), count, ids (all that changed; of the others the first thousand),
--          cut (how many of them the close of the quiz cuts), cut_ids (the first thousand)
-- Locks    the rows of the open attempts, in the order of their ids
WITH current AS (
    SELECT {attempt} FROM quiz_attempts
    -- Select by id alone. After waiting for a row, FOR UPDATE checks its condition again: an attempt that has
    -- ended meanwhile would drop out here, and the last query below would still see it open.
    WHERE id IN (
        SELECT id FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s AND {open}
    )
    ORDER BY id FOR UPDATE
), {planned}, judged AS (
    SELECT attempt.id, CASE
        WHEN {repeated} THEN 'repeated'
        WHEN NOT {open} THEN status
        WHEN accepts_until < %(at)s THEN 'expired'
        ELSE 'changed' END AS outcome
    FROM current AS attempt
), {extended}, moved AS (
    SELECT id, expires_at, closes_at, {cut} AS cut FROM changed AS attempt
    UNION ALL SELECT id, expires_at, closes_at, {cut}
    FROM current AS attempt JOIN judged USING (id) WHERE %(resent)s AND outcome = 'repeated'
), explained AS (
    SELECT CASE
        WHEN outcome = 'changed' AND moved.expires_at = current.expires_at
        THEN CASE WHEN moved.expires_at = moved.closes_at
            THEN 'closes_at' ELSE 'no time left' END
        WHEN outcome = 'repeated'
        THEN CASE WHEN %(resent)s THEN 'changed' ELSE 'extended already' END
        ELSE outcome END AS reason, id, cut
    FROM judged JOIN current USING (id) LEFT JOIN moved USING (id)
    UNION ALL SELECT status, id, false FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND status IN ('completed', 'expired', 'abandoned')
)
SELECT reason, count(*) AS count,
    CASE WHEN reason = 'changed'
        THEN array_agg(id) ELSE (array_agg(id ORDER BY id))[1:1000] END AS ids,
    count(*) FILTER (WHERE cut) AS cut,
    (array_agg(id ORDER BY id) FILTER (WHERE cut))[1:1000] AS cut_ids
FROM explained GROUP BY reason
