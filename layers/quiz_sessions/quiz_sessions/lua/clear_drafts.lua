-- Remove exactly the drafts that a flush has dealt with; one that has changed since stays.
-- KEYS[1]  {session:<id>}:drafts
-- ARGV     pairs: field, the whole value as it was read
-- Reply    how many were removed
local removed = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
    removed = removed + 1
  end
end
return removed
