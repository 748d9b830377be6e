-- A CTE: `acted` records the staff action by which `current` became `changed`.
-- Takes action, at, by, reason, key, payload_hash, given (what the action gave, or {}); uses current and changed (attempts).
acted AS (
    INSERT INTO staff_actions (
        at, by, action, session_id, revision, quiz_id, user_id, reason, before, after, key, payload_hash
    )
    SELECT %(at)s::timestamptz, %(by)s::text, %(action)s::text, id, changed.revision, changed.quiz_id, changed.user_id,
        %(reason)s::text, former.state, latter.state || %(given)s::jsonb, %(key)s::text, %(payload_hash)s::text
    FROM changed JOIN (SELECT id, {state} AS state FROM current) AS former USING (id)
        JOIN (
            -- What is graded by the statement that follows has no score to be told yet.
            SELECT id, {state} - CASE WHEN needs_grading THEN '{score,max_score,grading}' ELSE '{}' END::text[] AS state
            FROM changed
        ) AS latter USING (id)
)
