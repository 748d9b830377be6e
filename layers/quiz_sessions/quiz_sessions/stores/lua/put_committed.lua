-- put_committed: after commits, cache their rows, each unless a newer one is there; drop the drafts that a commit has made
-- void, which are those of its writer and not later than its answer; and read what is left. Drafts of other writers are
-- left to the flush, which records them.
-- KEYS     three for each session, and all share a slot: {session:<id>}:drafts; session:<id>; {session:<id>}:seen
-- ARGV     for each session how many arguments follow: the session's revision, the session as JSON, its time to live in
--          seconds, the device that its owner was heard from (see note_heard), and triples: field, at (microseconds) and
--          writer of what was committed; an empty writer is anybody
-- Reply    for each session: the drafts that are left, as fields and values in turn; the cached session if it is newer, or
--          nil; 1 if the device came beside others, or nil; 1 if drafts were dropped, or nil
-- include each
-- include cache_session
-- include note_heard
return each(3, function(keys, first, last)
  local drafts, session = keys[1], keys[2]
  local seconds = tonumber(ARGV[first + 2])
  local beside, dropped = note_heard(keys[3], ARGV[first + 3], seconds), false
  local newer = not cache_session(session, ARGV[first], ARGV[first + 1], seconds, seconds)
  for i = first + 4, last, 3 do
    local known = redis.call('HGET', drafts, ARGV[i])
    local at, writer = string.match(known or '', '^{"at":(%d+),"writer":"([%w-]+)"')
    -- rule: a commit drops only drafts of its answer's writer
    local own = ARGV[i + 2] == '' or writer == ARGV[i + 2]
    if at and own and tonumber(at) <= tonumber(ARGV[i + 1]) then
      redis.call('HDEL', drafts, ARGV[i])
      dropped = true
    end
  end
  return {redis.call('HGETALL', drafts), newer and redis.call('GET', session), beside, dropped}
end)
