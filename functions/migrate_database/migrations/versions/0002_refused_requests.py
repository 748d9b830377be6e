"""Requests that were refused, for the story of a session."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Beside the audit log, because a refusal changes nothing. `by` is empty for the owner: a key has
    # no nulls.
    op.execute(
        """
        CREATE TABLE refused_requests (
            attempt_id uuid NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            operation text NOT NULL,
            status integer NOT NULL,
            code text NOT NULL,
            by text NOT NULL,
            device text NOT NULL,
            questions jsonb NOT NULL,
            request_id text NOT NULL,
            count integer NOT NULL CHECK (count > 0),
            PRIMARY KEY (attempt_id, first_at, operation, code, by)
        )
        """
    )
    # When the flush looked for refusals without a gap. What is between two rows nobody knows.
    op.execute(
        """
        CREATE TABLE refusal_watches (
            began_at timestamptz PRIMARY KEY,
            until timestamptz NOT NULL,
            cache_away boolean NOT NULL,
            CHECK (until >= began_at)
        )
        """
    )
    # Whoever erases the events of a session erases what was refused, too.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION erase_events(attempt uuid, by text, reason text)
        RETURNS bigint LANGUAGE sql AS $$
            WITH ended AS (
                SELECT id, quiz_id, user_id FROM quiz_attempts
                WHERE id = attempt AND ended_at IS NOT NULL FOR UPDATE
            ), action AS (
                INSERT INTO staff_actions (by, action, session_id, quiz_id, user_id, reason)
                SELECT by, 'erase-events', id, quiz_id, user_id, reason FROM ended RETURNING id
            ), erased AS (
                UPDATE attempt_events SET changes = NULL, nonce = NULL, erased_by = action.id,
                    published_at = coalesce(published_at, clock_timestamp())
                FROM action WHERE attempt_id = attempt AND changes IS NOT NULL RETURNING 1
            ), forgotten AS (
                DELETE FROM refused_requests USING action WHERE attempt_id = attempt
            ), silenced AS (
                UPDATE quiz_attempts SET unread_notices = 0, last_updated = clock_timestamp() FROM action
                WHERE quiz_attempts.id = attempt AND unread_notices > 0
            )
            SELECT count(*) FROM erased
        $$
        """
    )
