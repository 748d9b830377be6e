-- Whether answers of `attempt` wait for a person. The index quiz_attempts_pending has the same condition.
-- Uses attempt.
attempt.grading = 'pending' AND attempt.status NOT IN ('started', 'in_progress')
