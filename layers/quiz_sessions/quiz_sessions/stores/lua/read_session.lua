-- read_session: read a session's drafts and its cached row, as they are in one moment.
-- KEYS[1]  session:<id>
-- KEYS[2]  {session:<id>}:drafts
-- KEYS[3]  {session:<id>}:write:<key>, if the caller named a write
-- Reply    the drafts, as fields and values in turn; the session as JSON, or nil; KEYS[3]'s value, or nil
return {redis.call('HGETALL', KEYS[2]), redis.call('GET', KEYS[1]), KEYS[3] and redis.call('GET', KEYS[3]) or false}
