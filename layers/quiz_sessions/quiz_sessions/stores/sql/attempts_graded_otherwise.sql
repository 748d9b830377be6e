-- Ended attempts that were not graded with the current revision of their quiz, a page at a time.
-- Takes    quiz_id, revision (of the quiz), after (id), limit
-- Returns  attempts
-- Locks    nothing
SELECT {attempt} FROM quiz_attempts
WHERE quiz_id = %(quiz_id)s AND {regradable} AND graded_with IS DISTINCT FROM %(revision)s
    AND id > %(after)s
ORDER BY id LIMIT %(limit)s
