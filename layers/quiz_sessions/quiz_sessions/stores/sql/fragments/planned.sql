-- A CTE: `planned` has the attempts of `current`, and to which extension, and so which deadline, they would move.
-- Takes seconds, at; uses current (attempts).
planned AS (
    SELECT current.*, extension, least(
        started_at + make_interval(secs => time_limit_seconds + accommodation_seconds + extension),
        closes_at
    ) AS deadline
    FROM current, LATERAL (
        -- The extension never moves the deadline back to before now.
        SELECT greatest(
            extension_seconds + %(seconds)s,
            least(
                extension_seconds,
                ceil(extract(epoch FROM least(%(at)s, expires_at) - started_at))
                    - time_limit_seconds - accommodation_seconds
            )
        )::integer AS extension
    ) AS extensions
)
