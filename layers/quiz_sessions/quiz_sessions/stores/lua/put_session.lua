-- put_session: cache sessions, each unless a newer one is there: compares revisions and sets, nothing else.
-- KEYS     session:<id>, any number that share a slot
-- ARGV[1]  time to live in seconds
-- ARGV     then three for each key: the session's revision; the session as JSON, which begins
--          {"revision":<digits>; "always", or "if_cached" to leave an absent session absent
-- Reply    how many were set
local set = 0
for i, key in ipairs(KEYS) do
  local revision, session, mode = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local cached = redis.call('GETRANGE', key, 0, 40)
  local known = string.match(cached, '^{"revision":(%d+)')
  -- rule: a cached session is written only over an older revision
  local newer = known and tonumber(known) >= tonumber(revision)
  if not newer and (cached ~= '' or mode == 'always') then
    redis.call('SET', key, session, 'EX', ARGV[1])
    set = set + 1
  end
end
return set
