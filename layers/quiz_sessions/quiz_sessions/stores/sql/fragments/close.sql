-- When the quiz closes for `attempt`.
attempt.closes_at + make_interval(secs => attempt.closes_later_seconds + attempt.pause_seconds)
