-- Enter a section of an attempt's paper: the time of one with a limit begins.
-- Takes    id, owner (or null), section (its number, from 0), at, at_time, writer, address, config_key_hash (these as in
--          write_answers)
-- Returns  no row if there is no such attempt; else outcome (changed or unchanged, or why not) and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head, %(writer)s::text AS writer, %(address)s::inet AS address,
        %(config_key_hash)s::text AS config_key_hash, paper -> 'sections' -> %(section)s::integer AS section
    FROM quiz_attempts
    WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE
), judged AS (
    SELECT current.*, progressed, CASE
        WHEN paper IS NULL THEN 'no_paper'
        WHEN section IS NULL THEN 'not_found'
        WHEN refusal IS NOT NULL THEN refusal
        WHEN status IN ('completed', 'abandoned') THEN 'closed'
        WHEN status = 'expired' OR %(at_time)s > accepts_until THEN 'overdue'
        WHEN access ? 'one_device' AND writer = '-' THEN 'device_unnamed'
        WHEN is_of_other THEN 'other_device'
        -- rule: the time of a section begins once
        WHEN progressed = progress THEN 'unchanged'
        WHEN %(at_time)s > paused_at THEN 'paused'
        ELSE 'changed' END AS outcome
    FROM current, LATERAL (
        SELECT {refusal} AS refusal
    ) AS letting_in, LATERAL (
        SELECT {other_device} AS is_of_other FROM (SELECT writer AS sent_by, %(at)s::bigint AS sent_at) AS sending
    ) AS devices, LATERAL (SELECT progress AS known_progress, %(at)s::bigint AS at) AS former, LATERAL (
        -- As an answer to its first question does, which locks none.
        SELECT jsonb_build_object(section -> 'questions' ->> 0, NULL) AS sent
        FROM (SELECT coalesce(section, jsonb_build_object('questions', jsonb_build_array(''))) AS section) AS known
    ) AS entering, LATERAL (
        {going_on}
    ) AS going
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'section_entered', jsonb_build_object(
        'section', %(section)s::integer, 'progress', progressed
    ), %(at_time)s, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET progress = progressed,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged, event
    WHERE attempt.id = judged.id
    RETURNING attempt.*
)
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
