-- Mark audit events that the event bus has accepted.
-- Takes    ids (of attempts), revisions, first and last (of the ids)
-- Returns  the revisions that were marked
-- Locks    the events
UPDATE attempt_events AS event SET published_at = clock_timestamp()
FROM unnest(%(ids)s::uuid[], %(revisions)s::bigint[]) AS sent (id, revision)
-- The range spares PostgreSQL all other months. The last conditions are those of the outbox's index.
-- rule: an event is marked by its attempt and its revision
WHERE attempt_id = sent.id AND event.revision = sent.revision AND published_at IS NULL AND type IN {published}
    AND attempt_id BETWEEN %(first)s AND %(last)s
RETURNING event.revision
