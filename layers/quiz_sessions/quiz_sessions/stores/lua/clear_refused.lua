-- clear_refused: takes away what was recorded, each field unless it has changed since it was read.
-- KEYS[1]  refused:<shard>
-- ARGV     fields and values in turn
-- Reply    how many were taken away
local cleared = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    cleared = cleared + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return cleared
