"""Quizzes, attempts, the counters that number attempts, and the audit log, which is also the outbox."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE quizzes (
            quiz_id text PRIMARY KEY,
            revision integer NOT NULL,
            time_limit_seconds integer CHECK (time_limit_seconds > 0),
            grace_seconds integer NOT NULL CHECK (grace_seconds >= 0),
            opens_at timestamptz,
            closes_at timestamptz CHECK (closes_at > opens_at),
            max_attempts integer CHECK (max_attempts > 0),
            when_active text NOT NULL CHECK (when_active IN ('new', 'resume', 'reject')),
            show_results text NOT NULL CHECK (show_results IN ('after_end', 'after_close', 'never')),
            unknown_questions text NOT NULL CHECK (unknown_questions IN ('refuse', 'accept')),
            questions jsonb NOT NULL,
            gradable boolean NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text
        )
        """
    )
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
            time_limit_seconds integer NOT NULL,
            accommodation_seconds integer NOT NULL DEFAULT 0,
            extension_seconds integer NOT NULL DEFAULT 0,
            closes_at timestamptz,
            grace_seconds integer NOT NULL DEFAULT 0,
            started_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            -- By way of UTC, because adding an interval to a timestamptz depends on the time zone.
            accepts_until timestamptz NOT NULL GENERATED ALWAYS AS (
                (expires_at AT TIME ZONE 'UTC' + make_interval(secs => grace_seconds)) AT TIME ZONE 'UTC'
            ) STORED,
            last_updated timestamptz NOT NULL DEFAULT clock_timestamp(),
            completed_at timestamptz,
            ended_at timestamptz,
            late_ms integer NOT NULL DEFAULT 0,
            question_ids jsonb,
            sole boolean NOT NULL DEFAULT false,
            score double precision,
            max_score double precision,
            grading text CHECK (grading IN ('pending', 'done')),
            marks jsonb NOT NULL DEFAULT '{}',
            score_by_hand boolean NOT NULL DEFAULT false,
            needs_grading boolean NOT NULL DEFAULT false,
            graded_with integer,
            results jsonb,
            idempotency_key text,
            UNIQUE (user_id, quiz_id, attempt_no),
            UNIQUE (user_id, idempotency_key),
            CHECK ((ended_at IS NULL) = (status IN ('started', 'in_progress')))
        )
        """
    )
    # If a quiz allows one open attempt, this refuses a second one even for simultaneous starts.
    op.execute(
        """
        CREATE UNIQUE INDEX quiz_attempts_sole ON quiz_attempts (user_id, quiz_id)
        WHERE sole AND status IN ('started', 'in_progress')
        """
    )
    op.execute(
        """
        CREATE INDEX quiz_attempts_overdue ON quiz_attempts (accepts_until, id)
        WHERE status IN ('started', 'in_progress')
        """
    )
    op.execute(
        """
        CREATE INDEX quiz_attempts_open_of_quiz ON quiz_attempts (quiz_id)
        WHERE status IN ('started', 'in_progress')
        """
    )
    op.execute("CREATE INDEX quiz_attempts_needs_grading ON quiz_attempts (id) WHERE needs_grading")
    op.execute("CREATE INDEX quiz_attempts_by_user ON quiz_attempts (user_id, started_at, id)")
    op.execute("CREATE INDEX quiz_attempts_by_quiz ON quiz_attempts (quiz_id, started_at, id)")
    for column in ("status", "last_updated"):
        op.execute(f"CREATE INDEX quiz_attempts_{column} ON quiz_attempts ({column})")
    # A user's extra time is in the row that counts attempts, because a start locks that row in its latest
    # state, and so can't miss extra time that is granted at the same moment.
    op.execute(
        """
        CREATE TABLE attempt_counters (
            user_id text NOT NULL,
            quiz_id text NOT NULL,
            last_attempt_no integer NOT NULL,
            extra_seconds integer NOT NULL DEFAULT 0,
            extra_reason text,
            extra_granted_by text,
            extra_granted_at timestamptz,
            PRIMARY KEY (user_id, quiz_id)
        )
        """
    )
    _create_audit_log()
    # Set on the role, because RDS Proxy supports no start-up options, and a SET would pin the connection. The
    # lock timeout is shorter, so that waiting for a row can be told from a slow statement.
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


def _create_audit_log() -> None:
    # No foreign key: the statement that changes an attempt also writes its event, and a key would lock and
    # read the attempt's row once more at every write.
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
            hash bytea,
            UNIQUE (attempt_id, revision)
        )
        """
    )
    # Makes a write that is sent twice take effect once, whichever sending arrives first.
    op.execute(
        "CREATE UNIQUE INDEX attempt_events_write ON attempt_events (attempt_id, (changes ->> 'write_id'))"
    )
    op.execute(
        """
        CREATE INDEX attempt_events_outbox ON attempt_events (id)
        WHERE published_at IS NULL AND type IN (
            'started', 'completed', 'abandoned', 'expired', 'extended', 'rescheduled', 'reopened', 'graded'
        )
        """
    )
    op.execute(
        """
        CREATE TABLE relay_lease (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            holder uuid NOT NULL,
            until timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE FUNCTION attempt_event_hash(
            previous bytea, attempt_id uuid, revision bigint, version integer, type text, changes jsonb,
            at timestamptz
        ) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT sha256(coalesce(previous, '') || convert_to(
                attempt_id::text || '|' || revision || '|' || version || '|' || type || '|'
                    || (extract(epoch FROM at) * 1000000)::bigint || '|' || changes::text,
                'UTF8'
            ))
        $$
        """
    )
    # A trigger, so that no statement can leave an event out of the chain. It sees the previous event: this
    # statement holds the attempt's row, and a volatile function sees what was committed meanwhile.
    op.execute(
        """
        CREATE FUNCTION chain_attempt_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.hash := attempt_event_hash(
                (SELECT hash FROM attempt_events
                    WHERE attempt_id = NEW.attempt_id AND revision = NEW.revision - 1),
                NEW.attempt_id, NEW.revision, NEW.version, NEW.type, NEW.changes, NEW.at
            );
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER chain_attempt_event BEFORE INSERT ON attempt_events
        FOR EACH ROW EXECUTE FUNCTION chain_attempt_event()
        """
    )
