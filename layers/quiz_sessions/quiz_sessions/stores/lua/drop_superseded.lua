-- drop_superseded: drop the drafts that a commit has made void: of its writer, and not later than its answer. Those of
-- other writers are left to the flush, which records them.
-- KEYS[1]  {session:<id>}:drafts
-- ARGV     triples: field, at (microseconds) and writer of what was committed; an empty writer is anybody
-- Reply    how many were dropped
local dropped = 0
for i = 1, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local at, writer = string.match(known or '', '^{"at":(%d+),"writer":"([%w-]+)"')
  -- rule: a commit drops only drafts of its answer's writer
  local own = ARGV[i + 2] == '' or writer == ARGV[i + 2]
  if at and own and tonumber(at) <= tonumber(ARGV[i + 1]) then
    redis.call('HDEL', KEYS[1], ARGV[i])
    dropped = dropped + 1
  end
end
return dropped
