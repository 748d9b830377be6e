-- A user's extra time as staff actions tell it.
-- Uses the columns of attempt_counters.
jsonb_build_object('extra_seconds', extra_seconds, 'reason', extra_reason, 'granted_by', extra_granted_by)
