-- What the clock of `attempt` shows: this moment, or the one at which it was stopped.
-- Takes at.
least(%(at)s::timestamptz, attempt.paused_at)
