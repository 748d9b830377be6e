-- The audit events of an attempt in order of revision, a page at a time, as its timeline tells them: without what was answered,
-- marked or drawn.
-- Takes    id, after (revision), limit, max_bytes (of changes, which only the first event may exceed), members (of the changes,
--          which are told)
-- Returns  revision, version, type, at, recorded_at, erased_by, since (when the event before the page was recorded, or null),
--          told (members of the changes; of answers the questions, of late and displaced ones also when they came and from
--          whom), is_last (whether no event follows the page)
-- Locks    nothing
WITH page AS (
    SELECT * FROM (
        SELECT *, sum(size) OVER (ORDER BY revision) AS bytes FROM attempt_events
        WHERE attempt_id = %(id)s AND revision > %(after)s ORDER BY revision LIMIT %(limit)s
    ) AS first
    WHERE bytes <= %(max_bytes)s OR bytes = size
)
SELECT revision, version, type, at, recorded_at, erased_by, told,
    (SELECT recorded_at FROM attempt_events WHERE attempt_id = %(id)s AND revision = %(after)s) AS since,
    NOT EXISTS (
        SELECT FROM attempt_events WHERE attempt_id = %(id)s AND revision > (SELECT max(revision) FROM page)
    ) AS is_last
FROM page, LATERAL (
    SELECT coalesce(jsonb_object_agg(member, CASE
        WHEN member IN ('answers', 'outdated', 'marks') AND jsonb_typeof(value) = 'object'
            THEN (SELECT coalesce(jsonb_agg(question), '[]') FROM jsonb_object_keys(value) AS question)
        WHEN member = 'late_answers' AND jsonb_typeof(value) = 'object' THEN (
            SELECT coalesce(jsonb_agg(jsonb_build_object('question', question, 'at', late -> 'at', 'writer', late -> 'writer')), '[]')
            FROM jsonb_each(value) AS late_answers (question, late)
        )
        WHEN member = 'displaced' AND jsonb_typeof(value) = 'array' THEN (
            SELECT coalesce(jsonb_agg(jsonb_build_object('question', item -> 'question', 'at', item -> 'at', 'writer', item -> 'writer')), '[]')
            FROM jsonb_array_elements(value) AS item
        )
        WHEN member IN ('answers', 'outdated', 'marks', 'late_answers', 'displaced') THEN NULL
        ELSE value END), '{}') AS told
    FROM jsonb_each(CASE WHEN jsonb_typeof(changes) = 'object' THEN changes ELSE '{}' END) AS change (member, value)
    WHERE member = ANY (%(members)s)
) AS telling
ORDER BY revision
