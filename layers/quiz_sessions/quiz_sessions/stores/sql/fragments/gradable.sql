-- Whether the quiz of `attempt` has an answer key.
EXISTS (SELECT FROM quizzes WHERE quizzes.quiz_id = attempt.quiz_id AND gradable)
