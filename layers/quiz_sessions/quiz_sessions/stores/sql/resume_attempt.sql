-- Let the clock of an attempt run again that was paused by itself.
-- Takes    id, at, write_id, by, reason, whole (false), action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
        WHEN session_paused THEN 'changed'
        WHEN quiz_paused THEN 'quiz_paused'
        ELSE 'unchanged' END AS outcome, attempt.*
    FROM current AS attempt
), {resumed}, {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
