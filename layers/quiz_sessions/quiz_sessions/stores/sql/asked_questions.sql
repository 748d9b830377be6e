-- What a quiz has of questions that a paper asks.
-- Takes    quiz_id, revision (that the paper was drawn from), questions, shown (those whose contents are)
-- Returns  of each question its question_id, points (null where the quiz does not have it any more), content (null where it is
--          not shown, or there is none) and shuffle_options
-- Locks    nothing
SELECT question_id, points, content, coalesce(shuffle_options, false) AS shuffle_options
FROM unnest(%(questions)s::text[]) AS asked (question_id) LEFT JOIN (
    SELECT key, (value ->> 'points')::double precision AS points FROM quizzes, jsonb_each(questions) WHERE quiz_id = %(quiz_id)s
) AS worth ON key = question_id LEFT JOIN LATERAL (
    SELECT content, shuffle_options FROM question_contents AS known
    WHERE known.quiz_id = %(quiz_id)s AND known.question_id = asked.question_id AND revision <= %(revision)s::integer
        AND asked.question_id = ANY (%(shown)s::text[])
    ORDER BY revision DESC LIMIT 1
) AS known ON true
