-- Whether a regrade grades the attempt again: a score that a person has set as a whole is not graded by the quiz at all.
(status IN ('completed', 'expired') AND NOT score_by_hand)
