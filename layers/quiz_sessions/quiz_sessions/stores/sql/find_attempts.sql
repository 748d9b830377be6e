-- Attempts of a user, at a quiz, or both, newest first, without their answers. The conditions are those of
-- the filters in use, because one plan for every combination would read the whole table.
-- Takes    user_id, quiz_id, statuses, now, started_at and id (of the last row of the previous page), limit
-- Returns  attempts
-- Locks    nothing
SELECT {attempt_without_answers} FROM quiz_attempts WHERE {conditions}
ORDER BY started_at DESC, id DESC LIMIT %(limit)s
