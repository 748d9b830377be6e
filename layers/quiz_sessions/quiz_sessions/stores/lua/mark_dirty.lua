-- mark_dirty: note that sessions have drafts to flush, at Valkey's own time. Runs after the drafts are written.
-- KEYS[1]  dirty:<shard>
-- ARGV     session ids
-- Reply    how many sessions are dirty
local now = redis.call('TIME')
local micros = now[1] .. string.format('%06d', tonumber(now[2]))
for _, id in ipairs(ARGV) do
  redis.call('ZADD', KEYS[1], micros, id)
end
return redis.call('ZCARD', KEYS[1])
