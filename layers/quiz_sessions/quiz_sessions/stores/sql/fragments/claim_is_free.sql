-- Whether a marker may have an answer that was claimed: it is the same marker's claim, or its time is over.
-- Takes marker, at; uses claim.
-- rule: an answer is given to one marker at a time
(claim.held_by = %(marker)s::text OR claim.held_until <= %(at)s::timestamptz)
