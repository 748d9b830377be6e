-- Whether the server takes writes. It fails where the server is read-only and where its disk is full, and leaves nothing behind:
-- an update of no row, more rows than the memory holds, which go to a file of the server and away with it, and a message in its
-- log for nobody. That one is committed and synced as every write is.
-- Takes    nothing
-- Returns  rows (how many went to the file)
-- Locks    nothing
WITH small AS MATERIALIZED (
    SELECT set_config('work_mem', '64kB', true) AS memory
), update_of_none AS (
    UPDATE relay_lease SET until = until WHERE false RETURNING holder
), spilled AS MATERIALIZED (
    SELECT count(*) AS rows FROM small, generate_series(1, 10000 * (memory IS NOT NULL)::int)
)
SELECT rows FROM spilled, pg_logical_emit_message(true, 'quiz-sessions', 'are writes taken') WHERE
    NOT EXISTS (SELECT FROM update_of_none)
