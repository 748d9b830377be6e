-- Whether `event` is a notice. One whose changes were erased is none any more.
-- Uses event (attempt_events).
event.type IN ('notified', 'extended', 'rescheduled', 'reopened', 'paused', 'resumed') AND event.changes ? 'unread_notices'
