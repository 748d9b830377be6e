-- The outcome for a write_id that is known: the same write again, or another one under a key of the caller's.
-- Takes id, write_id and payload (or null, if the write_id is our own).
CASE WHEN %(payload)s::text IS NULL OR EXISTS (
    SELECT FROM event_of_write(%(id)s, %(write_id)s) WHERE changes ->> 'payload' = %(payload)s
) THEN 'repeated' ELSE 'key_reused' END
