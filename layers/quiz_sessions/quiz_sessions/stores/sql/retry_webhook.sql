-- Take the webhook up again: what it has refused is due at once, what was given up too, with all its tries.
-- Takes    at, by, reason, resent
-- Returns  one row
-- Locks    the tries and the webhook's row
WITH due AS (
    UPDATE webhook_deliveries SET tries = CASE WHEN dead_at IS NULL THEN tries ELSE 0 END,
        next_at = %(at)s::timestamptz, dead_at = NULL
    RETURNING 1
), enabled AS (
    UPDATE webhook_endpoint SET disabled_at = NULL, quiet_until = NULL RETURNING 1
), acted AS (
    INSERT INTO staff_actions (at, by, action, reason, after)
    SELECT %(at)s::timestamptz, %(by)s::text, 'retry-webhook', %(reason)s::text,
        jsonb_build_object('events', (SELECT count(*) FROM due))
    WHERE NOT (%(resent)s AND EXISTS (
        SELECT FROM staff_actions AS known WHERE known.action = 'retry-webhook' AND known.at = %(at)s::timestamptz
            AND known.by IS NOT DISTINCT FROM %(by)s::text
    ))
)
SELECT (SELECT count(*) FROM due) AS events, (SELECT count(*) FROM enabled) AS endpoints
