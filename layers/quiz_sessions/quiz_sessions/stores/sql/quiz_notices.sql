-- Messages to a quiz, a page at a time, and how many have read them. What was sent again is one message.
-- Takes    quiz_id, after (message), limit
-- Returns  id (of the first staff action), at, by, text (null where all that has it was erased), notified, read
-- Locks    nothing
SELECT message.id, message.at, message.by, told.* FROM (
    SELECT after ->> 'write_id' AS write_id, min(id) AS id, min(at) AS at, (array_agg(by ORDER BY id))[1] AS by
    FROM staff_actions WHERE quiz_id = %(quiz_id)s AND action = 'notify-quiz'
    GROUP BY after ->> 'write_id' HAVING min(id) > %(after)s
    ORDER BY min(id) LIMIT %(limit)s
) AS message, LATERAL (
    SELECT min(event.changes ->> 'text') AS text, count(*) AS notified, count(reading.revision) AS read
    FROM quiz_attempts AS attempt JOIN attempt_events AS event
        ON event.attempt_id = attempt.id AND event.changes ->> 'write_id' = message.write_id
    LEFT JOIN attempt_events AS reading
        ON reading.attempt_id = attempt.id AND reading.changes ->> 'write_id' = 'read:' || event.revision
    WHERE attempt.quiz_id = %(quiz_id)s
) AS told
ORDER BY message.id
