-- digest: of a session's drafts, to see whether one has changed since.
-- fields   as HGETALL has them
local function digest(fields)
  return redis.sha1hex(cmsgpack.pack(fields))
end
