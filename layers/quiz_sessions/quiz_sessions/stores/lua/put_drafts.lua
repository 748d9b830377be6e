-- put_drafts: keep drafts, for each field the one with the larger `at`; the later arrival on a tie. What loses its
-- place to another writer's draft is kept beside it, in a field displaced:<at>.<writer>:<question>.
-- It sets no time to live, because volatile-ttl would evict the drafts, and the answers would be lost.
-- KEYS[1]  {session:<id>}:drafts
-- KEYS[2]  session:<id>
-- KEYS[3]  {session:<id>}:pace
-- KEYS[4]  {session:<id>}:write:<key>, if the caller named the write; used up by it
-- ARGV[1]  revision of the session that the write was judged by; `open` if it only has to be cached as open; empty if not
--          even that matters
-- ARGV[2]  how many fields the drafts had then; empty if it does not matter
-- ARGV[3]  how many pairs follow: field, tag (<at>.<writer>) of its draft then; empty for none
-- ARGV[4]  interval and burst of the caller's pace, and the time of the write, in microseconds (domain/pace); interval 0
--          for no limit
-- ARGV     then KEYS[4]'s value and its time to live in seconds, if there is one
-- ARGV     then triples: field, at (microseconds), draft as JSON, which begins {"at":<digits>,"writer":"<writer>"
-- Reply    kept; repeated or reused, if KEYS[4] was used up by the same value or another; moved, if something is
--          other than it was judged by; too_fast
local drafts = KEYS[1]

local function tag(draft)
  return string.match(draft, '^{"at":(%d+),"writer":"([%w-]+)"')
end

local interval, burst, at = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local first = 7
if KEYS[4] then
  local used = redis.call('GET', KEYS[4])
  if used then
    return used == ARGV[7] and 'repeated' or 'reused'
  end
  first = 9
end
if ARGV[1] ~= '' then
  local cached = redis.call('GETRANGE', KEYS[2], 0, 80)
  local revision, status = string.match(cached, '^{"revision":(%d+),"status":"([%a_]+)"')
  -- rule: drafts are put only beside a session that is cached as open
  if status ~= 'started' and status ~= 'in_progress' then
    return 'moved'
  end
  -- rule: drafts with based_on are put only where session and drafts are as they were judged
  if ARGV[1] ~= 'open' and ARGV[1] ~= revision then
    return 'moved'
  end
end
if ARGV[2] ~= '' and redis.call('HLEN', drafts) ~= tonumber(ARGV[2]) then
  return 'moved'
end
for _ = 1, tonumber(ARGV[3]) do
  local known = redis.call('HGET', drafts, ARGV[first])
  local at, writer = tag(known or '')
  if (at and at .. '.' .. writer or '') ~= ARGV[first + 1] then
    return 'moved'
  end
  first = first + 2
end
if interval > 0 then
  local paced = math.max(tonumber(redis.call('GET', KEYS[3]) or '0'), at)
  if paced - at > burst then
    return 'too_fast'
  end
  redis.call('SET', KEYS[3], string.format('%.0f', paced + interval), 'PX', math.ceil((paced + interval - at) / 1000) + 1000)
end
for i = first, #ARGV, 3 do
  local field, new = ARGV[i], ARGV[i + 2]
  local known = redis.call('HGET', drafts, field)
  local at, writer = tag(known or '')
  -- rule: of two drafts the later request's stays
  local later = not at or tonumber(ARGV[i + 1]) >= tonumber(at)
  local question = string.match(field, '^q:(.*)')
  -- rule: a draft that loses its place to another writer's is kept beside it
  if at and question then
    local new_at, new_writer = tag(new)
    local same = string.match(known, '"answer":.*') == string.match(new, '"answer":.*')
    if new_writer ~= writer and not same then
      local lost = later and at .. '.' .. writer or new_at .. '.' .. new_writer
      redis.call('HSET', drafts, 'displaced:' .. lost .. ':' .. question, later and known or new)
    end
  end
  if later then
    redis.call('HSET', drafts, field, new)
  end
end
if KEYS[4] then
  redis.call('SET', KEYS[4], ARGV[7], 'EX', ARGV[8])
end
return 'kept'
