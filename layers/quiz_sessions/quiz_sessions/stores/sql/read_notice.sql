-- Mark a notice as read by the one whom it is for.
-- Takes    id, notice (the revision of its event), reader (whose attempt it has to be, or null), at, write_id
-- Returns  no row if there is no such attempt, or it is not the reader's; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts
    WHERE id = %(id)s AND (%(reader)s::text IS NULL OR user_id = %(reader)s::text) FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN NOT EXISTS (
            SELECT FROM attempt_events AS event
            WHERE attempt_id = %(id)s AND revision = %(notice)s::bigint AND {is_notice}
        ) THEN 'no_notice'
        WHEN {repeated} THEN 'repeated'
        ELSE 'changed' END AS outcome, attempt.*
    FROM current AS attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'notice_read', jsonb_build_object(
        'write_id', %(write_id)s::text, 'notice', %(notice)s::bigint, 'unread_notices', unread_notices - 1
    ), %(at)s::timestamptz, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET unread_notices = attempt.unread_notices - 1,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM event
    WHERE attempt.id = %(id)s
    RETURNING attempt.*
)
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
