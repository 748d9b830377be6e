-- Ask for an export of a quiz, unless too many run that the same caller has asked for.
-- Takes    id, quiz_id, format, what, by, at, key, payload_hash, max_running
-- Returns  outcome (made, repeated, reused, unknown, running), and the export, but where there is none
-- Locks    nothing
WITH known AS (
    SELECT * FROM exports
    WHERE id = %(id)s OR key = %(key)s::text AND quiz_id = %(quiz_id)s AND requested_by IS NOT DISTINCT FROM %(by)s::text
), judged AS (
    SELECT CASE
        WHEN EXISTS (SELECT FROM known WHERE payload_hash <> %(payload_hash)s::text) THEN 'reused'
        WHEN EXISTS (SELECT FROM known) THEN 'repeated'
        WHEN NOT EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)
            AND NOT EXISTS (SELECT FROM quiz_attempts WHERE quiz_id = %(quiz_id)s) THEN 'unknown'
        WHEN %(max_running)s <= (
            SELECT count(*) FROM exports
            -- Without tokens all callers are one.
            WHERE status = 'running' AND requested_by IS NOT DISTINCT FROM %(by)s::text
                AND (%(by)s::text IS NOT NULL OR quiz_id = %(quiz_id)s)
        ) THEN 'running'
        ELSE 'made' END AS outcome
), made AS (
    INSERT INTO exports (id, quiz_id, format, what, requested_by, requested_at, key, payload_hash)
    SELECT %(id)s, %(quiz_id)s, %(format)s, %(what)s::text[], %(by)s, %(at)s, %(key)s, %(payload_hash)s
    FROM judged WHERE outcome = 'made'
    RETURNING *
), acted AS (
    INSERT INTO staff_actions (at, by, action, quiz_id, after, key, payload_hash)
    SELECT requested_at, requested_by, 'export', quiz_id,
        jsonb_build_object('export', id, 'format', format, 'what', what), key, payload_hash
    FROM made
)
SELECT outcome, {export}
FROM judged LEFT JOIN (SELECT * FROM made UNION ALL SELECT * FROM known) AS export ON outcome <> 'reused'
