-- put_drafts: keep drafts, for each field the one with the larger `at`; the later arrival on a tie. What loses its
-- place to another writer's draft is kept beside it, in a field displaced:<at>.<writer>:<question>.
-- It sets no time to live, because volatile-ttl would evict the drafts, and the answers would be lost.
-- KEYS     six for each session, and all share a slot: {session:<id>}:drafts; session:<id>; {session:<id>}:pace;
--          {session:<id>}:write:<key> if the caller named the write, which uses it up, else the session once more;
--          {session:<id>}:seen; {session:<id>}:taker
-- ARGV     for each session how many arguments follow, and these:
--          1  revision of the session that the write was judged by; `open` if it only has to be cached as open; empty if
--             not even that matters
--          2  how many fields the drafts had then; empty if it does not matter
--          3  how many pairs follow: field, tag (<at>.<writer>) of its draft then; empty for none
--          4  to 6: interval and burst of the caller's pace, and the time of the write, in microseconds (domain/pace);
--             interval 0 for no limit
--          7  value of the fourth key; empty if the write has no name
--          8  its time to live in seconds
--          9  the device that the owner was heard from (see note_heard), and 10 the time to live of that note in seconds
--          then the pairs
--          then triples: field, at (microseconds), draft as JSON, which begins {"at":<digits>,"writer":"<writer>"
-- Reply    for each session: kept; repeated or reused, if the name was used up by the same value or another; moved, if
--          something is other than it was judged by; too_fast; and 1 if the device came beside others, or nil
-- include each
-- include note_heard
local function tag(draft)
  return string.match(draft, '^{"at":(%d+),"writer":"([%w-]+)"')
end

local function put(keys, first, last)
  local drafts = keys[1]
  local revision_judged, fields, pairs_judged = ARGV[first], ARGV[first + 1], tonumber(ARGV[first + 2])
  local interval, burst, now = tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4]), tonumber(ARGV[first + 5])
  local payload, seconds = ARGV[first + 6], ARGV[first + 7]
  local place = first + 10
  if payload ~= '' then
    local used = redis.call('GET', keys[4])
    if used then
      return used == payload and 'repeated' or 'reused'
    end
  end
  if revision_judged ~= '' then
    local cached = redis.call('GETRANGE', keys[2], 0, 80)
    local revision, status = string.match(cached, '^{"revision":(%d+),"status":"([%a_]+)"')
    -- rule: drafts are put only beside a session that is cached as open
    if status ~= 'started' and status ~= 'in_progress' then
      return 'moved'
    end
    -- rule: drafts with based_on are put only where session and drafts are as they were judged
    if revision_judged ~= 'open' and revision_judged ~= revision then
      return 'moved'
    end
    -- rule: once a takeover has begun no other device puts a draft
    if (redis.call('GET', keys[6]) or ARGV[first + 8]) ~= ARGV[first + 8] then
      return 'moved'
    end
  end
  if fields ~= '' and redis.call('HLEN', drafts) ~= tonumber(fields) then
    return 'moved'
  end
  for _ = 1, pairs_judged do
    local known = redis.call('HGET', drafts, ARGV[place])
    local at, writer = tag(known or '')
    if (at and at .. '.' .. writer or '') ~= ARGV[place + 1] then
      return 'moved'
    end
    place = place + 2
  end
  if interval > 0 then
    local paced = math.max(tonumber(redis.call('GET', keys[3]) or '0'), now)
    if paced - now > burst then
      return 'too_fast'
    end
    local lasts = math.ceil((paced + interval - now) / 1000) + 1000
    redis.call('SET', keys[3], string.format('%.0f', paced + interval), 'PX', lasts)
  end
  local grown = false
  for i = place, last, 3 do
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
    if later and redis.call('HSET', drafts, field, new) == 1 and question then
      grown = true
    end
  end
  if payload ~= '' then
    redis.call('SET', keys[4], payload, 'EX', seconds)
  end
  return 'kept', note_heard(keys[5], ARGV[first + 8], ARGV[first + 9], grown)
end

return each(6, function(keys, first, last)
  local outcome, beside = put(keys, first, last)
  return {outcome, beside or false}
end)
