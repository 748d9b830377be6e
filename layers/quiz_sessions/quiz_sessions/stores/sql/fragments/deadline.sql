-- The deadline: the time that an attempt has, at most until the quiz closes for it. Pauses put both off.
-- Uses started_at, own_seconds (time limit, accommodation and extension), close (closes_at of the quiz), pause_seconds and
-- closes_later_seconds.
least(
    started_at + make_interval(secs => own_seconds + pause_seconds),
    close + make_interval(secs => closes_later_seconds + pause_seconds)
)
