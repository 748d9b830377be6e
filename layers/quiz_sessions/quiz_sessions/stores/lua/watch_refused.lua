-- watch_refused: whether every refusal since the last look was noted, as far as can be told here. That nothing is there any
-- more (Valkey has lost its data), or that somebody had no room, says no.
-- KEYS[1]  refused:<shard>
-- Reply    1 or 0
local known = redis.call('HGET', KEYS[1], '-')
redis.call('HSET', KEYS[1], '-', '1')
return known == '1' and 1 or 0
