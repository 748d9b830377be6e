-- Whether the close of the quiz cuts the time of `attempt`.
attempt.closes_at + make_interval(secs => attempt.closes_later_seconds) < attempt.started_at + make_interval(secs =>
    attempt.time_limit_seconds + attempt.accommodation_seconds + attempt.extension_seconds)
