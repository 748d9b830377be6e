-- Keep drafts, for each field the one with the larger `at`; the later arrival on a tie.
-- KEYS[1]  {session:<id>}:drafts
-- ARGV[1]  time to live in seconds, for all drafts of the session
-- ARGV[2]… triples: field, at (microseconds), draft as JSON, which begins {"at":<digits>
-- Reply    how many of them were kept
local kept = 0
for i = 2, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local at = known and string.match(known, '^{"at":(%d+)')
  if not at or tonumber(ARGV[i + 1]) >= tonumber(at) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    kept = kept + 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return kept
