-- The hash that the chain of an attempt's audit events ends with.
-- Takes    id
-- Returns  revision, chain_head
-- Locks    nothing
SELECT revision, chain_head FROM quiz_attempts WHERE id = %(id)s
