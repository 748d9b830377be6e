-- Ended attempts that were not graded with the current revision of their quiz, a page at a time. A score that a
-- person has set as a whole is not graded by it at all.
-- Takes    quiz_id, revision (of the quiz), after (id), limit
-- Returns  attempts
-- Locks    nothing
SELECT {attempt} FROM quiz_attempts
WHERE quiz_id = %(quiz_id)s AND status IN ('completed', 'expired')
    AND NOT score_by_hand AND graded_with IS DISTINCT FROM %(revision)s
    AND id > %(after)s
ORDER BY id LIMIT %(limit)s
