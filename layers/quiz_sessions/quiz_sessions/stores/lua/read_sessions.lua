-- read_sessions: read sessions' drafts and cached rows, each session as it is in one moment; and note that their owners were
-- heard.
-- KEYS     four for each session, and all share a slot: {session:<id>}:drafts; session:<id>; {session:<id>}:seen;
--          {session:<id>}:write:<key> if the caller named a write, else the session once more
-- ARGV     for each session how many arguments follow, and these: the device that the caller is heard from, empty to note
--          nothing; the caller as JSON, who is heard only in an own session, empty for anybody; the time to live of that
--          note in seconds; 1 if the caller named a write, else 0
-- Reply    for each session: the drafts, as fields and values in turn; the session as JSON, or nil; what the caller named,
--          or nil; 1 if the device came beside others, or nil
-- include each
-- include note_heard
local BEGINNING = '^{"revision":%d+,"status":"([%a_]+)","id":"[%x-]+","user_id":'

local function is_open_and_of(user, session)
  local _, place, status = string.find(session or '', BEGINNING)
  if status ~= 'started' and status ~= 'in_progress' then
    return false
  end
  return user == '' or string.sub(session, place + 1, place + #user) == user
end

return each(4, function(keys, first)
  local device, user, seconds = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local named = ARGV[first + 3] == '1' and redis.call('GET', keys[4])
  local drafts, session = redis.call('HGETALL', keys[1]), redis.call('GET', keys[2])
  local beside = device ~= '' and is_open_and_of(user, session) and note_heard(keys[3], device, seconds)
  return {drafts, session, named, beside}
end)
