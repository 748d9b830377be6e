-- How many outbox messages wait, at most 10,000, and the age of the oldest of them in seconds. Which of them are still to be
-- sent is {waits}.
-- Takes    nothing
-- Returns  count, age
-- Locks    nothing
SELECT count(*) AS count,
    coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS age
FROM (
    SELECT at FROM attempt_events AS event
    WHERE published_at IS NULL AND type IN {published} AND {waits} LIMIT 10000
) AS waiting
