-- Whether a list shows the score of `attempt` to a caller.
-- Takes owner, staff, at; uses attempt.
(%(owner)s::text IS NULL OR %(staff)s AND user_id <> %(owner)s::text OR {shows_again})
