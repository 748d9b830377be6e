-- The progress of `attempt` where the sections that run at `moment` have so many seconds more, or less, and what follows from
-- another accommodation. None ends before `moment` for that.
-- Uses attempt, moment (in microseconds, or null for no section), added (seconds), limit_then and accommodation_then.
CASE WHEN attempt.progress ? 'entered' THEN attempt.progress || jsonb_build_object('entered', (
    SELECT jsonb_object_agg(number, CASE WHEN until + attempt.grace_seconds * 1000000::bigint >= moment
        THEN entry || jsonb_build_object('until', greatest(
            until + 1000000::bigint * (added + follows), least(until, moment)
        )) ELSE entry END)
    FROM jsonb_each(attempt.progress -> 'entered') AS entered (number, entry), LATERAL (
        SELECT (entry ->> 'until')::bigint AS until,
            (attempt.paper -> 'sections' -> number::integer ->> 'time_limit_seconds')::integer AS section_limit
    ) AS section, LATERAL (
        SELECT CASE WHEN accommodation_then = attempt.accommodation_seconds THEN 0 ELSE (
            SELECT {section_seconds} FROM (SELECT limit_then AS limit_seconds, accommodation_then AS extra) AS then_
        ) - (
            SELECT {section_seconds}
            FROM (SELECT attempt.time_limit_seconds AS limit_seconds, attempt.accommodation_seconds AS extra) AS now_
        ) END AS follows
    ) AS following
)) ELSE attempt.progress END
