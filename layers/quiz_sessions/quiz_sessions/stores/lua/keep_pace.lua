-- keep_pace: whether a caller keeps to a pace (domain/pace); a request that does moves it on.
-- KEYS[1]  starts:<caller>
-- ARGV     interval and burst of the pace, and the time of the request, in microseconds
-- Reply    1 if it is in time, else 0
local interval, burst, at = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local paced = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), at)
if paced - at > burst then
  return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', paced + interval), 'PX', math.ceil((paced + interval - at) / 1000) + 1000)
return 1
