-- The attempts at a quiz that are open, and those that have changed; how many have ended, and how. Answers are counted by
-- what is recorded of each, which is short.
-- Takes    quiz_id, group (null for all), since (by this server's clock), at, started_at and id (those of the last row of
--          the previous page), limit (null for none)
-- Returns  now; completed, expired, abandoned; and of each attempt, in the order in which they were started, its columns and
--          is_changed. One row with an id of null where there is none.
-- Locks    nothing
SELECT statement_timestamp() AS now, ended.*, attempt.*
FROM (
    SELECT count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'expired') AS expired,
        count(*) FILTER (WHERE status = 'abandoned') AS abandoned
    FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND ended_at IS NOT NULL
        AND (%(group)s::text IS NULL OR group_name = %(group)s)
) AS ended
LEFT JOIN (
    SELECT id, user_id, group_name, status, (SELECT count(*) FROM jsonb_object_keys(answer_meta)) AS answered,
        jsonb_array_length(question_ids) AS questions, unread_notices, incidents, 
        CASE WHEN paper IS NOT NULL THEN last_section(paper, progress, answer_meta) END AS section,
        accommodation_seconds + extension_seconds AS extra_seconds,
        started_at, expires_at, accepts_until, paused_at, time_remaining,
        last_updated > %(since)s OR ({open} AND accepts_until > %(since)s AND accepts_until < %(at)s) AS is_changed
    FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND (%(group)s::text IS NULL OR group_name = %(group)s)
        AND ({open} OR last_updated > %(since)s) AND (started_at, id) > (%(started_at)s, %(id)s)
    ORDER BY started_at, id LIMIT %(limit)s
) AS attempt ON true
ORDER BY attempt.started_at, attempt.id
