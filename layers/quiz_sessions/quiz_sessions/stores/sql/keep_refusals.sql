-- Record refusals that were noted. A repetition changes nothing, but for what is counted with another one.
-- Takes    batch (list of {session_id, operation, status, code, by, staff, device, questions, request_id, first_at, last_at,
--          count}; no two of one session with the same operation, code and by), most (how many are kept of one session;
--          what comes then is counted with the latest that is like it)
-- Returns  attempt_id, of each
-- Locks    the refusals that it changes
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS asked (
        session_id uuid, operation text, status integer, code text, by text, staff boolean, device text, questions jsonb,
        request_id text, first_at timestamptz, last_at timestamptz, count integer
    )
), told AS (
    SELECT asked.*, coalesce(nullif(by, user_id), '') AS actor
    FROM asked JOIN quiz_attempts ON id = session_id
    -- rule: nobody but its owner and staff appears in the timeline of a session
    WHERE by IS NULL OR by = user_id OR staff
)
INSERT INTO refused_requests AS known (
    attempt_id, operation, status, code, by, device, questions, request_id, first_at, last_at, count
)
SELECT session_id, operation, status, code, actor, device, questions, request_id, coalesce(alike.first_at, told.first_at),
    last_at, told.count + coalesce(alike.count, 0)
FROM told LEFT JOIN LATERAL (
    SELECT other.first_at, other.count FROM refused_requests AS other
    WHERE attempt_id = session_id AND other.operation = told.operation AND other.code = told.code AND other.by = actor
        AND (SELECT count(*) FROM refused_requests AS counted WHERE counted.attempt_id = session_id) >= %(most)s::integer
    ORDER BY other.first_at DESC LIMIT 1
) AS alike ON true
ORDER BY session_id, operation, code, actor
ON CONFLICT (attempt_id, first_at, operation, code, by) DO UPDATE
SET last_at = greatest(known.last_at, excluded.last_at), count = greatest(known.count, excluded.count),
    device = excluded.device, questions = excluded.questions, request_id = excluded.request_id
RETURNING attempt_id
