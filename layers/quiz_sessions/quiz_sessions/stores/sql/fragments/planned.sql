-- A CTE: `planned` has the attempts of `current`, to which extension, and so which deadline, they would move, and whether
-- anything would: the time of a section that runs may, where the quiz closes first.
-- Takes seconds, at; uses current (attempts).
planned AS (
    SELECT attempt.*, extension, deadline, progressed, (deadline, progressed) <> (expires_at, progress) AS moves
    FROM current AS attempt, LATERAL (
        -- The extension never moves the deadline back to before now, nor before the start.
        SELECT greatest(
            extension_seconds + %(seconds)s,
            least(
                extension_seconds,
                ceil(extract(epoch FROM least({clock}, expires_at) - started_at))
                    - time_limit_seconds - accommodation_seconds - pause_seconds
            )
        )::integer AS extension
    ) AS extensions, LATERAL (
        SELECT time_limit_seconds + accommodation_seconds + extension AS own_seconds, closes_at AS close
    ) AS parts, LATERAL (
        SELECT {deadline} AS deadline
    ) AS deadlines, LATERAL (
        SELECT {sections_moved} AS progressed FROM (
            SELECT (extract(epoch FROM {clock}) * 1000000)::bigint AS moment, extension - extension_seconds AS added,
                time_limit_seconds AS limit_then, accommodation_seconds AS accommodation_then
        ) AS moving
    ) AS sections
)
