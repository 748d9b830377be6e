-- Whether the change that was made before with this write_id was made for the same request; null if there is none.
-- Takes write_id, payload_hash; uses attempt (the row that is judged).
(
    SELECT changes ->> 'payload' = %(payload_hash)s::text FROM attempt_events
    WHERE attempt_id = attempt.id AND changes ->> 'write_id' = %(write_id)s::text
)
