-- read_sessions: read sessions' drafts and cached rows, each session as it is in one moment.
-- KEYS     three for each session, and all share a slot: {session:<id>}:drafts; session:<id>; {session:<id>}:write:<key>
--          if the caller named a write, else the session once more
-- ARGV     for each session how many arguments follow: one if the caller named a write, else none
-- Reply    for each session: the drafts, as fields and values in turn; the session as JSON, or nil; what the caller named,
--          or nil
-- include each
return each(3, function(keys, first, last)
  local named = first <= last and redis.call('GET', keys[3])
  return {redis.call('HGETALL', keys[1]), redis.call('GET', keys[2]), named}
end)
