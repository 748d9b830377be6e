-- Whether the change that was made before with this write_id was made for this request; null if there is none.
-- Takes write_id, payload (what the request asked for, as the event records it); uses attempt (the row that is judged).
(
    SELECT changes @> %(payload)s::jsonb FROM attempt_events
    WHERE attempt_id = attempt.id AND changes ->> 'write_id' = %(write_id)s
)
