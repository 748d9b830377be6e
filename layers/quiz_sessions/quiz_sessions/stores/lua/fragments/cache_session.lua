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
  if absent > 0 and absent < tonumber(seconds) and redis.call('TTL', key) <= absent then
    seconds = absent
  end
  redis.call('SET', key, session, 'EX', seconds)
  return true
end
