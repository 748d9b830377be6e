-- A CTE: `made` has the staff action at a quiz that was taken before with the key of this one, or by the first sending of a
-- statement that is sent again; and whether the same was asked for.
-- Takes quiz_id, action, key, payload_hash, resent, at, by.
made AS (
    SELECT payload_hash = %(payload_hash)s::text AS is_same FROM staff_actions
    WHERE quiz_id = %(quiz_id)s AND action = %(action)s::text AND session_id IS NULL AND (
        key = %(key)s::text OR %(resent)s AND at = %(at)s::timestamptz AND by IS NOT DISTINCT FROM %(by)s::text
    )
)
