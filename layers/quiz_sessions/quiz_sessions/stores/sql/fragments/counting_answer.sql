-- The answer to `key` that counts: its draft if that is later than the committed answer, and in time.
-- Uses current (attempts, with end_at, and drafts: question -> {answer, at, writer}), key and known_at.
coalesce(draft -> 'answer', current.answers -> key) AS answer,
    coalesce((draft ->> 'at')::bigint, known_at) AS counting_at,
    coalesce(draft ->> 'writer', answer_meta -> key ->> 'writer') AS counting_writer
FROM (SELECT current.drafts -> key AS held) AS one LEFT JOIN LATERAL (
    SELECT held AS draft
    FROM (SELECT held ->> 'writer' AS sent_by, (held ->> 'at')::bigint AS sent_at) AS sending
    WHERE sent_at > coalesce(known_at, -1) AND sent_at <= end_at AND NOT {other_device} AND NOT {past}
) AS two ON true
