-- acknowledge: take dirty marks away, each only if no draft has moved it since the flush read it.
-- KEYS[1]  dirty:<shard>
-- ARGV     pairs: session id, score as it was read
-- Reply    how many were taken away
local taken = 0
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  -- rule: a mark is taken away only if it has not moved
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
    taken = taken + 1
  end
end
return taken
