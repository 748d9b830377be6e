"""Attempts, their events and the counters that number them."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.execute(
        """
        CREATE TABLE quiz_attempts (
            id uuid PRIMARY KEY,
            user_id text NOT NULL,
            quiz_id text NOT NULL,
            attempt_no integer NOT NULL CHECK (attempt_no > 0),
            status text NOT NULL
                CHECK (status IN ('started', 'in_progress', 'completed', 'expired', 'abandoned')),
            current_question bigint NOT NULL DEFAULT 0,
            current_question_at bigint NOT NULL DEFAULT 0,
            answers jsonb NOT NULL DEFAULT '{}',
            answer_meta jsonb NOT NULL DEFAULT '{}',
            version integer NOT NULL DEFAULT 0,
            revision bigint NOT NULL DEFAULT 0,
            time_remaining integer NOT NULL,
            started_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            last_updated timestamptz NOT NULL DEFAULT clock_timestamp(),
            completed_at timestamptz,
            ended_at timestamptz,
            score double precision,
            max_score double precision,
            idempotency_key text,
            UNIQUE (user_id, quiz_id, attempt_no),
            UNIQUE (user_id, idempotency_key),
            CHECK ((ended_at IS NULL) = (status IN ('started', 'in_progress')))
        )
        """
    )
    for column in ("user_id", "quiz_id", "status", "last_updated"):
        op.execute(f"CREATE INDEX quiz_attempts_{column} ON quiz_attempts ({column})")
    op.execute(
        """
        CREATE INDEX quiz_attempts_open ON quiz_attempts (expires_at, id)
        WHERE status IN ('started', 'in_progress')
        """
    )
    # No foreign key: each event is written by the statement that changes its attempt, and a key would
    # lock and read that row once more on every write.
    op.execute(
        """
        CREATE TABLE attempt_events (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            attempt_id uuid NOT NULL,
            revision bigint NOT NULL,
            version integer NOT NULL,
            type text NOT NULL,
            changes jsonb NOT NULL,
            at timestamptz NOT NULL,
            published_at timestamptz,
            UNIQUE (attempt_id, revision)
        )
        """
    )
    # A write that is sent again after a lost reply is carried out once, in whichever order the two arrive.
    op.execute(
        "CREATE UNIQUE INDEX attempt_events_write ON attempt_events (attempt_id, (changes ->> 'write_id'))"
    )
    op.execute(
        """
        CREATE TABLE attempt_counters (
            user_id text NOT NULL,
            quiz_id text NOT NULL,
            last_attempt_no integer NOT NULL,
            PRIMARY KEY (user_id, quiz_id)
        )
        """
    )
    # On the role, for RDS Proxy takes neither start-up options nor a SET without pinning the connection.
    # A request's row lock gives up first, so that waiting for others is told from a slow statement.
    op.execute(
        """
        DO $$ BEGIN
            EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET statement_timeout = %L',
                current_database(), '2s');
            EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET lock_timeout = %L',
                current_database(), '1500ms');
        END $$
        """
    )
