-- What staff have done, oldest first, a page at a time. The conditions are those of the filters in use.
-- Takes    session_id, quiz_id, user_id, by, after (id), limit, max_bytes (of what was changed, which only the first action may
--          exceed)
-- Returns  the actions
-- Locks    nothing
SELECT {staff_action} FROM (
    SELECT *, sum(octet_length(coalesce(before::text, '')) + octet_length(coalesce(after::text, '')))
        OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT * FROM staff_actions WHERE {conditions} AND id > %(after)s ORDER BY id LIMIT %(limit)s) AS page
) AS sized
WHERE bytes <= %(max_bytes)s OR place = 1
ORDER BY id
