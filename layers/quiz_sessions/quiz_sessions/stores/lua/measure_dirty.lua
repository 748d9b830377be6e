-- measure_dirty: how many sessions of a shard are dirty, and for how long the oldest has been, by Valkey's own time.
-- KEYS[1]  dirty:<shard>
-- Reply    the number, and the age of the oldest mark in microseconds (since the last draft of its session)
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not oldest[2] then
  return {0, 0}
end
local now = redis.call('TIME')
local age = now[1] * 1000000 + now[2] - tonumber(oldest[2])
return {redis.call('ZCARD', KEYS[1]), math.max(0, age)}
