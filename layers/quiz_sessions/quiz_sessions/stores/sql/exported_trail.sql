-- The audit logs of the attempts at a quiz, for an export.
-- Takes    quiz_id, own (whose attempts are left out, or null)
-- Returns  the columns of RECORDS in domain/exports, by the ids of attempts and the revisions of their events
-- Locks    nothing
SELECT attempt_id AS session_id, user_id, quiz_id, attempt_no, event.revision, event.version, type, at, recorded_at,
    changes::text AS changes, encode(nonce, 'hex') AS nonce, encode(digest, 'hex') AS digest, encode(hash, 'hex') AS hash,
    erased_by
FROM quiz_attempts AS attempt JOIN attempt_events AS event ON attempt_id = attempt.id
WHERE quiz_id = %(quiz_id)s AND user_id IS DISTINCT FROM %(own)s::text
ORDER BY attempt_id, event.revision
