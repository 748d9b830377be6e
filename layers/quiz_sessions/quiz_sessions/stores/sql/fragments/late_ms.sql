-- late_ms after the deadline has moved: what was late for the one before may not be for the new one.
greatest(0, attempt.late_ms - floor(
    greatest(0, extract(epoch FROM deadline - attempt.expires_at)) * 1000
))
