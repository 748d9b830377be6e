-- Standing accommodations, by user: one user's, or a page of all.
-- Takes    user_id (or null for all), after (the last user of the previous page, or null), limit
-- Returns  the accommodations
-- Locks    nothing
SELECT user_id, time_factor, extra_seconds, closes_later_seconds, reason, granted_by, granted_at
FROM user_accommodations
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s) AND (%(after)s::text IS NULL OR user_id > %(after)s)
ORDER BY user_id LIMIT %(limit)s
