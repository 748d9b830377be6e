-- Whether the quiz of `attempt`, as it is now, shows its results to students. A quiz that is not there shows none.
-- Takes at; uses attempt.
EXISTS (
    SELECT FROM quizzes WHERE quizzes.quiz_id = attempt.quiz_id AND (
        show_results = 'after_end'
        -- Nobody takes it any more, and nobody can start it: it may close later for who has a standing accommodation.
        -- Answers that are still on their way arrive within a minute.
        OR show_results = 'after_close' AND closes_at + make_interval(
            secs => coalesce((SELECT max(closes_later_seconds) FROM user_accommodations), 0)
        ) <= %(at)s::timestamptz - interval '60 seconds' AND NOT EXISTS (
            SELECT FROM quiz_attempts AS other
            WHERE other.quiz_id = attempt.quiz_id AND other.status IN ('started', 'in_progress')
                AND other.accepts_until > %(at)s::timestamptz - interval '60 seconds'
        ) AND NOT EXISTS (
            SELECT FROM quiz_attempts AS other
            WHERE other.quiz_id = attempt.quiz_id AND other.ended_at > %(at)s::timestamptz - interval '60 seconds'
        )
    )
)
