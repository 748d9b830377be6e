-- put_session: cache sessions, each unless a newer one is there.
-- KEYS     session:<id>, any number that share a slot
-- ARGV[1]  time to live in seconds
-- ARGV     then three for each key: the session's revision; the session as JSON; the time to live of a session that is
--          absent, 0 to leave it so
-- Reply    how many were set
-- include cache_session
local set = 0
for i, key in ipairs(KEYS) do
  if cache_session(key, ARGV[3 * i - 1], ARGV[3 * i], ARGV[1], tonumber(ARGV[3 * i + 1])) then
    set = set + 1
  end
end
return set
