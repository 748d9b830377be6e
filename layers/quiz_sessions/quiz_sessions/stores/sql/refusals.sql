-- The refusals about an attempt whose first one came in a time.
-- Takes    id, since (exclusive, or null for any), until (inclusive, or null for any), limit
-- Returns  operation, status, code, by, device, questions, request_id, first_at, last_at, count
-- Locks    nothing
SELECT operation, status, code, nullif(by, '') AS by, device, questions, request_id, first_at, last_at, count
FROM refused_requests
WHERE attempt_id = %(id)s AND first_at > coalesce(%(since)s::timestamptz, '-infinity')
    AND first_at <= coalesce(%(until)s::timestamptz, 'infinity')
ORDER BY first_at, operation, code, by LIMIT %(limit)s
