-- When `key` was first answered, for what is kept of its next answer; empty for the first one.
-- Uses answer_meta and key.
jsonb_strip_nulls(jsonb_build_object(
    'first_at', coalesce(answer_meta -> key -> 'first_at', answer_meta -> key -> 'at')
))
