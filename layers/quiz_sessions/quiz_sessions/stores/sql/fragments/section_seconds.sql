-- How long a section with a limit may take: as much longer as the attempt may.
-- Uses section_limit, limit_seconds and extra (accommodation) of the attempt.
ceil(section_limit::numeric * (limit_seconds + extra) / limit_seconds)::integer
