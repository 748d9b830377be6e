-- How the webhook is doing.
-- Takes    endpoint, at
-- Returns  disabled, quiet, failing and dead (how many events), last_error, next_try_at (null if it does not wait for one)
-- Locks    nothing
WITH known AS (
    SELECT disabled_at IS NOT NULL AS disabled, quiet_until > %(at)s::timestamptz AS quiet, quiet_until, last_error
    FROM webhook_endpoint WHERE endpoint = %(endpoint)s::text
), tried AS (
    SELECT last_error, failed_at, next_at, dead_at
    FROM webhook_deliveries AS delivery JOIN attempt_events AS event USING (attempt_id, revision)
    WHERE published_at IS NULL
)
SELECT coalesce((SELECT disabled FROM known), false) AS disabled, coalesce((SELECT quiet FROM known), false) AS quiet,
    (SELECT count(*) FROM tried WHERE dead_at IS NULL) AS failing,
    (SELECT count(*) FROM tried WHERE dead_at IS NOT NULL) AS dead,
    coalesce(
        (SELECT last_error FROM known WHERE disabled OR quiet), (SELECT last_error FROM tried ORDER BY failed_at DESC LIMIT 1)
    ) AS last_error,
    greatest(
        (SELECT min(next_at) FROM tried), (SELECT quiet_until FROM known WHERE quiet)
    ) AS next_try_at
