-- Attempts of a user, at a quiz, or both, newest first, without their answers. The conditions are written out for the
-- filters that are given: one plan for all of them would read the whole table.
-- Takes    user_id, quiz_id, status, now, started_at and id (those of the last row of the page before), limit
-- Returns  attempts
-- Locks    nothing
SELECT {attempt_without_answers} FROM quiz_attempts WHERE {conditions}
ORDER BY started_at DESC, id DESC LIMIT %(limit)s
