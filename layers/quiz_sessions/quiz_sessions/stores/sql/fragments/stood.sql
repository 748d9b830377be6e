-- For how many seconds the pause of `attempt` that ends at `until` kept its clock from running, rounded up. A clock that
-- has not started is not kept from anything.
-- Uses attempt and until.
CASE WHEN attempt.paused_at IS NULL THEN 0
    ELSE greatest(0, ceil(extract(epoch FROM until - greatest(attempt.paused_at, attempt.started_at)))) END::integer
