-- Whether a list shows the score of `attempt` to its owner: again, where it was shown before.
-- Takes at; uses attempt.
results_read_at >= ended_at AND {shows}
