-- The progress of an attempt through its paper after `sent` was written at `at`: which sections are entered, and which
-- questions locked.
-- Uses current (attempts), sent (question -> anything), at (in microseconds) and known_progress.
SELECT CASE WHEN current.paper IS NULL THEN known_progress ELSE gone_on(
    current.paper, known_progress, sent, at, (extract(epoch FROM current.started_at) * 1000000)::bigint,
    current.time_limit_seconds, current.accommodation_seconds
) END AS progressed
