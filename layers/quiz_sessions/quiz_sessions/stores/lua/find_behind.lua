-- find_behind: which of the cached sessions are behind their row.
-- KEYS     session:<id>, any number that share a slot
-- ARGV     for each key the revision of the row
-- Reply    for each key 1 if the session is cached and behind, else 0
local behind = {}
for i, key in ipairs(KEYS) do
  local known = string.match(redis.call('GETRANGE', key, 0, 40), '^{"revision":(%d+)')
  behind[i] = known and tonumber(known) < tonumber(ARGV[i]) and 1 or 0
end
return behind
