-- When the flush looked for refusals, in order of time.
-- Takes    began_at, until (of the time that is asked about), limit
-- Returns  began_at, until, cache_away
-- Locks    nothing
SELECT began_at, until, cache_away FROM refusal_watches
WHERE began_at <= %(until)s AND until >= %(began_at)s
ORDER BY began_at LIMIT %(limit)s
