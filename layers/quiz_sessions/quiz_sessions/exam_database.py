"""PostgreSQL for those who run exams: quizzes, deadlines moved, late answers accepted, scores.

As in `database`, one statement judges, changes and records; the few that need two are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from psycopg import errors
from psycopg.rows import DictRow

from .database import ATTEMPT, GRADABLE, attempt_of
from .errors import ActiveAttemptError
from .grading import Grade, parse_questions, to_json
from .models import Attempt, Micros, dump_json, from_micros
from .postgres import Postgres
from .quizzes import Accommodation, Change, Quiz, QuizRules, ShowResults, WhenActive
from .rules import MAX_INTEGER

_QUIZ: Final = """quiz_id, revision, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts,
    when_active, show_results, questions, updated_at"""

# Whoever copies rules onto attempts reads them in the statement that does it. One that waits for an attempt
# would copy what was true before it waited; so they wait for each other before that statement begins, and by
# a lock of its own, for a quiz that nobody registered has no row.
_LOCK_QUIZ: Final = "SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || %(quiz_id)s::text, 0))"

_LOCK_QUIZ_OF: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('quiz:' || quiz_id, 0)) FROM quiz_attempts
    WHERE id = %(id)s"""

# What was late for the deadline before may not be for the new one.
_LATE_MS: Final = """greatest(0, attempt.late_ms - floor(
                greatest(0, extract(epoch FROM deadline - attempt.expires_at)) * 1000
            ))"""

# Brings open attempts in line with what their quiz and accommodation say now. A change never takes away time
# that has been used: what would put a deadline, or the end of its grace, into the past puts it at this
# moment.
_RESCHEDULE: Final = f"""
    WITH target AS (
        SELECT id, user_id, quiz_id, started_at, expires_at, extension_seconds
        FROM quiz_attempts
        WHERE quiz_id = %(quiz_id)s AND status IN ('started', 'in_progress') AND accepts_until >= %(at)s
            AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
        ORDER BY id FOR UPDATE
    ), planned AS (
        SELECT id, started_at, extension_seconds, coalesce(quizzes.grace_seconds, 0) AS grace_seconds,
            coalesce(extra_seconds, 0) AS accommodation_seconds,
            -- With infinity for none, for greatest() leaves NULL out.
            greatest(coalesce(quizzes.closes_at, 'infinity'), least(%(at)s, expires_at)) AS closes_at,
            greatest(
                coalesce(time_limit_seconds, %(time_limit)s),
                ceil(extract(epoch FROM least(%(at)s, expires_at) - started_at))
                    - coalesce(extra_seconds, 0) - extension_seconds
            )::integer AS time_limit_seconds
        FROM target LEFT JOIN quizzes USING (quiz_id) LEFT JOIN attempt_counters USING (user_id, quiz_id)
    ), changed AS (
        UPDATE quiz_attempts AS attempt
        SET time_limit_seconds = planned.time_limit_seconds,
            accommodation_seconds = planned.accommodation_seconds,
            grace_seconds = grace,
            closes_at = nullif(planned.closes_at, 'infinity'),
            expires_at = deadline,
            late_ms = {_LATE_MS},
            time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
            revision = attempt.revision + 1,
            last_updated = clock_timestamp()
        FROM planned, LATERAL (
            SELECT least(
                planned.started_at + make_interval(secs => planned.time_limit_seconds
                    + planned.accommodation_seconds + planned.extension_seconds),
                planned.closes_at
            ) AS deadline
        ) AS deadlines, LATERAL (
            SELECT greatest(
                planned.grace_seconds, ceil(extract(epoch FROM %(at)s - deadline))
            )::integer AS grace
        ) AS graces
        WHERE attempt.id = planned.id AND (
            attempt.time_limit_seconds, attempt.accommodation_seconds, attempt.grace_seconds,
            coalesce(attempt.closes_at, 'infinity')
        ) IS DISTINCT FROM (
            planned.time_limit_seconds, planned.accommodation_seconds, grace, planned.closes_at
        )
        RETURNING attempt.*
    ), event AS (
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        SELECT id, revision, version, 'rescheduled', jsonb_build_object(
            'expires_at', expires_at, 'time_limit_seconds', time_limit_seconds,
            'accommodation_seconds', accommodation_seconds, 'grace_seconds', grace_seconds,
            'closes_at', closes_at, 'late_ms', late_ms, 'by', %(by)s::text, 'reason', %(reason)s::text
        ), %(at)s
        FROM changed
    )
    SELECT id FROM changed
    UNION SELECT attempt_id FROM attempt_events JOIN target ON target.id = attempt_id
    WHERE %(resent)s AND type = 'rescheduled' AND at = %(at)s"""


class ChangeOutcome(StrEnum):
    """What became of a change to an attempt."""

    CHANGED = "changed"
    REPEATED = "repeated"
    """It had been made before; nothing was changed."""
    OPEN = "open"
    CLOSED = "closed"
    """The attempt is completed or abandoned."""
    EXPIRED = "expired"
    """The attempt's time is over, whether or not the row says so yet."""
    QUIZ_CLOSED = "quiz_closed"
    ACTIVE = "active"
    """The quiz allows one open attempt, and there is another one."""
    GRADED_BY_KEY = "graded_by_key"
    NO_LATE_ANSWER = "no_late_answer"


@dataclass(frozen=True, slots=True)
class CohortExtension:
    """What an extension of a whole quiz did.

    Attributes:
        changed: attempts whose deadline moved.
        unchanged: reason -> how many attempts, and the first thousand of them.
    """

    changed: list[UUID]
    unchanged: dict[str, tuple[int, list[UUID]]]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """Answers that came too late, kept uncounted.

    Attributes:
        event: its number within the session.
        answers: question -> {"answer", "at"}.
        accepted: whether they count by now.
    """

    event: int
    answers: dict[str, dict[str, Any]]
    accepted: bool


@dataclass(frozen=True, slots=True)
class Graded:
    """A score to be saved.

    Attributes:
        attempt: as it was graded; a row that has changed since keeps its score.
        grade: None where the quiz has no answer key.
        quiz_revision: None where the quiz is not registered any more.
        type: of the event.
    """

    attempt: Attempt
    grade: Grade | None
    quiz_revision: int | None
    type: str = "graded"
    by: str | None = None
    reason: str | None = None


class ExamDatabase:
    """What exam staff does. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    # Quizzes

    async def put_quiz(
        self, quiz_id: str, rules: QuizRules, at: Micros, by: str | None, time_limit: int
    ) -> tuple[Quiz, bool, list[UUID]]:
        """Register a quiz or change it; returns it, whether it is new, and the attempts it rescheduled."""
        (row,), rescheduled = await self._postgres.fetch_together(
            [
                f"""
                INSERT INTO quizzes AS known (
                    quiz_id, revision, time_limit_seconds, grace_seconds, opens_at, closes_at, max_attempts,
                    when_active, show_results, questions, gradable, updated_at, updated_by
                ) VALUES (
                    %(quiz_id)s,
                    -- Above those of a quiz of this id that was deleted, or its scores would pass for ours.
                    (SELECT coalesce(max(graded_with), 0) + 1 FROM quiz_attempts
                        WHERE quiz_id = %(quiz_id)s
                            AND NOT EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)),
                    %(time_limit_seconds)s, %(grace_seconds)s, %(opens_at)s, %(closes_at)s,
                    %(max_attempts)s, %(when_active)s, %(show_results)s, %(questions)s, %(gradable)s, %(at)s,
                    %(by)s
                )
                ON CONFLICT (quiz_id) DO UPDATE SET revision = known.revision + CASE
                        WHEN %(resent)s AND known.updated_at = %(at)s
                            AND known.updated_by IS NOT DISTINCT FROM %(by)s
                        THEN 0 ELSE 1 END,
                    time_limit_seconds = %(time_limit_seconds)s, grace_seconds = %(grace_seconds)s,
                    opens_at = %(opens_at)s, closes_at = %(closes_at)s, max_attempts = %(max_attempts)s,
                    when_active = %(when_active)s, show_results = %(show_results)s,
                    questions = %(questions)s, gradable = %(gradable)s, updated_at = %(at)s,
                    updated_by = %(by)s
                RETURNING {_QUIZ}, xmax = 0 OR revision = 1 AS created""",
                _RESCHEDULE,
            ],
            {
                "quiz_id": quiz_id,
                "user_id": None,
                "time_limit_seconds": rules.time_limit_seconds,
                "grace_seconds": rules.grace_seconds,
                "opens_at": rules.opens_at,
                "closes_at": rules.closes_at,
                "max_attempts": rules.max_attempts,
                "when_active": rules.when_active.value,
                "show_results": rules.show_results.value,
                "questions": dump_json({name: to_json(q) for name, q in rules.questions.items()}),
                "gradable": any(question.grading is not None for question in rules.questions.values()),
                "at": from_micros(at),
                "by": by,
                "reason": "the quiz was changed",
                "time_limit": time_limit,
                "resent": False,
            },
            lock=_LOCK_QUIZ,
            resend={"resent": True},
        )
        return _quiz(row), row["created"], [changed["id"] for changed in rescheduled]

    async def quizzes(self, quiz_ids: Iterable[str]) -> dict[str, Quiz]:
        """Those of the quizzes that are registered, by id."""
        rows = await self._postgres.fetch(
            f"SELECT {_QUIZ} FROM quizzes WHERE quiz_id = ANY(%(ids)s)", {"ids": list(quiz_ids)}
        )
        return {row["quiz_id"]: _quiz(row) for row in rows}

    async def delete_quiz(self, quiz_id: str) -> bool | None:
        """Forget a quiz; None where none is registered, False where attempts at it are open."""
        found, deleted = await self._postgres.fetch_together(
            [
                "SELECT quiz_id FROM quizzes WHERE quiz_id = %(quiz_id)s FOR UPDATE",
                """
                WITH deleted AS (
                    DELETE FROM quizzes WHERE quiz_id = %(quiz_id)s AND NOT EXISTS (
                        SELECT FROM quiz_attempts AS attempt
                        WHERE attempt.quiz_id = %(quiz_id)s AND status IN ('started', 'in_progress')
                    )
                    RETURNING quiz_id
                )
                SELECT quiz_id FROM deleted
                UNION ALL SELECT %(quiz_id)s
                WHERE %(resent)s AND NOT EXISTS (SELECT FROM quizzes WHERE quiz_id = %(quiz_id)s)""",
            ],
            {"quiz_id": quiz_id, "resent": False},
            lock=_LOCK_QUIZ,
            resend={"resent": True},
        )
        return bool(deleted) if found or deleted else None

    # Extra time

    async def put_accommodation(self, accommodation: Accommodation, time_limit: int) -> list[UUID]:
        """Give a user extra time for a quiz, or another amount; returns the open attempts it rescheduled."""
        *_, rescheduled = await self._postgres.fetch_together(
            [
                """
                INSERT INTO attempt_counters (
                    user_id, quiz_id, last_attempt_no, extra_seconds, extra_reason, extra_granted_by,
                    extra_granted_at
                )
                VALUES (%(user_id)s, %(quiz_id)s, 0, %(extra_seconds)s, %(reason)s, %(by)s, %(at)s)
                ON CONFLICT (user_id, quiz_id) DO UPDATE SET extra_seconds = %(extra_seconds)s,
                    extra_reason = %(reason)s, extra_granted_by = %(by)s, extra_granted_at = %(at)s
                RETURNING user_id""",
                _RESCHEDULE,
            ],
            {
                "user_id": accommodation.user_id,
                "quiz_id": accommodation.quiz_id,
                "extra_seconds": accommodation.extra_seconds,
                "reason": accommodation.reason,
                "by": accommodation.granted_by,
                "at": accommodation.granted_at,
                "time_limit": time_limit,
                "resent": False,
            },
            lock=_LOCK_QUIZ,
            resend={"resent": True},
        )
        return [row["id"] for row in rescheduled]

    async def accommodation(self, user_id: str, quiz_id: str) -> Accommodation | None:
        """The user's extra time for the quiz, if there is any."""
        rows = await self._postgres.fetch(
            """
            SELECT user_id, quiz_id, extra_seconds, extra_reason AS reason, extra_granted_by AS granted_by,
                extra_granted_at AS granted_at
            FROM attempt_counters
            WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL""",
            {"user_id": user_id, "quiz_id": quiz_id},
        )
        return Accommodation(**rows[0]) if rows else None

    async def delete_accommodation(
        self, user_id: str, quiz_id: str, at: Micros, by: str | None, time_limit: int
    ) -> list[UUID] | None:
        """Take extra time back; returns the open attempts it rescheduled, None where there was none."""
        deleted, rescheduled = await self._postgres.fetch_together(
            [
                """
                WITH deleted AS (
                    UPDATE attempt_counters SET extra_seconds = 0, extra_reason = NULL,
                        extra_granted_by = NULL, extra_granted_at = NULL
                    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
                    RETURNING user_id
                )
                SELECT user_id FROM deleted
                UNION ALL SELECT %(user_id)s WHERE %(resent)s AND NOT EXISTS (
                    SELECT FROM attempt_counters
                    WHERE user_id = %(user_id)s AND quiz_id = %(quiz_id)s AND extra_granted_at IS NOT NULL
                )""",
                _RESCHEDULE,
            ],
            {
                "user_id": user_id,
                "quiz_id": quiz_id,
                "at": from_micros(at),
                "by": by,
                "reason": "the extra time was taken back",
                "time_limit": time_limit,
                "resent": False,
            },
            lock=_LOCK_QUIZ,
            resend={"resent": True},
        )
        return [row["id"] for row in rescheduled] if deleted else None

    async def extend(
        self, session_id: UUID, seconds: int, change: Change
    ) -> tuple[ChangeOutcome, Attempt] | None:
        """Move an open attempt's deadline, never to before now; None when there is no attempt."""
        statement = f"""
            WITH current AS (
                SELECT {ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), judged AS (
                SELECT CASE
                    WHEN {_REPEATED} THEN 'repeated'
                    WHEN status IN ('completed', 'abandoned') THEN 'closed'
                    WHEN status = 'expired' OR accepts_until < %(at)s THEN 'expired'
                    ELSE 'changed' END AS outcome, attempt.id, {_EXTENSION}
                FROM current AS attempt
            ), {_EXTENDED}
            SELECT outcome, row.* FROM judged, LATERAL (
                SELECT {ATTEMPT} FROM changed
                UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'changed'
            ) AS row"""
        return await self._change(statement, {"id": session_id, "seconds": seconds}, change)

    async def extend_quiz(self, quiz_id: str, seconds: int, change: Change) -> CohortExtension:
        """Move the deadline of every open attempt at a quiz, in one statement."""
        statement = f"""
            WITH current AS (
                SELECT {ATTEMPT} FROM quiz_attempts
                -- By id: one that ends while this waits for it would otherwise be told in neither list.
                WHERE id IN (
                    SELECT id FROM quiz_attempts
                    WHERE quiz_id = %(quiz_id)s AND status IN ('started', 'in_progress')
                )
                ORDER BY id FOR UPDATE
            ), judged AS (
                SELECT attempt.id, CASE
                    WHEN {_REPEATED} THEN 'repeated'
                    WHEN status NOT IN ('started', 'in_progress') THEN status
                    WHEN accepts_until < %(at)s THEN 'expired'
                    ELSE 'changed' END AS outcome, {_EXTENSION}
                FROM current AS attempt
            ), {_EXTENDED}, told AS (
                SELECT CASE
                    WHEN outcome = 'changed' AND changed.expires_at = current.expires_at
                    THEN CASE WHEN changed.expires_at = changed.closes_at
                        THEN 'closes_at' ELSE 'no time left' END
                    WHEN outcome = 'repeated'
                    THEN CASE WHEN %(resent)s THEN 'changed' ELSE 'extended already' END
                    ELSE outcome END AS reason, id
                FROM judged JOIN current USING (id) LEFT JOIN changed USING (id)
                UNION ALL SELECT status, id FROM quiz_attempts
                WHERE quiz_id = %(quiz_id)s AND status IN ('completed', 'expired', 'abandoned')
            )
            SELECT reason, count(*) AS count,
                CASE WHEN reason = 'changed'
                    THEN array_agg(id) ELSE (array_agg(id ORDER BY id))[1:1000] END AS ids
            FROM told GROUP BY reason"""
        parameters = {
            "quiz_id": quiz_id,
            "seconds": seconds,
            "resent": False,
            **_parameters(change),
        }
        try:
            rows = await self._postgres.fetch(statement, parameters, resend={"resent": True})
        except errors.UniqueViolation:
            # The same extension, sent twice, committed in between: now it is known.
            rows = await self._postgres.fetch(statement, parameters)
        found: dict[str, tuple[int, list[UUID]]] = {row["reason"]: (row["count"], row["ids"]) for row in rows}
        _, changed = found.pop("changed", (0, []))
        return CohortExtension(changed, found)

    async def reopen(
        self, session_id: UUID, seconds: int, change: Change, time_limit: int
    ) -> tuple[ChangeOutcome, Attempt] | None:
        """Open an expired attempt again for `seconds` from now; None when there is no attempt.

        Its quiz may have changed since it ended, and its user been given time: what holds now is copied anew.

        Raises:
            ActiveAttemptError: the quiz allows one open attempt, and the user has another one.
        """
        statement = f"""
            WITH current AS (
                SELECT {ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), rule AS (
                SELECT coalesce(quizzes.time_limit_seconds, %(time_limit)s) AS time_limit_seconds,
                    coalesce(extra_seconds, 0) AS accommodation_seconds,
                    coalesce(quizzes.grace_seconds, 0) AS grace_seconds,
                    quizzes.closes_at,
                    coalesce(when_active, 'new') <> 'new' AS sole,
                    started_at + make_interval(
                        secs => ceil(extract(epoch FROM %(at)s - started_at))::integer + %(seconds)s
                    ) AS until
                FROM current LEFT JOIN quizzes USING (quiz_id)
                    LEFT JOIN attempt_counters USING (user_id, quiz_id)
            ), judged AS (
                SELECT CASE
                    WHEN {_REPEATED} THEN 'repeated'
                    WHEN status IN ('completed', 'abandoned') THEN 'closed'
                    WHEN status <> 'expired'
                        THEN CASE WHEN accepts_until < %(at)s THEN 'expired' ELSE 'open' END
                    WHEN rule.closes_at <= %(at)s THEN 'quiz_closed'
                    WHEN rule.sole AND EXISTS (
                        SELECT FROM quiz_attempts AS other
                        WHERE other.user_id = attempt.user_id AND other.quiz_id = attempt.quiz_id
                            AND other.status IN ('started', 'in_progress')
                    ) THEN 'active'
                    ELSE 'changed' END AS outcome
                FROM current AS attempt, rule
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET status = CASE WHEN version = 0 AND answers = '{{}}' THEN 'started' ELSE 'in_progress' END,
                    time_limit_seconds = rule.time_limit_seconds,
                    accommodation_seconds = rule.accommodation_seconds,
                    extension_seconds = extract(epoch FROM until - started_at)
                        - rule.time_limit_seconds - rule.accommodation_seconds,
                    grace_seconds = rule.grace_seconds,
                    closes_at = rule.closes_at,
                    sole = rule.sole,
                    expires_at = deadline,
                    late_ms = {_LATE_MS},
                    time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
                    ended_at = NULL,
                    score = NULL,
                    max_score = NULL,
                    results = NULL,
                    graded_with = NULL,
                    needs_grading = false,
                    revision = attempt.revision + 1,
                    last_updated = clock_timestamp()
                FROM judged, rule, LATERAL (SELECT least(until, rule.closes_at) AS deadline) AS deadlines
                WHERE attempt.id = %(id)s AND outcome = 'changed'
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, revision, version, 'reopened', jsonb_build_object(
                    'write_id', %(write_id)s::text, 'seconds', %(seconds)s::integer, 'status', status,
                    'time_limit_seconds', time_limit_seconds, 'accommodation_seconds', accommodation_seconds,
                    'extension_seconds', extension_seconds, 'grace_seconds', grace_seconds,
                    'closes_at', closes_at, 'expires_at', expires_at, 'late_ms', late_ms,
                    'by', %(by)s::text, 'reason', %(reason)s::text
                ), %(at)s
                FROM changed
            )
            SELECT outcome, row.* FROM judged, LATERAL (
                SELECT {ATTEMPT} FROM changed
                UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'changed'
            ) AS row"""
        parameters = {"id": session_id, "seconds": seconds, "time_limit": time_limit}
        found = await self._change(statement, parameters, change, lock=_LOCK_QUIZ_OF)
        if found is not None and found[0] is ChangeOutcome.ACTIVE:
            raise ActiveAttemptError(None)
        return found

    # Late answers

    async def late_answers(self, session_id: UUID) -> list[LateAnswer]:
        """The answers of a session that came too late, in the order of their arrival."""
        rows = await self._postgres.fetch(
            """
            SELECT late.revision, late.changes -> 'late_answers' AS answers, EXISTS (
                SELECT FROM attempt_events AS accepted
                WHERE accepted.attempt_id = %(id)s AND accepted.type = 'late_accepted'
                    AND (accepted.changes ->> 'late_answer')::bigint = late.revision
            ) AS accepted
            FROM attempt_events AS late
            WHERE late.attempt_id = %(id)s AND late.type = 'late_answer'
            ORDER BY late.revision""",
            {"id": session_id},
        )
        return [LateAnswer(row["revision"], row["answers"], row["accepted"]) for row in rows]

    async def accept_late_answer(
        self, session_id: UUID, event: int, change: Change
    ) -> tuple[ChangeOutcome, Attempt] | None:
        """Let the answers of a late_answer event count; None when there is no attempt.

        They count where they are later than what is committed, as all answers do.
        """
        statement = f"""
            WITH current AS (
                SELECT {ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), late AS (
                SELECT changes -> 'late_answers' AS answers FROM attempt_events
                WHERE attempt_id = %(id)s AND revision = %(event)s AND type = 'late_answer'
            ), counting AS (
                SELECT coalesce(jsonb_object_agg(key, value -> 'answer'), '{{}}') AS answers,
                    coalesce(jsonb_object_agg(
                        key, jsonb_build_object('version', current.version, 'at', value -> 'at')
                    ), '{{}}') AS meta,
                    coalesce(ceil((max((value ->> 'at')::bigint)
                        - max(extract(epoch FROM expires_at) * 1000000)::bigint) / 1000.0), 0) AS lateness
                FROM current, late, jsonb_each(late.answers)
                WHERE (value ->> 'at')::bigint > coalesce((answer_meta -> key ->> 'at')::bigint, -1)
            ), judged AS (
                SELECT CASE
                    WHEN NOT EXISTS (SELECT FROM late) THEN 'no_late_answer'
                    WHEN {_REPEATED} THEN 'repeated'
                    ELSE 'changed' END AS outcome
                FROM current AS attempt
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET answers = attempt.answers || counting.answers,
                    answer_meta = attempt.answer_meta || meta,
                    late_ms = greatest(attempt.late_ms, least(lateness, {MAX_INTEGER})),
                    needs_grading = attempt.status IN ('completed', 'expired') AND {GRADABLE},
                    revision = attempt.revision + 1,
                    last_updated = clock_timestamp()
                FROM judged, counting
                WHERE attempt.id = %(id)s AND outcome = 'changed'
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, revision, version, 'late_accepted', jsonb_build_object(
                    'write_id', %(write_id)s::text, 'late_answer', %(event)s::bigint,
                    'answers', counting.answers, 'late_ms', late_ms, 'by', %(by)s::text,
                    'reason', %(reason)s::text
                ), %(at)s
                FROM changed, counting
            )
            SELECT outcome, row.* FROM judged, LATERAL (
                SELECT {ATTEMPT} FROM changed
                UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'changed'
            ) AS row"""
        return await self._change(statement, {"id": session_id, "event": event}, change)

    # Scores

    async def to_grade(self, after: UUID, limit: int) -> list[Attempt]:
        """Attempts whose score is not up to date, by id, those behind `after`."""
        rows = await self._postgres.fetch(
            f"""
            SELECT {ATTEMPT} FROM quiz_attempts
            WHERE needs_grading AND id > %(after)s ORDER BY id LIMIT %(limit)s""",
            {"after": after, "limit": limit},
        )
        return [attempt_of(row) for row in rows]

    async def graded_otherwise(self, quiz: Quiz, after: UUID, limit: int) -> list[Attempt]:
        """Ended attempts not graded with the present key of `quiz`, by id, those behind `after`."""
        rows = await self._postgres.fetch(
            f"""
            SELECT {ATTEMPT} FROM quiz_attempts
            WHERE quiz_id = %(quiz_id)s AND status IN ('completed', 'expired')
                AND graded_with IS DISTINCT FROM %(revision)s AND id > %(after)s
            ORDER BY id LIMIT %(limit)s""",
            {"quiz_id": quiz.quiz_id, "revision": quiz.revision, "after": after, "limit": limit},
        )
        return [attempt_of(row) for row in rows]

    async def save_grades(self, graded: Sequence[Graded], at: Micros) -> list[Attempt]:
        """Save scores; returns the attempts, without those that have changed since they were graded."""
        batch = [
            {
                "id": str(each.attempt.id),
                "known_revision": each.attempt.revision,
                "new_score": each.grade.score if each.grade else None,
                "new_max_score": each.grade.max_score if each.grade else None,
                "new_results": _results(each.grade),
                "quiz_revision": each.quiz_revision,
                "type": each.type,
                "by": each.by,
                "reason": each.reason,
            }
            for each in graded
        ]
        rows = await self._postgres.fetch(
            f"""
            WITH batch AS (
                SELECT * FROM jsonb_to_recordset(%(batch)s::jsonb) AS batch (
                    id uuid, known_revision bigint, new_score double precision,
                    new_max_score double precision, new_results jsonb, quiz_revision integer, type text,
                    by text, reason text
                )
            ), locked AS (
                SELECT quiz_attempts.id, score AS former_score, max_score AS former_max_score
                FROM quiz_attempts JOIN batch ON batch.id = quiz_attempts.id AND known_revision = revision
                ORDER BY quiz_attempts.id FOR UPDATE OF quiz_attempts SKIP LOCKED
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET score = CASE WHEN new_results IS NULL THEN attempt.score ELSE new_score END,
                    max_score = CASE WHEN new_results IS NULL THEN attempt.max_score ELSE new_max_score END,
                    results = new_results,
                    graded_with = quiz_revision,
                    needs_grading = false,
                    revision = attempt.revision + 1,
                    last_updated = clock_timestamp()
                FROM locked JOIN batch USING (id)
                WHERE attempt.id = locked.id AND attempt.revision = known_revision
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT id, revision, version, batch.type, jsonb_build_object(
                    'score', score, 'max_score', max_score, 'quiz_revision', quiz_revision
                ) || jsonb_strip_nulls(jsonb_build_object(
                    'by', batch.by, 'reason', batch.reason,
                    'former_score', former_score, 'former_max_score', former_max_score
                )), %(at)s
                FROM changed JOIN batch USING (id) JOIN locked USING (id)
            )
            SELECT {ATTEMPT} FROM changed
            UNION ALL SELECT {ATTEMPT} FROM quiz_attempts JOIN batch USING (id)
            WHERE %(resent)s AND revision = known_revision + 1 AND EXISTS (
                SELECT FROM attempt_events AS event
                WHERE event.attempt_id = batch.id AND event.revision = known_revision + 1
                    AND event.type = batch.type AND event.at = %(at)s
            )""",
            {"batch": dump_json(batch), "at": from_micros(at), "resent": False},
            resend={"resent": True},
        )
        return [attempt_of(row) for row in rows]

    async def set_score(
        self, session_id: UUID, score: float, max_score: float, change: Change
    ) -> tuple[ChangeOutcome, Attempt] | None:
        """Set the score of an ended attempt at a quiz without answer key; None when there is no attempt."""
        statement = f"""
            WITH current AS (
                SELECT {ATTEMPT} FROM quiz_attempts WHERE id = %(id)s FOR UPDATE
            ), judged AS (
                SELECT CASE
                    WHEN {_REPEATED} THEN 'repeated'
                    WHEN status IN ('started', 'in_progress') THEN 'open'
                    WHEN status = 'abandoned' THEN 'closed'
                    WHEN {GRADABLE} THEN 'graded_by_key'
                    ELSE 'changed' END AS outcome
                FROM current AS attempt
            ), changed AS (
                UPDATE quiz_attempts AS attempt
                SET score = %(score)s, max_score = %(max_score)s, results = NULL,
                    revision = attempt.revision + 1, last_updated = clock_timestamp()
                FROM judged
                WHERE attempt.id = %(id)s AND outcome = 'changed'
                RETURNING attempt.*
            ), event AS (
                INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
                SELECT changed.id, changed.revision, changed.version, 'graded', jsonb_build_object(
                    'write_id', %(write_id)s::text, 'score', changed.score, 'max_score', changed.max_score,
                    'by', %(by)s::text, 'reason', %(reason)s::text
                ) || jsonb_strip_nulls(jsonb_build_object(
                    'former_score', current.score, 'former_max_score', current.max_score
                )), %(at)s
                FROM changed, current
            )
            SELECT outcome, row.* FROM judged, LATERAL (
                SELECT {ATTEMPT} FROM changed
                UNION ALL SELECT {ATTEMPT} FROM current WHERE outcome <> 'changed'
            ) AS row"""
        return await self._change(
            statement, {"id": session_id, "score": score, "max_score": max_score}, change
        )

    async def results(self, session_id: UUID) -> dict[str, Any] | None:
        """Question -> points, max_points and correct, as it was graded; None where it was not."""
        rows = await self._postgres.fetch(
            "SELECT results FROM quiz_attempts WHERE id = %(id)s", {"id": session_id}
        )
        results: dict[str, Any] | None = rows[0]["results"] if rows else None
        return results

    # Inside

    async def _change(
        self, statement: str, parameters: dict[str, Any], change: Change, *, lock: str | None = None
    ) -> tuple[ChangeOutcome, Attempt] | None:
        parameters |= _parameters(change)
        try:
            (rows,) = await self._postgres.fetch_together([statement], parameters, lock=lock)
        except errors.UniqueViolation as error:
            if error.diag.constraint_name == "quiz_attempts_sole":
                raise ActiveAttemptError(None) from error
            # The same change, sent twice, committed in between: now it is known.
            (rows,) = await self._postgres.fetch_together([statement], parameters, lock=lock)
        if not rows:
            return None
        outcome = ChangeOutcome(rows[0].pop("outcome"))
        return outcome, attempt_of(rows[0])


_REPEATED: Final = """EXISTS (
        SELECT FROM attempt_events
        WHERE attempt_id = attempt.id AND changes ->> 'write_id' = %(write_id)s
    )"""

# Never so short that the deadline would lie before now.
_EXTENSION: Final = """greatest(
        extension_seconds + %(seconds)s,
        least(
            extension_seconds,
            ceil(extract(epoch FROM least(%(at)s, expires_at) - started_at))
                - time_limit_seconds - accommodation_seconds
        )
    )::integer AS extension"""

_EXTENDED: Final = f"""changed AS (
        UPDATE quiz_attempts AS attempt
        SET extension_seconds = extension,
            -- A row of the release before has none, and reads it off the deadline, which moves here.
            time_limit_seconds = current.time_limit_seconds,
            expires_at = deadline,
            late_ms = {_LATE_MS},
            time_remaining = greatest(0, ceil(extract(epoch FROM deadline - %(at)s))),
            revision = attempt.revision + 1,
            last_updated = clock_timestamp()
        FROM current, judged, LATERAL (
            SELECT least(
                current.started_at + make_interval(
                    secs => current.time_limit_seconds + current.accommodation_seconds + extension
                ),
                current.closes_at
            ) AS deadline
        ) AS deadlines
        WHERE attempt.id = current.id AND judged.id = current.id AND outcome = 'changed'
        RETURNING attempt.*
    ), event AS (
        INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
        SELECT id, revision, version, 'extended', jsonb_build_object(
            'write_id', %(write_id)s::text, 'seconds', %(seconds)s::integer,
            'extension_seconds', extension_seconds, 'expires_at', expires_at, 'late_ms', late_ms,
            'by', %(by)s::text, 'reason', %(reason)s::text
        ), %(at)s
        FROM changed
    )"""


def _parameters(change: Change) -> dict[str, Any]:
    return {
        "at": from_micros(change.at),
        "by": change.by,
        "reason": change.reason,
        "write_id": change.key,
    }


def _quiz(row: DictRow) -> Quiz:
    return Quiz(
        row["quiz_id"],
        row["revision"],
        QuizRules(
            time_limit_seconds=row["time_limit_seconds"],
            grace_seconds=row["grace_seconds"],
            opens_at=row["opens_at"],
            closes_at=row["closes_at"],
            max_attempts=row["max_attempts"],
            when_active=WhenActive(row["when_active"]),
            show_results=ShowResults(row["show_results"]),
            questions=parse_questions(row["questions"]),
        ),
        row["updated_at"],
    )


def _results(grade: Grade | None) -> dict[str, Any] | None:
    if grade is None:
        return None
    return {
        name: {"points": result.points, "max_points": result.max_points, "correct": result.correct}
        for name, result in grade.results.items()
    }
