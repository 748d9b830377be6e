-- read_presence: when the owners of sessions were last heard, and how much waits for the flush.
-- KEYS     two for each session, and all share a slot: {session:<id>}:drafts; {session:<id>}:seen
-- Reply    for each session: the time of Valkey; when its owner was last heard, or nil; when what is noted has last
--          changed more than that, or nil, both in microseconds; how many devices there were; how many drafts of answers
--          there are. Or nil, where its keys make no sense.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function read(drafts, seen)
  local at, changed = unpack(redis.call('HMGET', seen, 'at', 'changed'))
  local buffered = 0
  for _, field in ipairs(redis.call('HKEYS', drafts)) do
    if string.sub(field, 1, 2) == 'q:' then
      buffered = buffered + 1
    end
  end
  return {now, at, changed, math.max(0, redis.call('HLEN', seen) - 2), buffered}
end

local replies = {}
for i = 1, #KEYS, 2 do
  local done, reply = pcall(read, KEYS[i], KEYS[i + 1])
  replies[#replies + 1] = done and reply
end
return replies
