-- The progress of `attempt` where the sections that run at `moment` have so many seconds more, or less, and what follows from
-- another accommodation. None ends before `moment` for that.
-- Uses attempt, moment (in microseconds, or null for no section), added (seconds), limit_then and accommodation_then.
CASE WHEN attempt.progress ? 'entered' THEN sections_moved(
    attempt.paper, attempt.progress, attempt.grace_seconds, moment, added,
    attempt.time_limit_seconds, attempt.accommodation_seconds, limit_then, accommodation_then
) ELSE attempt.progress END
