-- Wait for others who copy a quiz's rules onto attempts. Such a statement reads the rules as they were when it began;
-- were it to wait for an attempt, it would copy what was true before. So they wait for each other first, and by a lock
-- of its own, for a quiz that nobody registered has no row.
-- Takes    quiz_id
-- Returns  nothing of use
-- Locks    the quiz's advisory lock until the transaction ends
SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || %(quiz_id)s::text, 0))
