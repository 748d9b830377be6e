-- Whether an answer of another writer counts for `key` that this one had not seen, by its tag in based_on.
-- Uses current (with based_on: question -> {at, writer}, or null; and writer), key, value (what is sent) and counting.
current.based_on ? key AND counting_writer <> current.writer AND counting.answer <> value
    AND (counting_at > coalesce((current.based_on -> key ->> 'at')::bigint, -1)
        OR counting_at = (current.based_on -> key ->> 'at')::bigint
            AND counting_writer <> current.based_on -> key ->> 'writer')
