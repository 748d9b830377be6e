-- Wait for starts and reopenings of a user that are under way, and keep others waiting. Their statements read tables as of
-- their beginning, so that they would miss a standing accommodation that is changed meanwhile (docs/decisions/0027).
-- Takes    user_id
-- Returns  nothing of use
-- Locks    the user's advisory lock until the transaction ends
SELECT pg_advisory_xact_lock(hashtextextended('user:' || %(user_id)s::text, 0))
