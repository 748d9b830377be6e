-- put_settled: after the flush's statement, cache rows, each unless a newer one is there, and then clear the drafts that it
-- dealt with. Where a draft has changed since all stay: the next flush finds superseded what this one has merged.
-- KEYS     two for each session, and all share a slot: {session:<id>}:drafts; session:<id>
-- ARGV     for each session how many arguments follow, and these: the session as JSON, empty to cache nothing; its time to
--          live in seconds; that of a session that is not cached, 0 to leave it so; the digest of the drafts as they were
--          read, empty to clear none; the fields that stay
-- Reply    for each session: 1 if its drafts were as they were read, else 0; 1 if Valkey had room for the session, else 0
-- include each
-- include cache_session
-- include digest
return each(2, function(keys, first, last)
  local session, seconds, absent, read = unpack(ARGV, first, first + 3)
  local had_room = 1
  -- rule: the flush caches the row, changed or not, before it clears drafts
  if session ~= '' then
    local revision = string.match(session, '^{"revision":(%d+)')
    if not pcall(cache_session, keys[2], revision, session, seconds, tonumber(absent)) then
      -- Without an older one reads find the row; and the memory that there is comes from drafts that are cleared.
      redis.call('UNLINK', keys[2])
      had_room = 0
    end
  end
  local fields = redis.call('HGETALL', keys[1])
  -- rule: the flush clears drafts only as it read them
  if digest(fields) ~= read then
    return {0, had_room}
  end
  if last == first + 3 then
    redis.call('UNLINK', keys[1])
    return {1, had_room}
  end
  local stays = {}
  for i = first + 4, last do
    stays[ARGV[i]] = true
  end
  for i = 1, #fields, 2 do
    if not stays[fields[i]] then
      redis.call('HDEL', keys[1], fields[i])
    end
  end
  return {1, had_room}
end)
