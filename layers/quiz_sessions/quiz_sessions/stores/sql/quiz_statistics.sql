-- What a page of the ended attempts at a quiz earned, added up by question and answer. Nothing is rounded, so that the sums of
-- pages can be added. Seconds are from the start, or the entry of a section with a time limit, to the first answer; from
-- 1000 on their first three digits.
-- Takes    quiz_id, group (or null for all), own (whose attempts are left out, or null), at, started_at and id (these of the last
--          one of the page before), limit, max_bytes (as they are stored, which only the first attempt may exceed),
--          max_characters (of an answer that is listed)
-- Returns  on each row pending, attempts, score and score_squares (these of the graded ones), more, and started_at and id of the
--          last one; and of each question and answer question, answered, is_listed, answer (null unless it is listed), asked,
--          points, points_squares, max_points, totals (of what the attempts earned in all), totals_squares, products (of points
--          and total), seconds. One row with a question of null where there is none.
-- Locks    nothing
WITH ended AS (
    SELECT id, started_at, score::text::numeric AS score, results, answers, answer_meta, paper, progress,
        question_ids, (grading = 'done' AND NOT needs_grading AND NOT {open}) IS TRUE AS is_graded,
        coalesce(pg_column_size(results), 0) + pg_column_size(answers) + pg_column_size(answer_meta) AS size
    FROM quiz_attempts
    WHERE quiz_id = %(quiz_id)s AND (%(group)s::text IS NULL OR group_name = %(group)s)
        AND (status IN ('completed', 'expired') OR {open} AND accepts_until < %(at)s::timestamptz)
        AND user_id IS DISTINCT FROM %(own)s::text
        AND (started_at, id) > (%(started_at)s::timestamptz, %(id)s::uuid)
    ORDER BY started_at, id
    LIMIT %(limit)s + 1
), sized AS (
    SELECT *, sum(size) OVER page AS bytes, row_number() OVER page AS place, count(*) OVER () AS number
    FROM ended WINDOW page AS (ORDER BY started_at, id)
), page AS (
    SELECT * FROM sized WHERE place <= %(limit)s AND (bytes <= %(max_bytes)s OR place = 1)
), attempt AS MATERIALIZED (
    -- With an empty object added a value is read once, and not once for each question.
    SELECT started_at, question_ids, results || '{}' AS results, answers || '{}' AS answers, answer_meta || '{}' AS answer_meta, total,
        CASE WHEN progress ? 'entered' THEN (
            SELECT jsonb_object_agg(question, entry -> 'at')
            FROM jsonb_each(progress -> 'entered') AS entered (number, entry),
                jsonb_array_elements_text(paper -> 'sections' -> number::integer -> 'questions') AS question
        ) END AS entered
    FROM page, LATERAL (
        SELECT sum((value -> 'points')::numeric) AS total FROM jsonb_each(results)
    ) AS summed
    WHERE is_graded AND results IS NOT NULL
), item AS MATERIALIZED (
    SELECT question, answered, answered AND pg_column_size(answer) < 4096 AND length(answer::text) <= %(max_characters)s AS is_listed,
        CASE WHEN pg_column_size(answer) < 4096 AND length(answer::text) <= %(max_characters)s THEN answer END AS answer,
        total, (result -> 'points')::numeric AS points, (result -> 'max_points')::numeric AS max_points,
        (at - coalesce((entered -> question)::bigint, (extract(epoch FROM started_at) * 1000000)::bigint)) / 1000000 AS seconds
    FROM attempt, jsonb_each(results) AS graded (question, result), LATERAL (
        SELECT answers ? question AS answered, answers -> question AS answer,
            coalesce(answer_meta -> question -> 'first_at', answer_meta -> question -> 'at')::bigint AS at
        OFFSET 0
    ) AS given
    -- A regrade also counts what the quiz has got since; the session could not answer it.
    WHERE (question_ids ? question) IS NOT FALSE
), summed AS (
    SELECT question, answered, answer, is_listed, count(*) AS asked,
        sum(points) AS points, sum(points * points) AS points_squares, sum(max_points) AS max_points,
        sum(total) AS totals, sum(total * total) AS totals_squares, sum(points * total) AS products,
        array_agg(CASE
            WHEN seconds < 1000 THEN greatest(seconds, 0)
            ELSE seconds - mod(seconds, (10 ^ (length(seconds::text) - 3))::bigint)
        END) FILTER (WHERE seconds IS NOT NULL) AS seconds
    FROM item GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT count(*) FILTER (WHERE NOT is_graded) AS pending, count(*) FILTER (WHERE is_graded) AS attempts,
        sum(score) FILTER (WHERE is_graded) AS score, sum(score * score) FILTER (WHERE is_graded) AS score_squares,
        coalesce(max(number) > count(*), false) AS more, max(started_at) AS started_at, (array_agg(id ORDER BY place DESC))[1] AS id
    FROM page
)
SELECT * FROM counted LEFT JOIN summed ON true
