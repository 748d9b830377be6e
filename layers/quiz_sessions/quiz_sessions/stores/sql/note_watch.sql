-- Record that the flush has looked for refusals.
-- Takes    at, apart (seconds after which a look does not go on with the one before), whole (whether all since the look
--          before was noted), cache_away (whether nothing could be noted)
-- Returns  began_at, where this look does not go on with the one before
-- Locks    the latest watch
WITH gone_on AS (
    UPDATE refusal_watches SET until = greatest(until, %(at)s)
    WHERE began_at = (SELECT max(began_at) FROM refusal_watches) AND cache_away = %(cache_away)s AND %(whole)s
        AND until >= %(at)s - make_interval(secs => %(apart)s)
    RETURNING began_at
)
INSERT INTO refusal_watches (began_at, until, cache_away)
SELECT %(at)s, %(at)s, %(cache_away)s WHERE NOT EXISTS (SELECT FROM gone_on)
ON CONFLICT (began_at) DO NOTHING
RETURNING began_at
