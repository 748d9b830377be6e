-- note_heard: notes that the owner of a session was heard, at Valkey's own time. The request does not depend on it: what
-- can't be noted is left out.
-- key      {session:<id>}:seen
-- device   the writer that the owner was heard from, - for none; empty where nobody was heard
-- seconds  to live
-- grown    whether there is an answer more among the drafts
-- Returns  whether the device was noted beside others that were known
local HEARD_EVERY, SHOWN_EVERY, MOST_DEVICES = 5000000, 15000000, 20

local function note_heard(key, device, seconds, grown)
  if device == '' then
    return false
  end
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local known = redis.pcall('HMGET', key, 'at', 'changed', 'device:' .. device)
  if known.err then
    return false
  end
  local fields = device ~= '-' and not known[3] and redis.call('HLEN', key)
  -- Whoever sends a new device with each request fills no memory.
  local new = fields and fields < MOST_DEVICES + 2
  -- After a failover the clock may be behind.
  if not new and not grown and math.abs(now - (tonumber(known[1]) or 0)) < HEARD_EVERY then
    return false
  end
  local at = string.format('%.0f', now)
  local noted = {'at', at}
  if new or known[3] then
    noted[#noted + 1] = 'device:' .. device
    noted[#noted + 1] = at
  end
  if new or grown or math.abs(now - (tonumber(known[2]) or 0)) >= SHOWN_EVERY then
    noted[#noted + 1] = 'changed'
    noted[#noted + 1] = at
  end
  local written = redis.pcall('HSET', key, unpack(noted))
  redis.pcall('EXPIRE', key, seconds)
  return new and fields > 2 and type(written) == 'number'
end
