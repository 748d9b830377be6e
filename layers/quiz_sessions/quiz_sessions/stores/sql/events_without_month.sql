-- How many audit events are in no partition of their month, at most 10,000.
-- Takes    nothing
-- Returns  count
-- Locks    nothing
SELECT count(*) AS count FROM (SELECT FROM attempt_events_default LIMIT 10000) AS stray
