-- Look for words in the names of attempts, newest first, among as many as one statement may look at. The conditions are
-- those of the filters in use; the order is that of an index for them.
-- Takes    user_id, quiz_id, group, statuses, at, started_at and id (of the last row of the previous page), words (each has to
--          be there, in whatever case), look (how many attempts at most), limit (how many are wanted)
-- Returns  one row: ids (of the attempts found), started_at and id (of the last one looked at for them; null where none is
--          left)
-- Locks    nothing
WITH looked AS MATERIALIZED (
    SELECT id, started_at, user_id, label, group_name, metadata, row_number() OVER (ORDER BY {order}) AS place
    FROM quiz_attempts AS attempt WHERE {conditions} ORDER BY {order} LIMIT %(look)s
), found AS MATERIALIZED (
    SELECT id, place FROM looked, LATERAL (
        SELECT lower(normalize(concat_ws(
            E'\n', user_id, label, group_name,
            jsonb_path_query_array(metadata, 'strict $.** ? (@.type() == "string" || @.type() == "number")')::text
        ), NFC)) AS names
    ) AS naming
    WHERE NOT EXISTS (SELECT FROM unnest(%(words)s::text[]) AS word WHERE strpos(names, lower(word)) = 0)
    ORDER BY place LIMIT %(limit)s
)
SELECT ARRAY(SELECT id FROM found ORDER BY place) AS ids, last.started_at, last.id
FROM (SELECT) AS always LEFT JOIN LATERAL (
    SELECT started_at, id FROM looked
    WHERE place = CASE WHEN (SELECT count(*) FROM found) = %(limit)s THEN (SELECT max(place) FROM found)
        ELSE nullif((SELECT count(*) FROM looked), 0) END
        AND ((SELECT count(*) FROM found) = %(limit)s OR (SELECT count(*) FROM looked) = %(look)s)
) AS last ON true
