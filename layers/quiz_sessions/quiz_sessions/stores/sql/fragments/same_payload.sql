-- The outcome for a write_id that is known: the same write again, or another one under a key of the caller's.
-- Takes id, write_id and payload (or null, if the write_id is our own).
CASE WHEN %(payload)s::text IS NULL OR EXISTS (
    SELECT FROM attempt_events
    WHERE attempt_id = %(id)s AND changes ->> 'write_id' = %(write_id)s AND changes ->> 'payload' = %(payload)s
) THEN 'repeated' ELSE 'key_reused' END
