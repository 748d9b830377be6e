-- put_session: cache sessions, each unless a newer one is there.
-- KEYS     session:<id>, any number that share a slot
-- ARGV[1]  time to live in seconds
-- ARGV     then three for each key: the session's revision; the session as JSON, which begins
--          {"revision":<digits>; the time to live of a session that is absent, 0 to leave it so
-- Reply    how many were set
local set = 0
for i, key in ipairs(KEYS) do
  local revision, session, seconds = ARGV[3 * i - 1], ARGV[3 * i], tonumber(ARGV[3 * i + 1])
  local cached = redis.call('GETRANGE', key, 0, 40)
  local known = string.match(cached, '^{"revision":(%d+)')
  -- rule: a cached session is written only over an older revision
  local newer = known and tonumber(known) >= tonumber(revision)
  if not newer and (cached ~= '' or seconds > 0) then
    -- What has no longer to live is there for the sake of its revision: it stays that.
    local brief = seconds > 0 and redis.call('TTL', key) <= seconds
    redis.call('SET', key, session, 'EX', brief and seconds or ARGV[1])
    set = set + 1
  end
end
return set
