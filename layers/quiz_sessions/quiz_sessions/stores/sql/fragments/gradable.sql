-- Whether the score of `attempt` is the sum of questions: its quiz has some, and no person has set it as a whole.
(NOT attempt.score_by_hand AND EXISTS (
    SELECT FROM quizzes WHERE quizzes.quiz_id = attempt.quiz_id AND gradable
))
