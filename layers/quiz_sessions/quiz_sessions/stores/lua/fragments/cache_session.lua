-- cache_session: caches a session unless a newer one is there.
-- session  as JSON, which begins {"revision":<digits>
-- seconds  to live
-- absent   seconds to live of a session that is not cached yet, 0 to leave it so
-- Returns  whether it was set
local function cache_session(key, revision, session, seconds, absent)
  local cached = redis.call('GETRANGE', key, 0, 40)
  local known = string.match(cached, '^{"revision":(%d+)')
  -- rule: a cached session is written only over an older revision
  local newer = known and tonumber(known) >= tonumber(revision)
  if newer or (cached == '' and absent == 0) then
    return false
  end
  -- What has no longer to live is there for the sake of its revision: it stays that.
  local brief = absent > 0 and redis.call('TTL', key) <= absent
  redis.call('SET', key, session, 'EX', brief and absent or seconds)
  return true
end
