-- The changes of `event` with references: for each answer the revision of the event that has it. Without what no replay
-- needs. Changes that make no sense stay as they are.
CASE WHEN jsonb_typeof(event.changes -> 'answers') = 'object'
    THEN event.changes - '{outdated,displaced,answer_tags}'::text[] || jsonb_build_object('answers', (
        SELECT coalesce(jsonb_object_agg(key, event.revision), '{}')
        FROM jsonb_object_keys(event.changes -> 'answers') AS key
    ))
    WHEN event.type IN ('late_answer', 'displaced') AND jsonb_typeof(event.changes) = 'object'
    THEN event.changes - '{late_answers,displaced}'::text[]
    ELSE event.changes END
