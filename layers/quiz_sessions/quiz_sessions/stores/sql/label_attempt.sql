-- Change the group, label or metadata of an attempt, whatever its status.
-- Takes    id, labels (of group_name, label and metadata those to set, null for none), at, write_id, by, reason, action, key,
--          payload_hash
-- Returns  no row if there is no such attempt; else outcome and the attempt as it is now
-- Locks    the attempt's row
WITH current AS (
    SELECT {attempt}, chain_head FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
), judged AS (
    SELECT CASE
        WHEN {same_action} THEN 'repeated'
        WHEN NOT {same_action} THEN 'reused'
        WHEN others = '{}' THEN 'unchanged'
        ELSE 'changed' END AS outcome, others, attempt.*
    FROM current AS attempt, LATERAL (
        SELECT coalesce(jsonb_object_agg(key, value), '{}') AS others FROM jsonb_each(%(labels)s::jsonb)
        WHERE value <> jsonb_build_object('group_name', group_name, 'label', label, 'metadata', metadata) -> key
    ) AS asked
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'labelled', others || jsonb_build_object(
        'write_id', %(write_id)s::text, 'payload', %(payload_hash)s::text, 'by', %(by)s::text, 'reason', %(reason)s::text
    ), %(at)s::timestamptz, chain_head
    FROM judged WHERE outcome = 'changed'
    RETURNING hash
), changed AS (
    UPDATE quiz_attempts AS attempt
    SET group_name = CASE WHEN others ? 'group_name' THEN others ->> 'group_name' ELSE attempt.group_name END,
        label = CASE WHEN others ? 'label' THEN others ->> 'label' ELSE attempt.label END,
        metadata = CASE WHEN others ? 'metadata' THEN nullif(others -> 'metadata', 'null') ELSE attempt.metadata END,
        revision = attempt.revision + 1,
        last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM judged, event
    WHERE attempt.id = judged.id
    RETURNING attempt.*
), acted AS (
    INSERT INTO staff_actions (
        at, by, action, session_id, revision, quiz_id, user_id, reason, before, after, key, payload_hash
    )
    -- Of label and metadata only that they were changed: they may tell of a person, and the audit log, which has them,
    -- can be erased.
    SELECT %(at)s::timestamptz, %(by)s::text, %(action)s::text, changed.id, changed.revision, changed.quiz_id, changed.user_id,
        %(reason)s::text, jsonb_build_object('group', judged.group_name), jsonb_build_object(
            'group', changed.group_name, 'label_changed', others ? 'label', 'metadata_changed', others ? 'metadata'
        ), %(key)s::text, %(payload_hash)s::text
    FROM changed, judged
)
SELECT outcome, row.* FROM judged, LATERAL (
    SELECT {attempt} FROM changed
    UNION ALL SELECT {attempt} FROM current WHERE outcome <> 'changed'
) AS row
