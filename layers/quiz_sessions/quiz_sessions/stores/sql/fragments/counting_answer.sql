-- The answer to `key` that counts: its draft if that is later than the committed answer, and in time.
-- Uses current (attempts, with end_at, and drafts: question -> {answer, at, writer}), key and known_at.
coalesce(draft -> 'answer', current.answers -> key) AS answer,
    coalesce((draft ->> 'at')::bigint, known_at) AS counting_at,
    coalesce(draft ->> 'writer', answer_meta -> key ->> 'writer') AS counting_writer
FROM (SELECT current.drafts -> key AS held) AS one LEFT JOIN LATERAL (
    SELECT held AS draft
    WHERE (held ->> 'at')::bigint > coalesce(known_at, -1) AND (held ->> 'at')::bigint <= end_at
) AS two ON true
