-- When `attempt` was started. With a common start, its clock starts later: started_at.
-- Uses attempt.
coalesce((SELECT begin.at FROM event_at(attempt.id, 0) AS begin), attempt.started_at)
