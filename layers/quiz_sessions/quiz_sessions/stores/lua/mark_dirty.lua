-- mark_dirty: note that a session has drafts to flush, at Valkey's own time. Runs after the drafts are written.
-- KEYS[1]  dirty:<shard>
-- ARGV[1]  session id
-- Reply    how many sessions are dirty
local now = redis.call('TIME')
local micros = now[1] .. string.format('%06d', tonumber(now[2]))
redis.call('ZADD', KEYS[1], micros, ARGV[1])
return redis.call('ZCARD', KEYS[1])
