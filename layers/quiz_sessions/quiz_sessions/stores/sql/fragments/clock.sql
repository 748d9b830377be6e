-- What the clock of `attempt` shows: this moment, or the one at which it was stopped; until it starts, its start.
-- Takes at.
greatest(least(%(at)s::timestamptz, attempt.paused_at), attempt.started_at)
