-- What an ended attempt scored, as far as its owner may see it; the first time that the owner does is recorded.
-- Takes    id, owner (to whom an attempt of its own is shown as its owner, or null), staff (whether the attempts of others
--          are shown), settled (whether no answer from before the end can
--          change it any more), at
-- Returns  no row if there is no such attempt for this caller; else may_see (whether its quiz shows results), is_shown
--          (whether they can be shown now), the results and the attempt
-- Locks    the attempt's row, the first time
WITH current AS (
    SELECT {attempt}, results FROM quiz_attempts
    -- What the cache says of an owner is not relied on.
    WHERE id = %(id)s AND (%(staff)s OR user_id = %(owner)s::text)
), judged AS (
    SELECT is_own, NOT is_own OR {shows} AS may_see
    FROM current AS attempt, LATERAL (SELECT user_id IS NOT DISTINCT FROM %(owner)s::text AS is_own) AS one
), first AS (
    SELECT attempt.id, revision, version, greatest(%(at)s, ended_at) AS read_at, chain_head
    FROM quiz_attempts AS attempt, judged
    WHERE attempt.id = %(id)s AND is_own AND may_see AND %(settled)s
        AND ended_at IS NOT NULL AND NOT needs_grading AND score IS NOT NULL
        AND (results_read_at IS NULL OR results_read_at < ended_at)
    FOR UPDATE OF attempt
), event AS (
    INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)
    SELECT id, revision + 1, version, 'results_read', jsonb_build_object('results_read_at', read_at), %(at)s, chain_head
    FROM first
    RETURNING hash
), changed AS (
    -- rule: an owner who was shown results is known to have read them
    UPDATE quiz_attempts AS attempt
    SET results_read_at = read_at, revision = attempt.revision + 1, last_updated = clock_timestamp(),
        chain_head = event.hash
    FROM first, event
    WHERE attempt.id = first.id
    RETURNING attempt.*
)
SELECT may_see, may_see AND ended_at IS NOT NULL AND (
        NOT is_own OR %(settled)s AND NOT needs_grading
    ) AS is_shown, row.*
FROM judged, LATERAL (
    SELECT {attempt}, results FROM changed
    UNION ALL SELECT {attempt}, results FROM current WHERE NOT EXISTS (SELECT FROM changed)
) AS row
