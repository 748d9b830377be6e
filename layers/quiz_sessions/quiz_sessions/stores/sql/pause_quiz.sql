-- Pause a quiz, which stops the clocks of its open attempts; or stop those of some of them.
-- Takes    quiz_id, session_ids (null for the quiz), whole (whether that is null), at, write_id, by, reason, resent, action,
--          key, payload_hash
-- Returns  reason ('changed', or why not; 'reused' if another request used the write_id, and nothing changed), count,
--          ids (all that changed; of the others the first thousand)
-- Locks    the quiz's row and those of the attempts, in the order of their ids; runs under lock_quiz, after lock_quiz_row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    -- By id alone: see extend_quiz.
    WHERE id IN (
        SELECT id FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s AND {open} AND (%(session_ids)s::uuid[] IS NULL OR id = ANY (%(session_ids)s::uuid[]))
            AND EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)
    )
    ORDER BY id FOR UPDATE
), {made}, reused AS (
    SELECT FROM quiz_attempts AS attempt WHERE quiz_id = %(quiz_id)s AND NOT {same_action}
    UNION ALL SELECT FROM made WHERE NOT is_same
    LIMIT 1
), judged AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM reused) THEN 'reused'
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {open} THEN status
        WHEN EXISTS (SELECT FROM made) THEN 'started since'
        WHEN accepts_until < %(at)s THEN 'expired'
        WHEN CASE WHEN %(whole)s THEN quiz_paused ELSE session_paused END THEN 'paused already'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), {stopped}, quiz AS (
    UPDATE quizzes SET paused_at = coalesce(paused_at, %(at)s)
    WHERE quiz_id = %(quiz_id)s AND %(whole)s AND paused_at IS NULL
        -- rule: what was done with a key is not done again, whatever has come since
        AND NOT EXISTS (SELECT FROM made) AND NOT EXISTS (SELECT FROM reused)
    RETURNING 1
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, reason, after, key, payload_hash)
    SELECT %(at)s::timestamptz, %(by)s::text, %(action)s::text, %(quiz_id)s, %(reason)s::text,
        jsonb_build_object('whole', %(whole)s, 'paused', count(*)), %(key)s::text, %(payload_hash)s::text
    FROM changed HAVING count(*) > 0 OR EXISTS (SELECT FROM quiz)
), explained AS (
    SELECT 'changed' AS reason, id FROM changed
    UNION ALL SELECT CASE
        WHEN outcome <> 'repeated' THEN outcome
        WHEN %(resent)s THEN 'changed'
        ELSE 'paused already' END, id
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
