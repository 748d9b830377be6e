-- Attempts of a user, at a quiz, or both, newest first, without their answers. The conditions are those of
-- the filters in use, because one plan for every combination would read the whole table.
-- Takes    user_id, quiz_id, statuses, at, started_at and id (of the last row of the previous page), limit,
--          owner (or null for somebody who may see every score)
-- Returns  attempts, and whether the score may be shown
-- Locks    nothing
SELECT {attempt_without_answers}, %(owner)s::text IS NULL OR {shows_again} AS is_shown
FROM quiz_attempts AS attempt WHERE {conditions}
ORDER BY started_at DESC, id DESC LIMIT %(limit)s
