-- Attempts of a user, at a quiz, or both, newest first, without their answers. The conditions are those of
-- the filters in use, because one plan for every combination would read the whole table.
-- Takes    user_id, quiz_id, group, statuses, at, started_at and id (of the last row of the previous page), limit,
--          owner (whose scores are shown again where they were shown before, or null), staff (whether those of others are
--          shown)
-- Returns  attempts, and whether the score may be shown
-- Locks    nothing
SELECT {attempt_without_answers}, {disclosed_again} AS is_shown
FROM quiz_attempts AS attempt WHERE {conditions}
ORDER BY started_at DESC, id DESC LIMIT %(limit)s
