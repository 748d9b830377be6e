-- hold_off: from now on, for a while, put_drafts puts no drafts of other devices than one: it is about to take over.
-- KEYS     for a session: {session:<id>}:drafts; {session:<id>}:taker
-- ARGV     the writer of that device; how long, in seconds
-- Reply    the latest `at` of the drafts that are there, 0 without any
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
local latest = 0
for _, value in ipairs(redis.call('HVALS', KEYS[1])) do
  latest = math.max(latest, tonumber(string.match(value, '^{"at":(%d+)')) or 0)
end
return latest
