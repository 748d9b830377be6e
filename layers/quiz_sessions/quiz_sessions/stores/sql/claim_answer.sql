-- Give a marker the next answer that waits and nobody else holds; the one that the marker holds, unless another is asked for.
-- Takes    quiz_id, question (or null for any), own (whose attempts are left out, or null), marker, started_at, id and after
--          (as in grading_queue), again (whether the one that is held will do), at, seconds (for how long)
-- Returns  of the answer session_id, started_at, revision, status, question, answer, points, held_by (null if another took it
--          meanwhile) and held_until; no row if none waits
-- Locks    the attempt's row, skipping those that others hold; then the claim
WITH held AS (
    SELECT attempt_id, question FROM grading_claims AS claim
    WHERE %(again)s AND quiz_id = %(quiz_id)s AND held_by = %(marker)s::text AND held_until > %(at)s::timestamptz
        AND question = coalesce(%(question)s::text, question)
), kept AS (
    SELECT {waiting_answer} FROM quiz_attempts AS attempt JOIN held ON attempt_id = attempt.id
    WHERE {is_pending} AND question = ANY (waiting)
    LIMIT 1 FOR UPDATE OF attempt
), free AS (
    SELECT {waiting_answer} FROM quiz_attempts AS attempt, unnest(waiting) AS question
    WHERE NOT EXISTS (SELECT FROM kept) AND quiz_id = %(quiz_id)s AND {is_pending} AND user_id IS DISTINCT FROM %(own)s::text
        AND (started_at, attempt.id) >= (%(started_at)s::timestamptz, %(id)s::uuid)
        AND (started_at, attempt.id, question COLLATE "C") > (%(started_at)s, %(id)s, %(after)s::text)
        AND question = coalesce(%(question)s::text, question)
        AND NOT EXISTS (
            SELECT FROM grading_claims AS claim
            WHERE attempt_id = attempt.id AND claim.question = question.question AND NOT {claim_is_free}
        )
    ORDER BY started_at, attempt.id, question COLLATE "C" LIMIT 1 FOR UPDATE OF attempt SKIP LOCKED
), chosen AS (
    SELECT * FROM kept UNION ALL SELECT * FROM free
), claimed AS (
    INSERT INTO grading_claims AS claim (attempt_id, question, quiz_id, held_by, held_until)
    SELECT session_id, question, %(quiz_id)s, %(marker)s, %(at)s + make_interval(secs => %(seconds)s) FROM chosen
    ON CONFLICT (attempt_id, question) DO UPDATE SET held_by = excluded.held_by, held_until = excluded.held_until
        WHERE {claim_is_free}
    RETURNING attempt_id, question, held_by, held_until
), released AS (
    -- One answer for each marker; and what nobody marked in time.
    DELETE FROM grading_claims AS claim
    WHERE quiz_id = %(quiz_id)s AND (held_by = %(marker)s OR held_until <= %(at)s)
        AND NOT EXISTS (SELECT FROM chosen WHERE session_id = attempt_id AND chosen.question = claim.question)
)
SELECT chosen.*, held_by, held_until
FROM chosen LEFT JOIN claimed ON attempt_id = session_id AND claimed.question = chosen.question
