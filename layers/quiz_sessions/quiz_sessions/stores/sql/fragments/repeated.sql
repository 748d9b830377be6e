-- Whether the change with this write_id was made before.
-- Takes write_id; uses attempt (the row that is judged).
EXISTS (
    SELECT FROM attempt_events
    WHERE attempt_id = attempt.id AND changes ->> 'write_id' = %(write_id)s
)
