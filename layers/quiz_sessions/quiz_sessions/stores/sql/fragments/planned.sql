-- A CTE: `planned` has the attempts of `current`, and to which extension, and so which deadline, they would move.
-- Takes seconds, at; uses current (attempts).
planned AS (
    SELECT attempt.*, extension, {deadline} AS deadline
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
    ) AS parts
)
