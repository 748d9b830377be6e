-- The types of audit events that become domain events; the index attempt_events_outbox has the same list.
(
    'started', 'completed', 'abandoned', 'expired', 'extended', 'rescheduled', 'paused', 'resumed', 'reopened', 'graded'
)
