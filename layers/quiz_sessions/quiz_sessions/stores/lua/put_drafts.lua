-- put_drafts: keep drafts, for each field the one with the larger `at`; the later arrival on a tie.
-- It sets no time to live, because volatile-ttl would evict the drafts, and the answers would be lost.
-- KEYS[1]  {session:<id>}:drafts
-- ARGV     triples: field, at (microseconds), draft as JSON, which begins {"at":<digits>
-- Reply    how many of them were kept
local kept = 0
for i = 1, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local at = known and string.match(known, '^{"at":(%d+)')
  -- rule: of two drafts the later request's stays
  if not at or tonumber(ARGV[i + 1]) >= tonumber(at) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    kept = kept + 1
  end
end
return kept
