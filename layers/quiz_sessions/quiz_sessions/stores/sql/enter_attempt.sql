-- Let a device, or another page of one, go on with an open attempt, as far as the quiz lets it.
-- Takes    id, owner (or null), at, at_time, since (until when what another device sent counts), writer, takeover (whether the
--          student wants the attempt on this device), most (how many incidents an attempt has at most), page_url (or null for
--          the one that is known), address, config_key_hash (these as in create_attempts), pace_interval, pace_burst (as in
--          record_incident)
-- Returns  no row if there is no such attempt; else outcome (changed or unchanged, or why it is not let in), is_takeover
--          (whether from another device), is_forgotten (whether as an incident for which there is no room) and the attempt
--          as it is now
-- Locks    the quiz's row FOR SHARE, so that a change of its rules precedes this or reaches the attempt; then the attempt's
WITH quiz AS (
    SELECT access AS quiz_access, one_device AS quiz_device FROM quizzes
    WHERE quiz_id = (SELECT quiz_id FROM quiz_attempts WHERE id = %(id)s) FOR SHARE
), current AS (
    SELECT {attempt}, chain_head, paced_until, quiz_access, quiz_device, coalesce(%(page_url)s::text, access ->> 'page_url') AS page_url
    FROM quiz_attempts AS attempt LEFT JOIN quiz ON true
    WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE OF attempt
), entering AS (
    SELECT current.*, {attempt_access} AS new_access, is_new, is_new AND device IS NOT NULL AND incidents < %(most)s AS is_incident
    FROM current, LATERAL (
        SELECT (device IS DISTINCT FROM %(writer)s::text AND quiz_device <> 'off') IS TRUE AS is_new
    ) AS comparison
), judged AS (
    SELECT entering.*, CASE
        WHEN NOT {open} OR accepts_until < %(at_time)s THEN 'ended'
        WHEN refusal IS NOT NULL THEN refusal
        WHEN is_new AND %(writer)s::text = '-' THEN 'device_unnamed'
        -- rule: a device takes over from another as the quiz says who lets it
        WHEN is_new AND device IS NOT NULL AND NOT (%(takeover)s AND quiz_device = 'takeover') THEN 'other_device'
        WHEN NOT is_new AND new_access IS NOT DISTINCT FROM access THEN 'unchanged'
        WHEN paced_until - %(at)s::bigint > %(pace_burst)s::bigint AND %(pace_interval)s::bigint > 0 THEN 'too_fast'
        ELSE 'changed' END AS outcome
    FROM entering, LATERAL (
        SELECT {refusal} AS refusal
        FROM (SELECT new_access AS access, %(address)s::inet AS address, %(config_key_hash)s::text AS config_key_hash) AS sent
    ) AS letting_in
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, CASE WHEN is_new THEN 'device_changed' ELSE 'page_changed' END,
        CASE WHEN new_access IS DISTINCT FROM access THEN jsonb_build_object('access', new_access) ELSE '{}' END
        || CASE WHEN is_new THEN jsonb_build_object('device', %(writer)s::text, 'device_since', %(since)s::bigint) ELSE '{}' END
        || CASE WHEN is_incident THEN jsonb_build_object('incidents', incidents + 1, 'incident', jsonb_build_object(
            'type', 'takeover', 'source', 'server', 'detail', jsonb_build_object('writer', %(writer)s::text)
        )) ELSE '{}' END,
        %(at_time)s, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET access = new_access,
        device = CASE WHEN is_new THEN %(writer)s::text ELSE attempt.device END,
        device_since = CASE WHEN is_new THEN %(since)s::bigint ELSE attempt.device_since END,
        incidents = attempt.incidents + is_incident::integer,
        paced_until = greatest(attempt.paced_until, %(at)s::bigint) + %(pace_interval)s::bigint,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged, event
    WHERE attempt.id = judged.id
    RETURNING attempt.*
)
SELECT outcome, is_takeover, is_takeover AND NOT is_incident AS is_forgotten, row.*
FROM judged, LATERAL (
    SELECT outcome = 'changed' AND is_new AND judged.device IS NOT NULL AS is_takeover
) AS taking, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
