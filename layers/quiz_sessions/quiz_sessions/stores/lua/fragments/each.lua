-- each: calls `one` for each session, and replies what it returned, or the error in which it ended, which is that
-- session's alone.
-- KEYS     `width` for each session
-- ARGV     for each session how many arguments it has, and these
-- one      gets the session's keys, and the places of its first and last argument in ARGV
local function each(width, one)
  local replies, at = {}, 1
  for i = 1, #KEYS, width do
    local last = at + tonumber(ARGV[at])
    local done, reply = pcall(one, {unpack(KEYS, i, i + width - 1)}, at + 1, last)
    if not done then
      reply = {err = type(reply) == 'table' and reply.err or tostring(reply)}
    end
    replies[#replies + 1] = reply
    at = last + 1
  end
  return replies
end
