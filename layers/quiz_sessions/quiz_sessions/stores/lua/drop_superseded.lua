-- drop_superseded: drop the drafts that a commit has made void: those not later than the committed answer.
-- KEYS[1]  {session:<id>}:drafts
-- ARGV     pairs: field, at of what was committed (microseconds)
-- Reply    how many were dropped
local dropped = 0
for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local at = known and string.match(known, '^{"at":(%d+)')
  if at and tonumber(at) <= tonumber(ARGV[i + 1]) then
    redis.call('HDEL', KEYS[1], ARGV[i])
    dropped = dropped + 1
  end
end
return dropped
