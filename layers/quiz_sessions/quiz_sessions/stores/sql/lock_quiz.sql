-- Wait for other statements that copy the rules of a quiz onto attempts. Such a statement reads the rules
-- as of its beginning; if it then had to wait for an attempt, it would copy rules that are out of date. So
-- these statements first wait for each other. The lock is an advisory lock, because a quiz that is not
-- registered has no row.
-- Takes    quiz_id
-- Returns  nothing of use
-- Locks    the quiz's advisory lock until the transaction ends
SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || %(quiz_id)s::text, 0))
