-- Whether the events of the attempts with ids in a range are still needed.
-- Takes    lower, upper, has_event_bus (whether events are published at all)
-- Returns  in_use: an attempt is open, or an event waits for the event bus or the webhook, which has not given it up
-- Locks    nothing
SELECT EXISTS (
    SELECT FROM quiz_attempts WHERE id >= %(lower)s AND id < %(upper)s AND {open}
) OR %(has_event_bus)s AND EXISTS (
    SELECT FROM attempt_events AS event
    WHERE attempt_id >= %(lower)s AND attempt_id < %(upper)s
        AND published_at IS NULL AND type IN {published} AND {not_dead}
) AS in_use
