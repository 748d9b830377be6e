-- Move an open attempt's deadline, at most back to this moment, or to its start.
-- Takes    id, seconds, at, write_id, by, reason, action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), {planned}, judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
        WHEN NOT moves
            THEN CASE WHEN deadline = {close} THEN 'closes_first' ELSE 'no_time_left' END
        ELSE 'changed' END AS outcome, attempt.*
    FROM planned AS attempt
), {extended}, {acted}
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
