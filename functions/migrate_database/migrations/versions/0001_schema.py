"""Quizzes, attempts and their counters, the audit log, which is also the outbox, and staff actions."""

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
            access jsonb,
            one_device text NOT NULL CHECK (one_device IN ('off', 'takeover', 'proctor')),
            admission_seconds integer NOT NULL CHECK (admission_seconds >= 0),
            common_start boolean NOT NULL,
            paper jsonb,
            paused_at timestamptz,
            updated_at timestamptz NOT NULL,
            updated_by text
        )
        """
    )
    # What papers were drawn from, which never changes. A quiz that is deleted leaves it behind, as it does
    # its attempts.
    op.execute(
        """
        CREATE TABLE quiz_revisions (
            quiz_id text NOT NULL,
            revision integer NOT NULL,
            paper jsonb,
            PRIMARY KEY (quiz_id, revision)
        )
        """
    )
    # What is shown of a question, from the revision on that gave it this content.
    op.execute(
        """
        CREATE TABLE question_contents (
            quiz_id text NOT NULL,
            question_id text NOT NULL,
            revision integer NOT NULL,
            content jsonb,
            shuffle_options boolean NOT NULL,
            PRIMARY KEY (quiz_id, question_id, revision)
        )
        """
    )
    # Most updates change no indexed column and find room on the page of the row, so that no index has to be
    # changed either (docs/decisions/0024). So what every write changes, as `last_updated`, has no index.
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
            pause_seconds integer NOT NULL DEFAULT 0,
            paused_at timestamptz,
            session_paused boolean NOT NULL DEFAULT false,
            quiz_paused boolean NOT NULL DEFAULT false,
            closes_at timestamptz,
            closes_later_seconds integer NOT NULL DEFAULT 0,
            grace_seconds integer NOT NULL DEFAULT 0,
            started_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            -- While the clock stands, nothing comes too late. By way of UTC, because adding an interval to a
            -- timestamptz depends on the time zone.
            accepts_until timestamptz NOT NULL GENERATED ALWAYS AS (CASE
                WHEN paused_at IS NULL
                THEN (expires_at AT TIME ZONE 'UTC' + make_interval(secs => grace_seconds)) AT TIME ZONE 'UTC'
                ELSE '9999-12-31 00:00:00+00'::timestamptz END
            ) STORED,
            last_updated timestamptz NOT NULL DEFAULT clock_timestamp(),
            completed_at timestamptz,
            ended_at timestamptz,
            -- When the row was ended; after ended_at, where nobody was there at the end.
            end_recorded_at timestamptz,
            late_ms integer NOT NULL DEFAULT 0,
            question_ids jsonb,
            paper jsonb,
            progress jsonb NOT NULL DEFAULT '{}',
            group_name text,
            label text,
            metadata jsonb,
            access jsonb,
            device text,
            device_since bigint NOT NULL DEFAULT 0,
            unread_notices integer NOT NULL DEFAULT 0 CHECK (unread_notices >= 0),
            incidents integer NOT NULL DEFAULT 0,
            sole boolean NOT NULL DEFAULT false,
            score double precision,
            max_score double precision,
            grading text CHECK (grading IN ('pending', 'done')),
            marks jsonb NOT NULL DEFAULT '{}',
            score_by_hand boolean NOT NULL DEFAULT false,
            needs_grading boolean NOT NULL DEFAULT false,
            graded_with integer,
            results jsonb,
            -- The questions that wait for a person.
            waiting text[],
            results_read_at timestamptz,
            idempotency_key text,
            -- A hash of what was started with the key.
            start_payload text,
            chain_head bytea,
            started_by text,
            -- Who writes too fast (domain/pace).
            paced_until bigint NOT NULL DEFAULT 0,
            UNIQUE (user_id, quiz_id, attempt_no),
            CHECK ((ended_at IS NULL) = (status IN ('started', 'in_progress'))),
            CHECK ((paused_at IS NOT NULL) = (session_paused OR quiz_paused)),
            CHECK (paused_at IS NULL OR ended_at IS NULL)
        ) WITH (fillfactor = 70)
        """
    )
    # A key belongs to who sent it: what staff start for a user does not use up the user's.
    op.execute(
        """
        CREATE UNIQUE INDEX quiz_attempts_key
        ON quiz_attempts (user_id, coalesce(started_by, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL
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
        CREATE INDEX quiz_attempts_open_of_quiz ON quiz_attempts (quiz_id, accepts_until)
        WHERE status IN ('started', 'in_progress')
        """
    )
    op.execute(
        """
        CREATE INDEX quiz_attempts_ended_of_quiz ON quiz_attempts (quiz_id, ended_at)
        WHERE ended_at IS NOT NULL
        """
    )
    op.execute("CREATE INDEX quiz_attempts_needs_grading ON quiz_attempts (id) WHERE needs_grading")
    op.execute("CREATE INDEX quiz_attempts_paused ON quiz_attempts (paused_at) WHERE paused_at IS NOT NULL")
    op.execute(
        """
        CREATE INDEX quiz_attempts_pending ON quiz_attempts (quiz_id, started_at, id)
        WHERE grading = 'pending' AND status NOT IN ('started', 'in_progress')
        """
    )
    # Who marks which answer at the moment, so that no two persons mark the same.
    op.execute(
        """
        CREATE TABLE grading_claims (
            attempt_id uuid NOT NULL,
            question text NOT NULL,
            quiz_id text NOT NULL,
            held_by text NOT NULL,
            held_until timestamptz NOT NULL,
            PRIMARY KEY (attempt_id, question)
        )
        """
    )
    op.execute("CREATE INDEX grading_claims_of_quiz ON grading_claims (quiz_id)")
    op.execute("CREATE INDEX quiz_attempts_by_user ON quiz_attempts (user_id, started_at, id)")
    op.execute("CREATE INDEX quiz_attempts_by_quiz ON quiz_attempts (quiz_id, started_at, id)")
    op.execute(
        """
        CREATE INDEX quiz_attempts_of_group ON quiz_attempts (quiz_id, group_name, started_at, id)
        WHERE group_name IS NOT NULL
        """
    )
    op.execute("CREATE INDEX quiz_attempts_status ON quiz_attempts (status)")
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
    # Lists are in the order of bytes, and prefixes are found in no other.
    op.execute('CREATE INDEX quizzes_in_order ON quizzes (quiz_id COLLATE "C")')
    _create_standing_accommodations()
    _create_papers()
    _create_audit_log()
    _create_exports()
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


def _create_standing_accommodations() -> None:
    op.execute(
        """
        CREATE TABLE user_accommodations (
            user_id text PRIMARY KEY,
            -- Not a double: an hour times 1.1 is 66 minutes, and not one second more.
            time_factor numeric NOT NULL CHECK (time_factor BETWEEN 1 AND 4),
            extra_seconds integer NOT NULL CHECK (extra_seconds >= 0),
            closes_later_seconds integer NOT NULL CHECK (closes_later_seconds >= 0),
            reason text NOT NULL,
            granted_by text,
            granted_at timestamptz NOT NULL
        )
        """
    )
    # Results that are shown after the close wait for the longest.
    op.execute("CREATE INDEX user_accommodations_longest ON user_accommodations (closes_later_seconds)")
    # A statement reads tables as of its beginning. This is VOLATILE, so that its second query has a snapshot
    # of its own, from after the wait of the first one (docs/decisions/0027).
    op.execute(
        """
        CREATE FUNCTION standing_accommodations(users text[]) RETURNS SETOF user_accommodations
        LANGUAGE plpgsql VOLATILE AS $$ BEGIN
            -- rule: a start waits for a change of its user's accommodation
            PERFORM pg_advisory_xact_lock_shared(key) FROM (
                SELECT DISTINCT hashtextextended('user:' || id, 0) AS key
                FROM unnest(users) AS id ORDER BY key
            ) AS keys;
            RETURN QUERY SELECT * FROM user_accommodations WHERE user_id = ANY (users);
        END $$
        """
    )


def _create_exports() -> None:
    op.execute(
        """
        CREATE TABLE exports (
            id uuid PRIMARY KEY,
            quiz_id text NOT NULL,
            format text NOT NULL CHECK (format IN ('csv', 'ndjson')),
            what text[] NOT NULL,
            requested_by text,
            requested_at timestamptz NOT NULL,
            status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'failed')),
            tries integer NOT NULL DEFAULT 0,
            rows bigint NOT NULL DEFAULT 0,
            taken_at timestamptz,
            finished_at timestamptz,
            bytes bigint,
            sha256 text,
            -- Who makes it, and until when nobody else takes it over.
            holder uuid,
            held_until timestamptz,
            key text,
            payload_hash text NOT NULL,
            CHECK ((finished_at IS NULL) = (status = 'running')),
            CHECK ((sha256 IS NOT NULL) = (status = 'done'))
        )
        """
    )
    op.execute("CREATE INDEX exports_running ON exports (requested_at, id) WHERE status = 'running'")
    op.execute(
        """
        CREATE UNIQUE INDEX exports_key ON exports (quiz_id, coalesce(requested_by, ''), key)
        WHERE key IS NOT NULL
        """
    )


def _create_papers() -> None:
    """What statements ask about papers.

    In functions of their own, as most attempts have no paper: the planner takes a list in JSON for a hundred
    rows, and would compile a whole statement for them.
    """
    op.execute(
        """
        CREATE FUNCTION section_seconds(section_limit integer, attempt_limit integer, extra integer)
        RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            -- As much longer as the attempt is (domain/section_times).
            SELECT ceil(section_limit::numeric * (attempt_limit + extra) / attempt_limit)::integer
        $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION came_too_late(
            paper jsonb, progress jsonb, grace_seconds integer, question text, sent_at bigint
        ) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
            -- rule: nothing counts that came after its question was locked
            IF (progress -> 'locked' ->> question)::bigint < sent_at THEN
                RETURN true;
            END IF;
            -- rule: nothing counts that came after the time of its section
            RETURN EXISTS (
                SELECT FROM jsonb_array_elements(paper -> 'sections')
                    WITH ORDINALITY AS sections (section, number)
                WHERE section -> 'questions' ? question AND sent_at > grace_seconds * 1000000::bigint
                    + (progress -> 'entered' -> (number - 1)::text ->> 'until')::bigint
            );
        END $$
        """
    )
    # `sent` has the questions that are written; times are in microseconds, and `started` is when the
    # attempt's time begins.
    op.execute(
        """
        CREATE FUNCTION gone_on(
            paper jsonb, known jsonb, sent jsonb, at bigint, started bigint,
            attempt_limit integer, extra integer
        ) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ DECLARE
            entries jsonb;
            locks jsonb;
        BEGIN
            SELECT jsonb_object_agg(number, jsonb_build_object(
                    'at', greatest(at, started), 'until', greatest(at, started)
                        + 1000000::bigint * section_seconds(section_limit, attempt_limit, extra)
                )) FILTER (
                    WHERE sent ? key AND section_limit IS NOT NULL
                        AND NOT coalesce(known -> 'entered' ? number::text, false)
                ),
                -- rule: an answer locks the questions before it, where a section goes forward alone
                jsonb_object_agg(key, at) FILTER (
                    WHERE navigation = 'forward' AND position < reached
                        AND NOT coalesce(known -> 'locked' ? key, false)
                )
            INTO entries, locks
            FROM (
                SELECT number - 1 AS number, section ->> 'navigation' AS navigation,
                    (section ->> 'time_limit_seconds')::integer AS section_limit, key, position,
                    max(position) FILTER (WHERE sent ? key) OVER (PARTITION BY number) AS reached
                FROM jsonb_array_elements(paper -> 'sections')
                        WITH ORDINALITY AS sections (section, number),
                    jsonb_array_elements_text(section -> 'questions') WITH ORDINALITY AS asked (key, position)
            ) AS questions;
            IF entries IS NOT NULL THEN
                known := known
                    || jsonb_build_object('entered', coalesce(known -> 'entered', '{}') || entries);
            END IF;
            IF locks IS NOT NULL THEN
                known := known || jsonb_build_object('locked', coalesce(known -> 'locked', '{}') || locks);
            END IF;
            RETURN known;
        END $$
        """
    )
    # Of sections that run at `moment`; none ends before it for that.
    op.execute(
        """
        CREATE FUNCTION sections_moved(
            paper jsonb, progress jsonb, grace_seconds integer, moment bigint, added integer,
            limit_now integer, extra_now integer, limit_then integer, extra_then integer
        ) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
            RETURN progress || jsonb_build_object('entered', (
                SELECT jsonb_object_agg(number, CASE WHEN until + grace_seconds * 1000000::bigint >= moment
                    THEN entry || jsonb_build_object('until', greatest(
                        until + 1000000::bigint * (added + follows), least(until, moment)
                    )) ELSE entry END)
                FROM jsonb_each(progress -> 'entered') AS entered (number, entry), LATERAL (
                    SELECT (entry ->> 'until')::bigint AS until,
                        (paper -> 'sections' -> number::integer ->> 'time_limit_seconds')::integer AS own
                ) AS section, LATERAL (
                    -- A change of the limit alone takes nothing away.
                    SELECT CASE WHEN extra_then = extra_now THEN 0 ELSE
                        section_seconds(own, limit_then, extra_then)
                            - section_seconds(own, limit_now, extra_now)
                    END AS follows
                ) AS following
            ));
        END $$
        """
    )
    # As domain/papers draws.
    op.execute(
        """
        CREATE FUNCTION drawn(paper jsonb, seed text)
        RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
            RETURN (
                SELECT jsonb_agg(section - '{pick,shuffle}'::text[] || jsonb_build_object('questions', (
                    SELECT jsonb_agg(
                        question ORDER BY CASE WHEN (section ->> 'shuffle')::boolean THEN rank END, position
                    )
                    FROM (
                        SELECT question, position, rank, row_number() OVER (ORDER BY rank) AS place
                        FROM jsonb_array_elements_text(section -> 'questions')
                            WITH ORDINALITY AS listed (question, position), LATERAL (
                                SELECT sha256(convert_to(
                                    seed || '/' || (number - 1) || '/' || question, 'UTF8'
                                )) AS rank
                            ) AS ranking
                    ) AS ranked
                    WHERE place <= coalesce((section ->> 'pick')::bigint, place)
                )) ORDER BY number)
                FROM jsonb_array_elements(paper -> 'sections') WITH ORDINALITY AS sections (section, number)
            );
        END $$
        """
    )
    # The section that an attempt has entered, or committed an answer in, last.
    op.execute(
        """
        CREATE FUNCTION last_section(paper jsonb, progress jsonb, answer_meta jsonb)
        RETURNS integer LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
            RETURN (
                SELECT number FROM (
                    SELECT number::integer, (entry ->> 'at')::bigint AS at
                    FROM jsonb_each(progress -> 'entered') AS entered (number, entry)
                    UNION ALL SELECT (number - 1)::integer, at
                    FROM (
                        SELECT key, (value ->> 'at')::bigint AS at FROM jsonb_each(answer_meta)
                        ORDER BY at DESC LIMIT 1
                    ) AS latest JOIN jsonb_array_elements(paper -> 'sections')
                        WITH ORDINALITY AS sections (section, number) ON section -> 'questions' ? key
                ) AS been ORDER BY at DESC LIMIT 1
            );
        END $$
        """
    )


def _create_audit_log() -> None:
    # No foreign key: the statement that changes an attempt also writes its event, and a key would lock and
    # read the attempt's row once more at every write.
    op.execute(
        """
        CREATE TABLE attempt_events (
            attempt_id uuid NOT NULL,
            revision bigint NOT NULL,
            version integer NOT NULL,
            type text NOT NULL,
            changes jsonb,
            nonce bytea,
            digest bytea NOT NULL,
            size integer NOT NULL,
            erased_by bigint,
            at timestamptz NOT NULL,
            -- By this server's clock; `at` is the time of a request, or of the flush.
            recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            published_at timestamptz,
            hash bytea NOT NULL,
            PRIMARY KEY (attempt_id, revision),
            CHECK ((changes IS NULL) = (nonce IS NULL) AND (changes IS NULL) = (erased_by IS NOT NULL))
        ) PARTITION BY RANGE (attempt_id)
        """
    )
    # Makes a write that is sent twice take effect once, whichever sending arrives first.
    op.execute(
        """
        CREATE UNIQUE INDEX attempt_events_write ON attempt_events (attempt_id, (changes ->> 'write_id'))
        WHERE changes ->> 'write_id' IS NOT NULL
        """
    )
    op.execute(
        """
        CREATE INDEX attempt_events_outbox ON attempt_events (attempt_id, revision)
        WHERE published_at IS NULL AND type IN (
            'started', 'completed', 'abandoned', 'expired', 'extended', 'rescheduled', 'paused', 'resumed',
            'reopened', 'graded'
        )
        """
    )
    # The flush follows the audit log to find cached sessions that are behind.
    op.execute("CREATE INDEX attempt_events_recorded ON attempt_events (recorded_at, attempt_id)")
    # `months` adds a partition for each month (docs/decisions/0021). Ids with a later time have none, and a
    # month that is missing must not refuse an event.
    op.execute(
        """
        CREATE TABLE attempt_events_above PARTITION OF attempt_events
        FOR VALUES FROM ('03bb2cc3-d800-0000-0000-000000000000') TO (MAXVALUE)
        """
    )
    op.execute("CREATE TABLE attempt_events_default PARTITION OF attempt_events DEFAULT")
    op.execute(
        """
        CREATE TABLE relay_lease (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            holder uuid NOT NULL,
            until timestamptz NOT NULL
        )
        """
    )
    # What a webhook did not accept, until it does; `tries` are over where it is dead.
    op.execute(
        """
        CREATE TABLE webhook_deliveries (
            attempt_id uuid NOT NULL,
            revision bigint NOT NULL,
            tries integer NOT NULL,
            last_error text NOT NULL,
            next_at timestamptz,
            failed_at timestamptz NOT NULL,
            dead_at timestamptz,
            PRIMARY KEY (attempt_id, revision),
            CHECK ((next_at IS NULL) = (dead_at IS NOT NULL))
        )
        """
    )
    # `endpoint` is the hash of the URL, which may have a secret.
    op.execute(
        """
        CREATE TABLE webhook_endpoint (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            endpoint text NOT NULL,
            disabled_at timestamptz,
            quiet_until timestamptz,
            last_error text
        )
        """
    )
    op.execute(
        """
        CREATE FUNCTION attempt_event_digest(nonce bytea, changes jsonb)
        RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            -- rule: a digest covers the nonce too
            SELECT sha256(nonce || convert_to(changes::text, 'UTF8'))
        $$
        """
    )
    # STABLE, as the functions that it calls: PostgreSQL puts it into the expression that calls it only then,
    # which takes a tenth of the time of a call.
    op.execute(
        """
        CREATE FUNCTION attempt_event_hash(
            previous bytea, attempt_id uuid, revision bigint, version integer, type text, digest bytea,
            at timestamptz
        ) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
            SELECT sha256(coalesce(previous, '') || convert_to(
                attempt_id::text || '|' || revision || '|' || version || '|' || type || '|'
                    || (extract(epoch FROM at) * 1000000)::bigint || '|' || encode(digest, 'hex'),
                'UTF8'
            ))
        $$
        """
    )
    # A trigger, so that no statement can leave an event out of the chain. In `hash` it takes the hash of the
    # event before, which statements have from the attempt's row. The nonce keeps the digest of a short answer
    # from being guessed: gen_random_uuid() takes its 122 bits from the operating system.
    op.execute(
        """
        CREATE FUNCTION chain_attempt_event() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            written bytea := convert_to(NEW.changes::text, 'UTF8');
        BEGIN
            -- rule: each event has a nonce of its own
            NEW.nonce := uuid_send(gen_random_uuid());
            -- rule: a digest covers the nonce too
            NEW.digest := sha256(NEW.nonce || written);
            NEW.size := octet_length(written);
            NEW.hash := attempt_event_hash(
                NEW.hash, NEW.attempt_id, NEW.revision, NEW.version, NEW.type, NEW.digest, NEW.at
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
    # A stored statement keeps its plan, and a plan that reads the audit log locks every partition. The
    # statements that students wait for read it through these functions, which plan with the id at hand: only
    # its partition is opened, and only when a function is called.
    function = """
        CREATE FUNCTION {0} RETURNS SETOF attempt_events LANGUAGE plpgsql STABLE AS $$ BEGIN
            RETURN QUERY EXECUTE 'SELECT * FROM attempt_events WHERE attempt_id = $1 AND {1}' USING $1, $2;
        END $$
        """
    op.execute(function.format("event_of_write(uuid, text)", "changes ->> ''write_id'' = $2"))
    op.execute(function.format("event_at(uuid, bigint)", "revision = $2"))
    op.execute(function.format("events_with(uuid, text)", "changes ? $2"))
    _create_staff_actions()


def _create_staff_actions() -> None:
    op.execute(
        """
        CREATE TABLE staff_actions (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            by text,
            action text NOT NULL,
            session_id uuid,
            revision bigint,
            quiz_id text,
            user_id text,
            reason text,
            before jsonb,
            after jsonb,
            key text,
            payload_hash text
        )
        """
    )
    for column in ("session_id", "quiz_id", "user_id"):
        op.execute(
            f"CREATE INDEX staff_actions_{column} ON staff_actions ({column}, id) WHERE {column} IS NOT NULL"
        )
    op.execute("CREATE INDEX staff_actions_by ON staff_actions (by, id)")
    # By a trigger and not by privileges: it holds for the owner of the table, too, who is the service.
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE insufficient_privilege USING MESSAGE = 'staff actions are appended, never changed';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON staff_actions
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
        """
    )
    # Takes what events say away, and leaves the chain whole: it is over the digests. What says so is the
    # staff action that the events name. An event that waits for the event bus has nothing to tell any more,
    # and a notice nothing to read.
    op.execute(
        """
        CREATE FUNCTION erase_events(attempt uuid, by text, reason text) RETURNS bigint LANGUAGE sql AS $$
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
            ), silenced AS (
                UPDATE quiz_attempts SET unread_notices = 0, last_updated = clock_timestamp() FROM action
                WHERE quiz_attempts.id = attempt AND unread_notices > 0
            )
            SELECT count(*) FROM erased
        $$
        """
    )
