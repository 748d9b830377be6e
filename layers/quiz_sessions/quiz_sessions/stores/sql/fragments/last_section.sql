-- The section of its paper that an attempt has entered, or committed an answer in, last; null if none.
-- Uses paper, progress and answer_meta.
CASE WHEN paper IS NOT NULL THEN (
    SELECT number FROM (
        SELECT number::integer, (entry ->> 'at')::bigint AS at FROM jsonb_each(progress -> 'entered') AS entered (number, entry)
        UNION ALL SELECT (number - 1)::integer, at
        FROM (
            SELECT key, (value ->> 'at')::bigint AS at FROM jsonb_each(answer_meta) ORDER BY at DESC LIMIT 1
        ) AS latest JOIN jsonb_array_elements(paper -> 'sections') WITH ORDINALITY AS sections (section, number)
            ON section -> 'questions' ? key
    ) AS been ORDER BY at DESC LIMIT 1
) END
