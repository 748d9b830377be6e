-- The progress of an attempt through its paper after `sent` was written at `at`: which sections are entered, and which
-- questions locked.
-- Uses current (attempts), sent (question -> anything), at (in microseconds) and known_progress.
SELECT known_progress
    || CASE WHEN entries IS NULL THEN '{}' ELSE jsonb_build_object(
        'entered', coalesce(known_progress -> 'entered', '{}') || entries
    ) END
    || CASE WHEN locks IS NULL THEN '{}' ELSE jsonb_build_object(
        'locked', coalesce(known_progress -> 'locked', '{}') || locks
    ) END AS progressed
FROM (
    SELECT jsonb_object_agg(number, jsonb_build_object(
            'at', entered_at, 'until', entered_at + 1000000::bigint * {section_seconds}
        )) FILTER (
            WHERE is_sent AND section_limit IS NOT NULL AND NOT coalesce(known_progress -> 'entered' ? number::text, false)
        ) AS entries,
        -- rule: an answer locks the questions before it, where a section goes forward alone
        jsonb_object_agg(key, at) FILTER (
            WHERE navigation = 'forward' AND position < reached AND NOT coalesce(known_progress -> 'locked' ? key, false)
        ) AS locks
    FROM (
        SELECT number - 1 AS number, section ->> 'navigation' AS navigation,
            (section ->> 'time_limit_seconds')::integer AS section_limit, key, position, sent ? key AS is_sent,
            max(position) FILTER (WHERE sent ? key) OVER (PARTITION BY number) AS reached
        FROM jsonb_array_elements(current.paper -> 'sections') WITH ORDINALITY AS sections (section, number),
            jsonb_array_elements_text(section -> 'questions') WITH ORDINALITY AS questions (key, position)
    ) AS asked, LATERAL (
        SELECT current.time_limit_seconds AS limit_seconds, current.accommodation_seconds AS extra,
            -- Nobody's time begins before the common start.
            greatest(at, (extract(epoch FROM current.started_at) * 1000000)::bigint) AS entered_at
    ) AS timing
) AS steps
