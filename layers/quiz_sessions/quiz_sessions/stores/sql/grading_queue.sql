-- The answers at a quiz that wait for a person, a page at a time, those of who started first before others.
-- Takes    quiz_id, question (or null for all), own (whose attempts are left out, or null), started_at, id and after (question;
--          these of the last one before), at, limit, max_bytes (of answers, which only the first may exceed)
-- Returns  questions (question -> how many answers to it wait); of each answer session_id, started_at, revision and status of its
--          attempt, question, answer, points, held_by, held_until and more (whether others follow). One row with a session_id
--          of null where there is none.
-- Locks    nothing
WITH waiting AS (
    SELECT question, count(*) AS number FROM quiz_attempts AS attempt, unnest(waiting) AS question
    WHERE quiz_id = %(quiz_id)s AND {is_pending} AND user_id IS DISTINCT FROM %(own)s::text
    GROUP BY question
), counted AS (
    SELECT coalesce(jsonb_object_agg(question, number), '{}') AS questions FROM waiting
), listed AS (
    SELECT {waiting_answer}, held_by, held_until
    FROM quiz_attempts AS attempt CROSS JOIN unnest(waiting) AS question
        LEFT JOIN (SELECT attempt_id, question AS claimed, held_by, held_until FROM grading_claims) AS claim
            ON attempt_id = attempt.id AND claimed = question AND held_until > %(at)s::timestamptz
    WHERE attempt.quiz_id = %(quiz_id)s AND {is_pending} AND user_id IS DISTINCT FROM %(own)s::text
        AND (started_at, attempt.id) >= (%(started_at)s::timestamptz, %(id)s::uuid)
        AND (started_at, attempt.id, question COLLATE "C") > (%(started_at)s, %(id)s, %(after)s::text)
        AND question = coalesce(%(question)s::text, question)
    ORDER BY started_at, attempt.id, question COLLATE "C"
    LIMIT %(limit)s + 1
), sized AS (
    SELECT *, sum(octet_length(answer::text)) OVER page AS bytes, row_number() OVER page AS place, count(*) OVER () AS total
    FROM listed WINDOW page AS (ORDER BY started_at, session_id, question COLLATE "C")
), shown AS (
    SELECT *, total > max(place) OVER () AS more FROM sized
    WHERE place <= %(limit)s AND (coalesce(bytes, 0) <= %(max_bytes)s OR place = 1)
)
SELECT questions, session_id, started_at, revision, status, question, answer, points, held_by, held_until, more
FROM counted LEFT JOIN shown ON true
ORDER BY started_at, session_id, question COLLATE "C"
