-- The late answers of an attempt, a page at a time, and whether they were accepted since.
-- Takes    id, after (event), limit, max_bytes (of answers, which only the first event may exceed)
-- Returns  event (its revision), answers (question -> {answer, at, writer}), accepted, more (whether others follow)
-- Locks    nothing
WITH accepted AS MATERIALIZED (
    SELECT (changes ->> 'late_answer')::bigint AS event FROM attempt_events
    WHERE attempt_id = %(id)s AND type = 'late_accepted'
), late AS (
    SELECT revision, changes, size, sum(size) OVER page AS bytes, row_number() OVER page AS place,
        count(*) OVER () AS total
    FROM attempt_events
    WHERE attempt_id = %(id)s AND type = 'late_answer' AND revision > %(after)s AND changes IS NOT NULL
    WINDOW page AS (ORDER BY revision)
), shown AS (
    SELECT *, total > max(place) OVER () AS more FROM late
    WHERE place <= %(limit)s AND (bytes <= %(max_bytes)s OR place = 1)
)
SELECT revision AS event, changes -> 'late_answers' AS answers, revision IN (SELECT event FROM accepted) AS accepted, more
FROM shown ORDER BY revision
