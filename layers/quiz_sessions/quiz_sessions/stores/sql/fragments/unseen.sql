-- Whether an answer of another writer counts for `key` that this one had not seen, by its tag in based_on.
-- Takes based_on (question -> {at, writer}, or null), writer; uses key, value (what is sent) and counting.
%(based_on)s::jsonb ? key AND counting_writer <> %(writer)s AND counting.answer <> value
    AND (counting_at > coalesce((%(based_on)s::jsonb -> key ->> 'at')::bigint, -1)
        OR counting_at = (%(based_on)s::jsonb -> key ->> 'at')::bigint
            AND counting_writer <> %(based_on)s::jsonb -> key ->> 'writer')
