-- How many attempts are paused, and how long the oldest pause of an attempt or a quiz lasts, in seconds.
-- Takes    nothing
-- Returns  count, age
-- Locks    nothing
SELECT count(*) FILTER (WHERE is_attempt) AS count,
    coalesce(extract(epoch FROM clock_timestamp() - min(paused_at)), 0)::float8 AS age
FROM (
    SELECT paused_at, true AS is_attempt FROM quiz_attempts WHERE paused_at IS NOT NULL
    UNION ALL SELECT paused_at, false FROM quizzes WHERE paused_at IS NOT NULL
) AS pause
