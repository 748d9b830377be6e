-- Staff actions about a session that made no event of it, oldest first, done in a time.
-- Takes    session_id, since (exclusive, or null for any), until (inclusive, or null for any), limit
-- Returns  id, at, by, action, quiz_id, user_id, reason
-- Locks    nothing
SELECT id, at, by, action, quiz_id, user_id, reason FROM staff_actions
WHERE ({about_session}) AND (session_id IS NULL OR revision IS NULL)
    AND at > coalesce(%(since)s::timestamptz, '-infinity') AND at <= coalesce(%(until)s::timestamptz, 'infinity')
ORDER BY id LIMIT %(limit)s
