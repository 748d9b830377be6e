-- The attempts at a quiz, for an export.
-- Takes    quiz_id, own (whose attempts are left out, or null)
-- Returns  the columns of RECORDS in domain/exports, by the ids of attempts
-- Locks    nothing
SELECT id AS session_id, user_id, quiz_id, attempt_no, group_name AS "group", label, metadata::text AS metadata,
    CASE WHEN {open} AND accepts_until < now() THEN 'expired' ELSE status END AS status,
    started_at, expires_at, completed_at, ended_at, late_ms, time_limit_seconds, accommodation_seconds, extension_seconds,
    pause_seconds, version, incidents,
    -- What waits to be graded has none, or one of before.
    CASE WHEN NOT needs_grading THEN score END AS score, CASE WHEN NOT needs_grading THEN max_score END AS max_score,
    CASE WHEN NOT needs_grading THEN grading END AS grading, CASE WHEN NOT needs_grading THEN graded_with END AS quiz_revision
FROM quiz_attempts
WHERE quiz_id = %(quiz_id)s AND user_id IS DISTINCT FROM %(own)s::text
ORDER BY id
