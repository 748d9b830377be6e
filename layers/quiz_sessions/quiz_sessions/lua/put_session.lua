-- Cache a session unless a newer one is there: compares revisions and sets, nothing else.
-- KEYS[1]  session:<id>
-- ARGV[1]  revision of the session
-- ARGV[2]  the session as JSON, which begins {"revision":<digits>
-- ARGV[3]  time to live in seconds
-- ARGV[4]  "always", or "if_cached" to leave an absent session absent
-- Reply    1 when it was set, 0 when not
local cached = redis.call('GETRANGE', KEYS[1], 0, 40)
if cached == '' then
  if ARGV[4] == 'if_cached' then
    return 0
  end
else
  local revision = string.match(cached, '^{"revision":(%d+)')
  if revision and tonumber(revision) >= tonumber(ARGV[1]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
