-- What staff actions change of an attempt, to be told before and after one.
-- Uses the columns of an attempt.
jsonb_build_object(
    'status', status, 'expires_at', expires_at, 'late_ms', late_ms, 'score', score, 'max_score', max_score, 'grading', grading
)
