-- The types of events that are published, as the index attempt_events_outbox has them.
(
    'started', 'completed', 'abandoned', 'expired', 'extended', 'rescheduled', 'reopened', 'graded'
)
