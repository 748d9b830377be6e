-- A page of the registered quizzes, in the order of the bytes of their ids, with how many attempts at each are open.
-- Takes    prefix (of the ids, or null), after (the last quiz of the previous page, or null), at, limit
-- Returns  quizzes, without their questions
-- Locks    nothing
SELECT quiz_id, revision, opens_at, closes_at, paused_at, (
    SELECT count(*) FROM quiz_attempts AS attempt
    WHERE attempt.quiz_id = quizzes.quiz_id AND {open} AND accepts_until >= %(at)s
)::integer AS open
FROM quizzes
WHERE (%(prefix)s::text IS NULL OR quiz_id COLLATE "C" ^@ %(prefix)s)
    AND (%(after)s::text IS NULL OR quiz_id COLLATE "C" > %(after)s)
ORDER BY quiz_id COLLATE "C" LIMIT %(limit)s
