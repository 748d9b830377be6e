-- read_presence: when the owners of sessions were last heard, and how much waits for the flush.
-- KEYS     two for each session, and all share a slot: {session:<id>}:drafts; {session:<id>}:seen
-- ARGV     for each session a 0: it has no arguments
-- Reply    for each session: the time of Valkey; when its owner was last heard, or nil; when what is noted has last
--          changed more than that, or nil, both in microseconds; how many devices there were; how many drafts of answers
--          there are
-- include each
return each(2, function(keys)
  local time = redis.call('TIME')
  local at, changed = unpack(redis.call('HMGET', keys[2], 'at', 'changed'))
  local drafts = 0
  for _, field in ipairs(redis.call('HKEYS', keys[1])) do
    if string.sub(field, 1, 2) == 'q:' then
      drafts = drafts + 1
    end
  end
  local devices = math.max(0, redis.call('HLEN', keys[2]) - 2)
  return {time[1] * 1000000 + time[2], at, changed, devices, drafts}
end)
