-- Whether what was sent to `key` came after its question was locked, or after the time of its section and the grace.
-- Uses paper, progress and grace_seconds (of the attempt), key and sent_at.
(paper IS NOT NULL AND came_too_late(paper, progress, grace_seconds, key, sent_at))
