-- note_refusal: notes that a request about a session was refused, for the flush to record. Requests that are alike are one
-- field with a number, so that a client that tries all the time takes no more room.
-- KEYS[1]  refused:<shard>
-- ARGV     1  field: what they have alike
--          2  at, in microseconds
--          3  the rest of the value as JSON, from its first member on
--          4  how many fields there may be
--          5  1 if some could not be noted before
-- Reply    1 if it was noted; 0 if there is no room
local key, field, at, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4])
local function forget()
  -- The next look finds that some are missing (watch_refused).
  redis.call('HSET', key, '-', '0')
end
if ARGV[5] == '1' then
  forget()
end
local first, last, count = string.match(redis.call('HGET', key, field) or '', '^{"first":(%d+),"last":(%d+),"count":(%d+)')
if not first then
  if redis.call('HLEN', key) >= most then
    forget()
    return 0
  end
  first, last, count = at, at, 0
end
-- Requests may come out of their order.
if tonumber(at) < tonumber(first) then first = at end
if tonumber(at) > tonumber(last) then last = at end
redis.call('HSET', key, field, string.format('{"first":%s,"last":%s,"count":%d,%s', first, last, count + 1, ARGV[3]))
return 1
