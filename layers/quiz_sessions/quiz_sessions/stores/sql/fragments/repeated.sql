-- Whether the change of this write_id has been made before. Takes write_id.
EXISTS (
    SELECT FROM attempt_events
    WHERE attempt_id = attempt.id AND changes ->> 'write_id' = %(write_id)s
)
