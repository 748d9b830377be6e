-- A user's standing accommodation as staff actions tell it.
-- Uses the columns of user_accommodations.
jsonb_build_object(
    'time_factor', time_factor, 'extra_seconds', extra_seconds, 'closes_later_seconds', closes_later_seconds,
    'reason', reason, 'granted_by', granted_by
)
