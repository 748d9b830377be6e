-- Settle sessions, as the flush needs it: what is to be cached comes as text.
-- Takes    list, sessions, now, wait, late_bytes
-- Returns  session_id, settlement, dealt_with (how many drafts need nothing more), left_over (questions whose draft waits for
--          the next run), session (as JSON, if it has changed or drafts of it will be cleared)
-- Locks    the rows, in the order of their ids
WITH {settled}
SELECT settled.id::text AS session_id, settlement, dealt_with, left_over,
    CASE WHEN settlement <> 'unchanged' OR dealt_with > 0 THEN row_to_json(cached)::text END AS session
FROM settled, LATERAL (SELECT {cached}) AS cached
