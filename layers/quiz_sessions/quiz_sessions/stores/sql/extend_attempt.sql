-- Move an open attempt's deadline, at most back to this moment.
-- Takes    id, seconds, at, write_id, by, reason
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {repeated} THEN 'repeated'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
        ELSE 'changed' END AS outcome, attempt.id
    FROM current AS attempt
), {extended}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
