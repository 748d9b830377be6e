-- How many ended attempts a regrade would grade by other questions than those that graded them.
-- Takes    quiz_id, asks_otherwise (whether its questions are others than before), most (up to which is counted)
-- Returns  number
-- Locks    nothing
SELECT count(*)::integer AS number FROM (
    SELECT FROM quiz_attempts
    WHERE %(asks_otherwise)s AND quiz_id = %(quiz_id)s AND {regradable}
    LIMIT %(most)s
) AS attempt
