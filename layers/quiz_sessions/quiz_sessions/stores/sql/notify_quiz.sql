-- Write a message to those who take a quiz, or to some of them.
-- Takes    quiz_id, session_ids (null for all), text, at, write_id, by, resent, action, key, payload_hash
-- Returns  reason ('changed', or why not; 'reused' if another request used the write_id, and nothing changed), count,
--          ids (all that changed; of the others the first thousand)
-- Locks    the rows of the open attempts, in the order of their ids
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    -- By id alone: see extend_quiz.
    WHERE id IN (
        SELECT id FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s AND {open} AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
    )
    ORDER BY id FOR UPDATE
), reused AS (
    -- Ended attempts too: see extend_quiz.
    SELECT FROM quiz_attempts AS attempt WHERE quiz_id = %(quiz_id)s AND NOT {same_action} LIMIT 1
), judged AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM reused) THEN 'reused'
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {open} THEN status
        WHEN accepts_until < %(at)s THEN 'expired'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), {notified}, acted AS (
    -- Without the text, which stands in the audit logs alone: those can be erased.
    INSERT INTO staff_actions (at, by, action, quiz_id, after, key, payload_hash)
    SELECT %(at)s::timestamptz, %(by)s::text, %(action)s::text, %(quiz_id)s,
        jsonb_build_object('notified', count(*), 'write_id', %(write_id)s::text), %(key)s::text, %(payload_hash)s::text
    FROM changed HAVING count(*) > 0
), explained AS (
    SELECT 'changed' AS reason, id FROM changed
    UNION ALL SELECT CASE
        WHEN outcome <> 'repeated' THEN outcome
        WHEN %(resent)s THEN 'changed'
        ELSE 'notified already' END, id
    FROM judged WHERE outcome <> 'changed'
    UNION ALL SELECT 'reused', NULL FROM reused
    UNION ALL SELECT status, id FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND NOT {open}
        AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
    UNION ALL SELECT 'not found', id FROM unnest(%(session_ids)s::uuid[]) AS id
    WHERE NOT EXISTS (SELECT FROM quiz_attempts WHERE quiz_attempts.id = id.id AND quiz_id = %(quiz_id)s)
)
SELECT reason, count(*) AS count,
    CASE WHEN reason = 'changed'
        THEN array_agg(id) ELSE (array_agg(id ORDER BY id))[1:1000] END AS ids
FROM explained GROUP BY reason
