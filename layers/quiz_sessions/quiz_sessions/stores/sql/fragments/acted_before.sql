-- Whether an action was recorded by the first sending of a statement that is sent again after a lost reply.
-- Takes resent, at, by, quiz_id.
(%(resent)s AND EXISTS (
    SELECT FROM staff_actions AS known
    WHERE known.quiz_id = %(quiz_id)s AND known.at = %(at)s AND known.by IS NOT DISTINCT FROM %(by)s
))
