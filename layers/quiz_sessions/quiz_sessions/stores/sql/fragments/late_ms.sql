-- late_ms after the deadline was moved: what was late by the old deadline may not be late by the new one.
-- Uses attempt (the row before the change) and deadline (the new one).
greatest(0, attempt.late_ms - floor(
    greatest(0, extract(epoch FROM deadline - attempt.expires_at)) * 1000
))::integer
