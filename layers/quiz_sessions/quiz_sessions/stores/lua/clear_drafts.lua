-- clear_drafts: remove exactly the drafts that a flush has dealt with; one that has changed since stays.
-- KEYS     {session:<id>}:drafts, any number that share a slot
-- ARGV     for each key: the number of fields, then a pair for each: field, stored value as it was read
-- Reply    how many were removed
local removed, at = 0, 1
for _, key in ipairs(KEYS) do
  local last = at + 2 * tonumber(ARGV[at])
  for i = at + 1, last, 2 do
    -- rule: the flush clears a draft only as it read it
    if redis.call('HGET', key, ARGV[i]) == ARGV[i + 1] then
      redis.call('HDEL', key, ARGV[i])
      removed = removed + 1
    end
  end
  at = last + 1
end
return removed
