-- Record that the webhook did not accept events, and when each is tried again.
-- Takes    ids (of attempts), revisions, tries (so far), errors, next (the moments of the next tries; null for none), at
-- Returns  the revisions
-- Locks    the tries
INSERT INTO webhook_deliveries (attempt_id, revision, tries, last_error, next_at, failed_at, dead_at)
SELECT id, revision, tries, error, next_at, %(at)s::timestamptz,
    CASE WHEN next_at IS NULL THEN %(at)s::timestamptz END
FROM unnest(
    %(ids)s::uuid[], %(revisions)s::bigint[], %(tries)s::integer[], %(errors)s::text[], %(next)s::timestamptz[]
) AS refused (id, revision, tries, error, next_at)
ON CONFLICT (attempt_id, revision) DO UPDATE SET tries = excluded.tries, last_error = excluded.last_error,
    next_at = excluded.next_at, failed_at = excluded.failed_at, dead_at = excluded.dead_at
RETURNING revision
