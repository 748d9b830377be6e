-- Write a message to the one who takes an open attempt.
-- Takes    id, text, at, write_id, by, reason (null), action, key, payload_hash, given
-- Returns  no row if there is no such attempt; else outcome, notice (the revision of the message's event, or null),
--          noticed_at, and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), {notified}, {acted}, message AS (
    SELECT revision AS notice, at AS noticed_at FROM event
    -- What this statement inserts it does not see here.
    UNION ALL SELECT revision, at FROM attempt_events
    WHERE attempt_id = %(id)s AND changes ->> 'write_id' = %(write_id)s::text
)
SELECT outcome, notice, noticed_at, row.* FROM judged LEFT JOIN message ON true, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
