-- Settle sessions, as a request needs it.
-- Takes    list, sessions, now, wait, late_bytes
-- Returns  settlement, recorded (questions whose draft came too late and has been recorded), is_final (whether no draft counts
--          any more), and the attempt as it is now
-- Locks    the rows, in the order of their ids
WITH {settled}
SELECT settlement, CASE WHEN left_over IS NULL THEN late END AS recorded, is_final, {attempt} FROM settled
