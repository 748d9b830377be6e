-- read_session: read a session's drafts and its cached row, as they are in one moment.
-- KEYS[1]  session:<id>
-- KEYS[2]  {session:<id>}:drafts
-- Reply    the drafts, as fields and values in turn; the session as JSON, or nil
return {redis.call('HGETALL', KEYS[2]), redis.call('GET', KEYS[1])}
