-- Whether what was sent to `key` came after its question was locked, or after the time of its section and the grace.
-- Uses paper, progress and grace_seconds (of the attempt), key and sent_at.
(paper IS NOT NULL AND (
    -- rule: nothing counts that came after its question was locked
    coalesce((progress -> 'locked' ->> key)::bigint < sent_at, false)
    -- rule: nothing counts that came after the time of its section
    OR EXISTS (
        SELECT FROM jsonb_array_elements(paper -> 'sections') WITH ORDINALITY AS sections (section, number), LATERAL (
            SELECT (progress -> 'entered' -> (number - 1)::text ->> 'until')::bigint + grace_seconds * 1000000::bigint AS last
        ) AS clock
        WHERE section -> 'questions' ? key AND last < sent_at
    )
))
