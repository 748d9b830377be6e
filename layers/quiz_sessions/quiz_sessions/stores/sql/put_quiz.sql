-- Register a quiz or change its rules.
-- Takes    quiz_id, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts, when_active, show_results,
--          unknown_questions, questions, gradable, at, by, resent
-- Returns  the quiz, and whether it was created
-- Locks    the quiz's row; runs under lock_quiz
INSERT INTO quizzes AS known (
    quiz_id, revision, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts,
    when_active, show_results, unknown_questions, questions, gradable, updated_at, updated_by
) VALUES (
    %(quiz_id)s,
    -- Above all revisions of a deleted quiz with this id, so that attempts that it graded do not pass for
    -- graded by this one.
    (SELECT coalesce(max(graded_with), 0) + 1 FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s
            AND NOT EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)),
    %(time_limit_seconds)s, %(grace_seconds)s, %(opens_at)s, %(closes_at)s,
    %(max_attempts)s, %(when_active)s, %(show_results)s, %(unknown_questions)s, %(questions)s,
    %(gradable)s, %(at)s, %(by)s
)
ON CONFLICT (quiz_id) DO UPDATE SET revision = known.revision + CASE
        WHEN %(resent)s AND known.updated_at = %(at)s
            AND known.updated_by IS NOT DISTINCT FROM %(by)s
        THEN 0 ELSE 1 END,
    time_limit_seconds = %(time_limit_seconds)s, grace_seconds = %(grace_seconds)s,
    opens_at = %(opens_at)s, closes_at = %(closes_at)s, max_attempts = %(max_attempts)s,
    when_active = %(when_active)s, show_results = %(show_results)s,
    unknown_questions = %(unknown_questions)s, questions = %(questions)s, gradable = %(gradable)s, updated_at = %(at)s,
    updated_by = %(by)s
RETURNING {quiz}, xmax = 0 OR revision = 1 AS created
