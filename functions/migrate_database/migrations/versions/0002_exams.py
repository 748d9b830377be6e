"""Quiz rules and accommodations, the parts of a deadline, grading, and a chain of hashes over the events."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add to what is there; the release before this one runs on it unchanged."""
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
            questions jsonb NOT NULL,
            gradable boolean NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text
        )
        """
    )
    # Beside the number of attempts, for a start takes that row in its latest state, and so can't miss what is
    # granted in the same moment.
    op.execute(
        """
        ALTER TABLE attempt_counters
            ADD COLUMN extra_seconds integer NOT NULL DEFAULT 0,
            ADD COLUMN extra_reason text,
            ADD COLUMN extra_granted_by text,
            ADD COLUMN extra_granted_at timestamptz
        """
    )
    # time_limit_seconds is NULL in a row that the release before this one writes while both are up.
    op.execute(
        """
        ALTER TABLE quiz_attempts
            ADD COLUMN time_limit_seconds integer,
            ADD COLUMN accommodation_seconds integer NOT NULL DEFAULT 0,
            ADD COLUMN extension_seconds integer NOT NULL DEFAULT 0,
            ADD COLUMN closes_at timestamptz,
            ADD COLUMN grace_seconds integer NOT NULL DEFAULT 0,
            -- By way of UTC, for adding an interval to a timestamptz depends on the session's time zone.
            ADD COLUMN accepts_until timestamptz NOT NULL GENERATED ALWAYS AS (
                (expires_at AT TIME ZONE 'UTC' + make_interval(secs => grace_seconds)) AT TIME ZONE 'UTC'
            ) STORED,
            ADD COLUMN late_ms integer NOT NULL DEFAULT 0,
            ADD COLUMN sole boolean NOT NULL DEFAULT false,
            ADD COLUMN needs_grading boolean NOT NULL DEFAULT false,
            ADD COLUMN graded_with integer,
            ADD COLUMN results jsonb
        """
    )
    op.execute("UPDATE quiz_attempts SET time_limit_seconds = extract(epoch FROM expires_at - started_at)")
    # Where a quiz allows one open attempt, a second one is a violation, however simultaneous the starts.
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
    # These three serve what the new ones serve.
    for name in ("open", "user_id", "quiz_id"):
        op.execute(f"DROP INDEX quiz_attempts_{name}")

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
    op.execute("ALTER TABLE attempt_events ADD COLUMN hash bytea")
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
    # In a trigger, so that no statement can leave an event out of the chain. The event before it is visible:
    # its statement has held the attempt's row, and a volatile function sees what was committed meanwhile.
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
        DO $$ DECLARE event record; previous bytea; last uuid; BEGIN
            FOR event IN SELECT * FROM attempt_events ORDER BY attempt_id, revision LOOP
                IF event.attempt_id IS DISTINCT FROM last THEN previous := NULL; END IF;
                previous := attempt_event_hash(previous, event.attempt_id, event.revision, event.version,
                    event.type, event.changes, event.at);
                UPDATE attempt_events SET hash = previous WHERE id = event.id;
                last := event.attempt_id;
            END LOOP;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER chain_attempt_event BEFORE INSERT ON attempt_events
        FOR EACH ROW EXECUTE FUNCTION chain_attempt_event()
        """
    )
