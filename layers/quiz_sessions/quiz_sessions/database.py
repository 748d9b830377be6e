"""PostgreSQL: the only arbiter of what an attempt holds. One statement for each change.

Each statement judges the row, changes it and writes its event at once, so that nothing is ever half done
and no transaction spans two round trips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import errors
from psycopg.rows import DictRow

from .models import EPOCH, Attempt, Drafts, Micros, Status, dump_json, from_micros
from .postgres import Postgres, StoredStatement
from .rules import MAX_ANSWERS, MAX_INTEGER, MAX_SESSION_BYTES

# A row of the release before quizzes has no time limit of its own.
ATTEMPT: Final = """id, user_id, quiz_id, attempt_no, status, current_question, current_question_at, answers,
    answer_meta, version, revision, time_remaining,
    coalesce(time_limit_seconds, extract(epoch FROM expires_at - started_at))::integer AS time_limit_seconds,
    accommodation_seconds, extension_seconds, closes_at, grace_seconds, started_at, expires_at, accepts_until,
    last_updated, completed_at, ended_at, late_ms, score, max_score, needs_grading"""

GRADABLE: Final = "EXISTS (SELECT FROM quizzes WHERE quizzes.quiz_id = attempt.quiz_id AND gradable)"


class StartOutcome(StrEnum):
    """What a start came to."""

    CREATED = "created"
    REPLAYED = "replayed"
    """The attempt of this Idempotency-Key."""
    RESUMED = "resumed"
    ACTIVE = "active"
    """Refused: an attempt is open."""
    OVERDUE = "overdue"
    """The open attempt's time is over, and its row does not say so yet."""
    EXHAUSTED = "exhausted"
    NOT_OPEN = "not_open"
    QUIZ_CLOSED = "quiz_closed"


@dataclass(frozen=True, slots=True)
class Start:
    """A start as PostgreSQL judged it.

    Attributes:
        attempt: the one that was created or found; None where there is none.
        opens_at, closes_at: of the quiz.
    """

    outcome: StartOutcome
    attempt: Attempt | None
    opens_at: datetime | None
    closes_at: datetime | None


class Outcome(StrEnum):
    """What a statement found, and so did."""

    WRITTEN = "written"
    REPEATED = "repeated"
    """It had been done before; nothing was changed."""
    CONFLICT = "conflict"
    CLOSED = "closed"
    OVERDUE = "overdue"
    """The deadline and the grace have passed, whether or not the row says so yet."""
    EXTENDED = "extended"
    """The deadline lies later than the caller knows."""
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"


class Settlement(StrEnum):
    """What settling a session's drafts did to its row; also the type of the event."""

    MERGED = "merged"
    EXPIRED = "expired"
    LATE_MERGE = "late_merge"
    LATE_ANSWER = "late_answer"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Settled:
    """One session after `Database.settle`.

    Attributes:
        late: the questions whose draft came after the end and is kept as a late_answer event by now.
    """

    attempt: Attempt
    settlement: Settlement
    late: frozenset[str]


# The quiz's row is held, so that a change of its rules comes before this start or reaches its
# attempt. Taking the number locks the user's counter: simultaneous starts queue here.
_CREATE: Final = StoredStatement(
    "create_attempt",
    f"""
    WITH known AS (
        SELECT {ATTEMPT} FROM quiz_attempts
        WHERE user_id = %(user_id)s AND idempotency_key = %(key)s OR id = %(id)s
    ), quiz AS (
        SELECT time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts, when_active
        FROM quizzes WHERE quiz_id = %(quiz_id)s FOR SHARE
    ), rule AS (
        SELECT coalesce(time_limit_seconds, %(time_limit)s) AS time_limit_seconds,
            coalesce(grace_seconds, 0) AS grace_seconds, opens_at, closes_at, max_attempts,
            coalesce(when_active, 'new') AS when_active
        FROM (SELECT) AS one LEFT JOIN quiz ON true
    ), active AS (
        SELECT {ATTEMPT} FROM quiz_attempts
        WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND status IN ('started', 'in_progress')
            AND (SELECT when_active FROM rule) <> 'new'
        ORDER BY attempt_no DESC LIMIT 1
    ), judged AS (
        SELECT CASE
            WHEN EXISTS (SELECT FROM known) THEN 'replayed'
            WHEN EXISTS (SELECT FROM active WHERE accepts_until < %(at)s) THEN 'overdue'
            WHEN EXISTS (SELECT FROM active)
                THEN CASE when_active WHEN 'resume' THEN 'resumed' ELSE 'active' END
            WHEN %(at)s < opens_at THEN 'not_open'
            WHEN %(at)s >= closes_at THEN 'quiz_closed'
            ELSE 'created' END AS outcome
        FROM rule
    ), number AS (
        INSERT INTO attempt_counters AS counter (user_id, quiz_id, last_attempt_no)
        SELECT %(user_id)s, %(quiz_id)s, 1 FROM judged WHERE outcome = 'created'
        ON CONFLICT (user_id, quiz_id) DO UPDATE SET last_attempt_no = counter.last_attempt_no + 1
            WHERE counter.last_attempt_no
                < coalesce((SELECT max_attempts FROM rule), counter.last_attempt_no + 1)
        RETURNING last_attempt_no, extra_seconds
    ), created AS (
        INSERT INTO quiz_attempts (
            id, user_id, quiz_id, attempt_no, status, time_remaining, time_limit_seconds,
            accommodation_seconds, closes_at, grace_seconds, started_at, expires_at, sole,
            idempotency_key
        )
        SELECT %(id)s, %(user_id)s, %(quiz_id)s, last_attempt_no, 'started',
            greatest(0, ceil(extract(epoch FROM expires_at - %(at)s))), time_limit_seconds,
            extra_seconds, closes_at, grace_seconds, %(at)s, expires_at,
            when_active <> 'new', %(key)s
        FROM number, rule, LATERAL (
            SELECT least(
                %(at)s + make_interval(secs => time_limit_seconds + extra_seconds),
                closes_at
            ) AS expires_at
        ) AS deadline
        RETURNING {ATTEMPT}
    ), event AS (
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        SELECT id, revision, version, 'started', jsonb_build_object(
            'user_id', user_id, 'quiz_id', quiz_id,
            'attempt_no', attempt_no, 'expires_at', expires_at,
            'time_limit_seconds', time_limit_seconds, 'accommodation_seconds', accommodation_seconds,
            'grace_seconds', grace_seconds, 'closes_at', closes_at
        ), %(at)s
        FROM created
    )
    SELECT
        CASE WHEN outcome = 'created' AND row.id IS NULL THEN 'exhausted' ELSE outcome END AS outcome,
        rule.opens_at AS quiz_opens_at, rule.closes_at AS quiz_closes_at, row.*
    FROM judged CROSS JOIN rule LEFT JOIN LATERAL (
        SELECT {ATTEMPT} FROM created
        UNION ALL SELECT {ATTEMPT} FROM known
        UNION ALL SELECT {ATTEMPT} FROM active WHERE outcome IN ('resumed', 'active', 'overdue')
    ) AS row ON true""",
)


_WRITE_ANSWERS: Final = StoredStatement(
    "write_answers",
    f"""
    WITH current AS (
        SELECT {ATTEMPT}, least({MAX_INTEGER}, greatest(
                0, ceil(extract(epoch FROM %(at_time)s - expires_at) * 1000)
            ))::integer AS lateness
        FROM quiz_attempts
        WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE
    ), sent AS (
        SELECT coalesce(jsonb_object_agg(key, value) FILTER (WHERE counts), '{{}}') AS answers,
            jsonb_object_agg(key, value) FILTER (WHERE NOT counts) AS outdated,
            coalesce(jsonb_object_agg(key, jsonb_build_object(
                'version', current.version + 1, 'at', greatest(%(at)s, known_at)
            )) FILTER (WHERE counts), '{{}}') AS meta,
            -- NULL for a question without an answer, which bool_and() would pass over.
            bool_and((current.answers -> key = value
                AND known_version = %(version)s::bigint + 1) IS TRUE) AS repeated
        FROM current, jsonb_each(%(answers)s::jsonb), LATERAL (
            SELECT (answer_meta -> key ->> 'at')::bigint AS known_at,
                (answer_meta -> key ->> 'version')::int AS known_version
        ), LATERAL (
            SELECT %(version)s::bigint IS NOT NULL OR known_at IS NULL OR known_at <= %(at)s AS counts
        )
    ), merged AS (
        SELECT current.answers || sent.answers AS answers, answer_meta || meta AS meta
        FROM current, sent
    ), judged AS (
        SELECT CASE
            WHEN %(resent)s AND EXISTS (
                SELECT FROM attempt_events
                WHERE attempt_id = %(id)s AND changes ->> 'write_id' = %(write_id)s
            ) THEN 'repeated'
            WHEN status IN ('completed', 'abandoned') THEN 'closed'
            WHEN version = %(version)s::bigint + 1 AND repeated THEN 'repeated'
            WHEN status = 'expired' OR %(at_time)s > accepts_until THEN 'overdue'
            WHEN version <> %(version)s THEN 'conflict'
            WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({MAX_ANSWERS},
                (SELECT count(*) FROM jsonb_object_keys(current.answers))) THEN 'too_many'
            WHEN octet_length(merged.answers::text) > {MAX_SESSION_BYTES}
                AND octet_length(merged.answers::text) > octet_length(current.answers::text)
                THEN 'too_large'
            ELSE 'written' END AS outcome
        FROM current, sent, merged
    ), written AS (
        UPDATE quiz_attempts AS attempt
        SET status = 'in_progress',
            answers = merged.answers,
            answer_meta = merged.meta,
            current_question = CASE
                WHEN %(current_question)s::bigint IS NOT NULL
                    AND (%(version)s::bigint IS NOT NULL OR %(at)s >= attempt.current_question_at)
                THEN %(current_question)s ELSE attempt.current_question END,
            current_question_at = CASE WHEN %(current_question)s::bigint IS NOT NULL
                THEN greatest(%(at)s, attempt.current_question_at)
                ELSE attempt.current_question_at END,
            version = attempt.version + 1,
            revision = attempt.revision + 1,
            time_remaining = greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(at_time)s))),
            late_ms = greatest(attempt.late_ms, lateness),
            last_updated = clock_timestamp()
        FROM judged, merged, current
        WHERE attempt.id = %(id)s AND outcome = 'written'
        RETURNING attempt.*
    ), event AS (
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        SELECT id, revision, version, 'answered', jsonb_strip_nulls(jsonb_build_object(
            'write_id', %(write_id)s::text,
            -- Only where it counted: the trail alone tells what the row says.
            'current_question', CASE WHEN %(version)s::bigint IS NOT NULL OR %(at)s >= known_at
                THEN %(current_question)s::bigint END
        )) || jsonb_build_object('answers', sent.answers)
            || CASE WHEN outdated IS NULL THEN '{{}}'
                ELSE jsonb_build_object('outdated', outdated) END
            || CASE WHEN lateness = 0 THEN '{{}}' ELSE jsonb_build_object('late_ms', lateness) END,
            %(at_time)s
        FROM written, sent, (SELECT lateness, current_question_at AS known_at FROM current) AS before
    )
    SELECT outcome, row.* FROM judged, LATERAL (
        SELECT {ATTEMPT} FROM written
        UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'written'
    ) AS row""",
)


_FINISH: Final = StoredStatement(
    "finish_attempt",
    f"""
    WITH current AS (
        SELECT {ATTEMPT} FROM quiz_attempts
        WHERE id = %(id)s AND (%(owner)s::text IS NULL OR user_id = %(owner)s) FOR UPDATE
    ), sent AS (
        SELECT key, value -> 'answer' AS answer, (value ->> 'at')::bigint AS at, 1 AS rank
        FROM jsonb_each(%(drafts)s::jsonb)
        UNION ALL SELECT key, value, %(at)s, 2 FROM jsonb_each(%(answers)s::jsonb)
    ), counting AS (
        SELECT DISTINCT ON (key) key, answer, sent.at
        FROM current, sent, LATERAL (
            SELECT coalesce((answer_meta -> key ->> 'at')::bigint, -1) AS known_at
        )
        WHERE sent.at <= %(at)s
            AND (sent.at > known_at
                OR rank = 2 AND (sent.at = known_at OR %(version)s::bigint IS NOT NULL))
        ORDER BY key, rank DESC
    ), merged AS (
        SELECT current.answers || coalesce(jsonb_object_agg(key, answer)
                FILTER (WHERE key IS NOT NULL), '{{}}') AS answers,
            current.answer_meta || coalesce(jsonb_object_agg(key, jsonb_build_object(
                'version', current.version + 1,
                'at', greatest(counting.at, (current.answer_meta -> key ->> 'at')::bigint)
            )) FILTER (WHERE key IS NOT NULL), '{{}}') AS meta,
            coalesce(jsonb_object_agg(key, answer) FILTER (WHERE key IS NOT NULL), '{{}}') AS counted,
            -- What was accepted before this request, which must not fail for it.
            current.answers || (
                SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{{}}')
                FROM jsonb_each(%(drafts)s::jsonb)
            ) AS kept
        FROM current LEFT JOIN counting ON true
        GROUP BY current.answers, current.answer_meta
    ), judged AS (
        SELECT CASE
            WHEN status = %(status)s THEN 'repeated'
            WHEN status IN ('completed', 'abandoned') THEN 'closed'
            WHEN status = 'expired' OR %(at_time)s > accepts_until THEN 'overdue'
            -- The clocks of browsers have milliseconds.
            WHEN date_trunc('milliseconds', expires_at) > %(deadline)s THEN 'extended'
            WHEN version <> %(version)s THEN 'conflict'
            WHEN (SELECT count(*) FROM jsonb_object_keys(merged.answers)) > greatest({MAX_ANSWERS},
                (SELECT count(*) FROM jsonb_object_keys(kept))) THEN 'too_many'
            WHEN octet_length(merged.answers::text) > {MAX_SESSION_BYTES}
                AND octet_length(merged.answers::text) > octet_length(kept::text) THEN 'too_large'
            ELSE 'written' END AS outcome
        FROM current, merged
    ), written AS (
        UPDATE quiz_attempts AS attempt
        SET status = %(status)s,
            answers = merged.answers,
            answer_meta = merged.meta,
            current_question = CASE
                WHEN %(current_question_at)s > attempt.current_question_at
                    AND %(current_question_at)s <= %(at)s
                THEN %(current_question)s ELSE attempt.current_question END,
            current_question_at = CASE WHEN %(current_question_at)s <= %(at)s
                THEN greatest(%(current_question_at)s, attempt.current_question_at)
                ELSE attempt.current_question_at END,
            version = attempt.version + 1,
            revision = attempt.revision + 1,
            time_remaining = greatest(0, ceil(extract(epoch FROM expires_at - %(at_time)s))),
            late_ms = greatest(attempt.late_ms, least(
                {MAX_INTEGER}, ceil(extract(epoch FROM %(at_time)s - expires_at) * 1000)
            )),
            last_updated = clock_timestamp(),
            completed_at = CASE WHEN %(status)s = 'completed' THEN least(%(at_time)s, expires_at) END,
            ended_at = %(at_time)s,
            needs_grading = %(status)s = 'completed' AND {GRADABLE}
        FROM judged, merged
        WHERE attempt.id = %(id)s AND outcome = 'written'
        RETURNING attempt.*
    ), event AS (
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        SELECT id, revision, version, status, jsonb_build_object(
            'answers', counted, 'current_question', current_question, 'late_ms', late_ms
        ), %(at_time)s
        FROM written, merged
    )
    SELECT outcome, row.* FROM judged, LATERAL (
        SELECT {ATTEMPT} FROM written
        UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'written'
    ) AS row""",
)


def _settling(name: str, others: str) -> StoredStatement:
    # A row is locked as it is by then, and the trail is read as it was when the statement began: of a row
    # that was changed in between it may lack the late answers.
    return StoredStatement(
        name,
        f"""
        WITH batch AS (
            SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb)
                AS batch (id uuid, drafts jsonb, current_question bigint, current_question_at bigint)
        ), seen AS (
            SELECT id, revision FROM quiz_attempts WHERE id IN (SELECT id FROM batch)
        ), locked AS (
            SELECT {ATTEMPT} FROM quiz_attempts WHERE id IN (SELECT id FROM batch)
            ORDER BY id FOR UPDATE {others}
        ), judged AS (
            SELECT locked.*, batch.current_question AS new_current_question,
                batch.current_question_at AS new_current_question_at,
                counted, meta, late, unrecorded, lateness,
                batch.current_question_at > locked.current_question_at
                    AND batch.current_question_at <= end_at AS moves,
                CASE
                    WHEN is_open AND accepts_until < %(now)s THEN 'expired'
                    WHEN counted <> '{{}}' OR batch.current_question_at > locked.current_question_at
                        AND batch.current_question_at <= end_at
                        THEN CASE WHEN is_open THEN 'merged' ELSE 'late_merge' END
                    WHEN unrecorded IS NOT NULL AND NOT is_open THEN 'late_answer'
                    ELSE 'unchanged' END AS settlement
            FROM locked JOIN batch USING (id) JOIN seen USING (id, revision), LATERAL (
                SELECT status IN ('started', 'in_progress') AS is_open,
                    (extract(epoch FROM coalesce(ended_at, accepts_until)) * 1000000)::bigint AS end_at,
                    (extract(epoch FROM expires_at) * 1000000)::bigint AS deadline
            ), LATERAL (
                SELECT coalesce(jsonb_object_agg(key, value -> 'answer') FILTER (WHERE counts), '{{}}')
                        AS counted,
                    coalesce(jsonb_object_agg(key, jsonb_build_object(
                        'version', version, 'at', value -> 'at'
                    )) FILTER (WHERE counts), '{{}}') AS meta,
                    array_agg(key) FILTER (WHERE is_late) AS late,
                    -- A month before or after a deadline has more milliseconds than an integer.
                    least({MAX_INTEGER}, greatest(0,
                        ceil((max(draft_at) FILTER (WHERE counts) - deadline) / 1000.0)))::integer
                        AS lateness,
                    jsonb_object_agg(key, value) FILTER (WHERE is_late AND NOT EXISTS (
                        SELECT FROM attempt_events AS event
                        WHERE event.attempt_id = locked.id AND event.type = 'late_answer'
                            AND event.changes -> 'late_answers' -> key = value
                    )) AS unrecorded
                FROM jsonb_each(drafts)
                LEFT JOIN jsonb_each(answer_meta) AS known (known_key, known) ON known_key = key,
                LATERAL (
                    SELECT (value ->> 'at')::bigint AS draft_at,
                        coalesce((known ->> 'at')::bigint, -1) AS known_at
                ), LATERAL (
                    SELECT draft_at > known_at AND draft_at <= end_at AS counts,
                        draft_at > known_at AND draft_at > end_at AS is_late
                )
            )
        ), changed AS (
            UPDATE quiz_attempts AS attempt
            SET status = CASE settlement
                    WHEN 'expired' THEN 'expired'
                    WHEN 'merged' THEN 'in_progress'
                    ELSE attempt.status END,
                answers = attempt.answers || counted,
                answer_meta = attempt.answer_meta || meta,
                current_question = CASE WHEN moves THEN new_current_question
                    ELSE attempt.current_question END,
                current_question_at = CASE WHEN moves THEN new_current_question_at
                    ELSE attempt.current_question_at END,
                revision = attempt.revision + 1,
                time_remaining = CASE
                    WHEN settlement IN ('expired', 'merged')
                    THEN greatest(0, ceil(extract(epoch FROM attempt.expires_at - %(now)s)))
                    ELSE attempt.time_remaining END,
                late_ms = greatest(attempt.late_ms, lateness),
                last_updated = clock_timestamp(),
                ended_at = CASE settlement
                    WHEN 'expired' THEN attempt.accepts_until ELSE attempt.ended_at END,
                needs_grading = attempt.needs_grading OR {GRADABLE} AND (
                    settlement = 'expired'
                    OR settlement = 'late_merge' AND attempt.status IN ('completed', 'expired')
                )
            FROM judged
            WHERE attempt.id = judged.id AND settlement <> 'unchanged'
            -- With all that is needed below: the planner expects one row of each of these, and would join
            -- them by holding every row against every other.
            RETURNING attempt.*, settlement, late, counted, unrecorded, lateness, moves,
                new_current_question
        ), event AS (
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, revision, version, settlement, CASE settlement
                    WHEN 'late_answer' THEN jsonb_build_object('late_answers', unrecorded)
                    ELSE jsonb_build_object('answers', counted) END
                || CASE WHEN lateness > 0 THEN jsonb_build_object('late_ms', lateness) ELSE '{{}}' END
                || CASE WHEN moves THEN jsonb_build_object('current_question', new_current_question)
                    ELSE '{{}}' END,
                %(now)s
            FROM changed
        )
        SELECT settlement, late, {ATTEMPT} FROM changed
        UNION ALL SELECT settlement, late, {ATTEMPT} FROM judged WHERE settlement = 'unchanged'""",
    )


_SETTLE: Final = _settling("settle_attempts", "SKIP LOCKED")
_SETTLE_WAITING: Final = _settling("settle_attempts_waiting", "")

STORED: Final = (_CREATE, _WRITE_ANSWERS, _FINISH, _SETTLE, _SETTLE_WAITING)
"""What a migration puts into the database: the statements of most requests, and of the flush."""


class Database:
    """One process's use of PostgreSQL.

    Every method raises DatabaseUnavailableError when the server can't be reached, does not answer in time
    or takes no writes, and BusyError when others hold the row for too long.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    # Requests

    async def create(
        self, user_id: str, quiz_id: str, at: Micros, time_limit: int, idempotency_key: str | None
    ) -> Start:
        """Start an attempt under the quiz's rules, or find the one that stands in its place.

        `time_limit` is for a quiz that sets none.
        """
        parameters = {
            "id": uuid4(),
            "user_id": user_id,
            "quiz_id": quiz_id,
            "key": idempotency_key,
            "at": from_micros(at),
            "time_limit": time_limit,
        }
        try:
            rows = await self._postgres.fetch(_CREATE, parameters)
            known = rows[0]["outcome"] != StartOutcome.EXHAUSTED
        except errors.UniqueViolation:
            known = False
        if not known:
            # A start with the same key, or of the quiz's one open attempt, may have committed while this one
            # waited for the counter, perhaps taking the last number: it is seen only by a new statement.
            rows = await self._postgres.fetch(_CREATE, parameters)
        row = rows[0]
        outcome = StartOutcome(row.pop("outcome"))
        opens_at, closes_at = row.pop("quiz_opens_at"), row.pop("quiz_closes_at")
        if outcome is StartOutcome.REPLAYED and row["id"] == parameters["id"]:
            # By the first sending of this very statement.
            outcome = StartOutcome.CREATED
        return Start(outcome, attempt_of(row) if row["id"] is not None else None, opens_at, closes_at)

    async def get(self, session_ids: Sequence[UUID]) -> list[Attempt]:
        """The attempts that exist, in no order."""
        rows = await self._postgres.fetch(
            f"SELECT {ATTEMPT} FROM quiz_attempts WHERE id = ANY(%(ids)s)",
            {"ids": list(session_ids)},
        )
        return [attempt_of(row) for row in rows]

    async def write_answers(
        self,
        session_id: UUID,
        answers: Mapping[str, Any],
        at: Micros,
        *,
        owner: str | None = None,
        version: int | None = None,
        current_question: int | None = None,
    ) -> tuple[Outcome, Attempt] | None:
        """Commit answers; None when there is no such attempt, or it is not `owner`'s.

        Without a version a question keeps an answer that has a later `at`. With one, a row that is one
        version ahead by these very answers is a repeat. Sent again after a lost reply, the statement
        knows by `write_id` that it has been carried out.
        """
        parameters = {
            "id": session_id,
            "owner": owner,
            "answers": dump_json(answers),
            "at": at,
            "at_time": from_micros(at),
            "version": version,
            "current_question": current_question,
            "write_id": uuid4().hex,
            "resent": False,
        }
        try:
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters, resend={"resent": True})
        except errors.UniqueViolation:
            # Both the statement and its repeat got through; this one waited for the other's commit.
            rows = await self._postgres.fetch(_WRITE_ANSWERS, parameters | {"resent": True})
        return _judged(rows)

    async def finish(
        self,
        session_id: UUID,
        status: Status,
        drafts: Drafts,
        answers: Mapping[str, Any],
        at: Micros,
        *,
        owner: str | None = None,
        version: int | None = None,
        deadline: datetime | None = None,
    ) -> tuple[Outcome, Attempt] | None:
        """Complete or abandon an attempt, its drafts and then `answers` merged; None when there is none.

        An attempt that already has this status is returned as it is; one whose deadline has become later
        than `deadline` is left open.
        """
        rows = await self._postgres.fetch(
            _FINISH,
            {
                "id": session_id,
                "owner": owner,
                "deadline": deadline,
                "status": status.value,
                "drafts": _dump_drafts(drafts),
                "answers": dump_json(answers),
                "current_question": drafts.current_question.value if drafts.current_question else None,
                "current_question_at": drafts.current_question.at if drafts.current_question else -1,
                "at": at,
                "at_time": from_micros(at),
                "version": version,
            },
        )
        return _judged(rows)

    # The flush

    async def settle(
        self, drafts: Mapping[UUID, Drafts], now: Micros, *, wait: bool = False
    ) -> list[Settled]:
        """Merge drafts into their rows, and expire the rows whose deadline and grace have passed at `now`.

        A draft counts where it is later than what is committed and not after the row's end. On a row that
        has ended, drafts up to its end are a late_merge; those after it are kept as a late_answer. One
        call does the first of these that applies to a row, for it writes one event a row. Rows that others
        hold, or change at the same time, are left out unless it is to `wait` for them, as are ids that no
        row has.

        Raises:
            PoisonedError: the server refuses the data of one of the sessions.
        """
        batch = [
            {
                "id": str(session_id),
                "drafts": {q: {"answer": d.value, "at": d.at} for q, d in held.answers.items()},
                "current_question": held.current_question.value if held.current_question else None,
                "current_question_at": held.current_question.at if held.current_question else -1,
            }
            for session_id, held in drafts.items()
        ]
        parameters = {"batch": dump_json(batch), "now": from_micros(now)}
        statement = _SETTLE_WAITING if wait else _SETTLE
        rows = await self._postgres.fetch(statement, parameters)
        if wait and not rows:
            # Who held the row has changed it, which a new statement sees.
            rows = await self._postgres.fetch(statement, parameters)
        return [_settled(row) for row in rows]

    async def overdue(
        self, now: Micros, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[tuple[datetime, UUID]]:
        """Open attempts overdue at `now`: until when they took answers, and id; those behind `after`."""
        deadline, session_id = after or (EPOCH, UUID(int=0))
        rows = await self._postgres.fetch(
            """
            SELECT id, accepts_until FROM quiz_attempts
            WHERE status IN ('started', 'in_progress') AND accepts_until < %(now)s
                AND (accepts_until, id) > (%(deadline)s, %(id)s)
            ORDER BY accepts_until, id LIMIT %(limit)s""",
            {"now": from_micros(now), "deadline": deadline, "id": session_id, "limit": limit},
        )
        return [(row["accepts_until"], row["id"]) for row in rows]

    async def recent_revisions(
        self, seconds: int, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[tuple[datetime, UUID, int]]:
        """Attempts changed in the last `seconds` by the server's clock, behind `after`: when, id, revision.

        One that is changed between two calls comes again.
        """
        changed, session_id = after or (None, UUID(int=0))
        rows = await self._postgres.fetch(
            """
            SELECT last_updated, id, revision FROM quiz_attempts
            WHERE (last_updated, id) > (
                coalesce(%(changed)s, statement_timestamp() - make_interval(secs => %(seconds)s)), %(id)s
            )
            ORDER BY last_updated, id LIMIT %(limit)s""",
            {"seconds": seconds, "changed": changed, "id": session_id, "limit": limit},
        )
        return [(row["last_updated"], row["id"], row["revision"]) for row in rows]


def attempt_of(row: DictRow) -> Attempt:
    """The attempt in a row of the `ATTEMPT` columns."""
    row["status"] = Status(row["status"])
    return Attempt(**row)


def _judged(rows: list[DictRow]) -> tuple[Outcome, Attempt] | None:
    if not rows:
        return None
    outcome = Outcome(rows[0].pop("outcome"))
    return outcome, attempt_of(rows[0])


def _settled(row: DictRow) -> Settled:
    settlement = Settlement(row.pop("settlement"))
    late = frozenset(row.pop("late") or ())
    attempt = attempt_of(row)
    # Late drafts of a row that took another event first are for the next call.
    recorded = settlement in (Settlement.LATE_ANSWER, Settlement.UNCHANGED) and not attempt.status.is_open
    return Settled(attempt, settlement, late if recorded else frozenset())


def _dump_drafts(drafts: Drafts) -> str:
    return dump_json({q: {"answer": draft.value, "at": draft.at} for q, draft in drafts.answers.items()})
