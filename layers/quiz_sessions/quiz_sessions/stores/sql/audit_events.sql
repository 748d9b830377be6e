-- The audit events of an attempt in order of revision, a page at a time.
-- Takes    id, after and until (revisions), limit, max_bytes (of changes, which only the first event may exceed)
-- Returns  revision, version, type, changes, at, nonce, digest, hash, erased_by, holds (whether digest and hash are
--          correct; of an erased event the hash, and whether a staff action says that it was erased)
-- Locks    nothing
WITH page AS (
    SELECT * FROM (
        SELECT *, sum(size) OVER (ORDER BY revision) AS bytes FROM attempt_events
        WHERE attempt_id = %(id)s AND revision > %(after)s AND revision <= %(until)s
        ORDER BY revision LIMIT %(limit)s
    ) AS first
    WHERE bytes <= %(max_bytes)s OR bytes = size
)
SELECT event.revision, event.version, event.type, {changes} AS changes, event.at, event.nonce,
    event.digest, event.hash, event.erased_by, event.hash = attempt_event_hash(
        previous.hash, event.attempt_id, event.revision, event.version, event.type, event.digest, event.at
    ) AND CASE
        WHEN event.changes IS NULL THEN EXISTS (
            SELECT FROM staff_actions
            WHERE id = event.erased_by AND action = 'erase-events' AND session_id = %(id)s
        )
        ELSE event.digest = attempt_event_digest(event.nonce, event.changes) IS TRUE
    END AS holds
FROM page AS event LEFT JOIN attempt_events AS previous
    ON previous.attempt_id = %(id)s AND previous.revision = event.revision - 1
ORDER BY event.revision
