-- A user's extra time for a quiz: what the user's standing accommodation adds to the time limit, and the quiz's own.
-- Uses limit_seconds, time_factor, standing_seconds (both null without a standing one) and extra_seconds (null without one of
-- the quiz's).
(ceil(limit_seconds * (coalesce(time_factor, 1) - 1))::integer + coalesce(standing_seconds, 0) + coalesce(extra_seconds, 0))
