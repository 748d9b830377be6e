-- The outcome for a write_id that is known: the same write again, or another one under a key of the caller's.
-- Uses current (attempts, with write_id, and payload: null if the write_id is our own).
CASE WHEN current.payload IS NULL OR EXISTS (
    SELECT FROM event_of_write(current.id, current.write_id) AS event WHERE event.changes ->> 'payload' = current.payload
) THEN 'repeated' ELSE 'key_reused' END
