-- Forget the tries of events that the webhook has accepted.
-- Takes    ids (of attempts), revisions
-- Returns  the revisions that had any
-- Locks    the tries
DELETE FROM webhook_deliveries AS delivery
USING unnest(%(ids)s::uuid[], %(revisions)s::bigint[]) AS sent (id, revision)
WHERE attempt_id = sent.id AND delivery.revision = sent.revision
RETURNING delivery.revision
