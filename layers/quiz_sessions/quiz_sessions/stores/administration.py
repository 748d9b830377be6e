"""Exam administration in PostgreSQL: quizzes, deadlines, late answers and scores.

One statement judges, changes and records; where that takes two statements, they share a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Final
from uuid import UUID

from psycopg import errors
from psycopg.rows import DictRow

from ..domain.access import parse_access
from ..domain.attempts import Attempt, Owner
from ..domain.errors import IdempotencyKeyReusedError
from ..domain.grading import Mark, parse_questions, to_json
from ..domain.json_values import Json, dump_json, same_value
from ..domain.outcomes import (
    MAX_COUNTED,
    AccommodationWrite,
    ActionOutcome,
    ActionResult,
    AttemptsOpen,
    Claim,
    CohortExtension,
    Counted,
    GradeUpdate,
    LateAnswer,
    LateAnswerPage,
    MarkResult,
    MovedDeadline,
    QuizDeletion,
    QuizWrite,
    RecordedAction,
    ShownResults,
)
from ..domain.papers import NO_CONTENT, Asked, Content, Paper, parse_paper
from ..domain.quizzes import (
    Accommodation,
    OneDevice,
    OpenAttempts,
    Quiz,
    QuizRules,
    QuizSummary,
    ShowResults,
    StaffAction,
    UnknownQuestions,
    WhenActive,
)
from ..domain.timestamps import Micros, from_micros
from .attempts import attempt_of, seen_by
from .postgres import Postgres
from .staff_actions import act, act_on, cohort_parameters
from .statements import load

_LOCK_QUIZ: Final = load("lock_quiz")
_LOCK_QUIZ_ROW: Final = load("lock_quiz_row")
_LOCK_USER_AND_QUIZ: Final = load("lock_user_and_quiz")
_PUT_QUIZ: Final = load("put_quiz")
_GET_QUIZZES: Final = load("get_quizzes")
_ASKED_QUESTIONS: Final = load("asked_questions")
_QUIZ_REVISION: Final = load("quiz_revision")
_LIST_QUIZZES: Final = load("list_quizzes")
_DELETE_QUIZ: Final = load("delete_quiz")
_CUT: Final = load("cut_attempts")
_PUT_ACCOMMODATION: Final = load("put_accommodation")
_DELETE_ACCOMMODATION: Final = load("delete_accommodation")
_ACCOMMODATION: Final = load("accommodation")
_RESCHEDULE: Final = load("reschedule_attempts")
_COUNT_REGRADABLE: Final = load("count_regradable")
_EXTEND: Final = load("extend_attempt")
_EXTEND_QUIZ: Final = load("extend_quiz")
_REOPEN: Final = load("reopen_attempt")
_LATE_ANSWERS: Final = load("late_answers")
_ACCEPT_LATE_ANSWER: Final = load("accept_late_answer")
_TO_GRADE: Final = load("attempts_to_grade")
_GRADED_OTHERWISE: Final = load("attempts_graded_otherwise")
_SAVE_GRADES: Final = load("save_grades")
_SET_SCORE: Final = load("set_score")
_SET_GRADES: Final = load("set_grades")
_SHOW_RESULTS: Final = load("show_results")

_FILTERS: Final = {
    "session_id": "({about_session})",
    "quiz_id": "quiz_id = %(quiz_id)s",
    "user_id": "user_id = %(user_id)s",
    "by": "by = %(by)s",
}
"""What a staff action meets that a filter finds."""


class AdministrationStore:
    """What exam staff do. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    # Quizzes

    async def put_quiz(
        self,
        quiz_id: str,
        rules: QuizRules,
        at: Micros,
        by: str | None,
        *,
        base: Quiz | None,
        contents: Mapping[str, Content],
        time_limit: int,
        open_attempts: OpenAttempts | None,
        dry_run: bool,
    ) -> QuizWrite | AttemptsOpen | None:
        """Register a quiz or change it, and reschedule its open attempts.

        Questions without `contents` have none from now on; papers that are out keep theirs.
        Without `open_attempts` it is not written if it would be unfair to attempts that are open.
        None if the quiz is not `base` any more. After a `dry_run` everything is as it was.
        """
        (_, (row,), rescheduled, (regradable,)) = await self._postgres.fetch_together(
            [_LOCK_QUIZ_ROW, _PUT_QUIZ, _RESCHEDULE, _COUNT_REGRADABLE],
            {
                **{each.name: getattr(rules, each.name) for each in fields(QuizRules)},
                "quiz_id": quiz_id,
                "user_id": None,
                "questions": dump_json(_questions(rules)),
                "gradable": bool(rules.questions),
                "paper": None if rules.paper is None else dump_json(rules.paper.to_json()),
                "contents": dump_json(
                    {question: _content(contents.get(question, NO_CONTENT)) for question in rules.questions}
                ),
                "access": None if rules.access is None else dump_json(rules.access.to_json()),
                "at": from_micros(at),
                "by": by,
                "reason": "the quiz was changed",
                "time_limit": time_limit,
                "open_attempts": open_attempts,
                "base": 0 if base is None else base.revision,
                "asks_otherwise": base is not None
                and not same_value(_questions(base.rules), _questions(rules)),
                "most": MAX_COUNTED,
                "resent": False,
            },
            lock=_LOCK_QUIZ,
            resend={"resent": True},
            rollback=dry_run,
        )
        if row["outcome"] == "moved":
            return None
        if row["outcome"] == "attempts_open":
            return AttemptsOpen(row["concerned"], row["weakened"])
        return QuizWrite(
            _quiz(row),
            row["created"],
            [each["id"] for each in rescheduled],
            row["refused"],
            row["open"],
            [_moved(each) for each in rescheduled if each["former_expires_at"] != each["expires_at"]],
            regradable["number"],
            None if base is None else base.revision,
        )

    async def quizzes(self, quiz_ids: Iterable[str]) -> dict[str, Quiz]:
        """The quizzes that are registered, by id."""
        rows = await self._postgres.fetch(_GET_QUIZZES, {"ids": list(quiz_ids)})
        return {row["quiz_id"]: _quiz(row) for row in rows}

    async def asked(
        self, quiz_id: str, revision: int, questions: Sequence[str], shown: Sequence[str]
    ) -> dict[str, Asked]:
        """What the quiz has of `questions`; contents, as of `revision`, of those that are `shown` alone."""
        rows = await self._postgres.fetch(
            _ASKED_QUESTIONS,
            {"quiz_id": quiz_id, "revision": revision, "questions": list(questions), "shown": list(shown)},
        )
        return {
            row["question_id"]: Asked(row["points"], Content(row["content"], row["shuffle_options"]))
            for row in rows
        }

    async def paper_of(self, quiz_id: str, revision: int) -> Paper | None:
        """The paper that a quiz had at `revision`; None if it had none."""
        rows = await self._postgres.fetch(_QUIZ_REVISION, {"quiz_id": quiz_id, "revision": revision})
        return _paper(rows[0]["paper"]) if rows else None

    async def quiz_page(
        self, prefix: str | None, after: str | None, at: Micros, limit: int
    ) -> list[QuizSummary]:
        """At most `limit` quizzes whose id begins with `prefix`, by id, after `after`."""
        parameters = {"prefix": prefix, "after": after, "at": from_micros(at), "limit": limit}
        return [QuizSummary(**row) for row in await self._postgres.fetch(_LIST_QUIZZES, parameters)]

    async def delete_quiz(self, quiz_id: str, at: Micros, by: str | None) -> QuizDeletion:
        """Delete a quiz, unless attempts at it are open."""
        found, deleted = await self._postgres.fetch_together(
            [_LOCK_QUIZ_ROW, _DELETE_QUIZ],
            {"quiz_id": quiz_id, "at": from_micros(at), "by": by, "resent": False},
            lock=_LOCK_QUIZ,
            resend={"resent": True},
        )
        if deleted:
            return QuizDeletion.DELETED
        return QuizDeletion.IN_USE if found else QuizDeletion.NOT_FOUND

    # Extra time

    async def put_accommodation(self, accommodation: Accommodation, time_limit: int) -> AccommodationWrite:
        """Set a user's extra time for a quiz, and reschedule the user's open attempts."""
        _, rescheduled, cut = await self._postgres.fetch_together(
            [_PUT_ACCOMMODATION, _RESCHEDULE, _CUT],
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
        return AccommodationWrite([row["id"] for row in rescheduled], [row["id"] for row in cut])

    async def accommodation(self, user_id: str, quiz_id: str) -> Accommodation | None:
        """The user's extra time for the quiz; None if there is none."""
        rows = await self._postgres.fetch(_ACCOMMODATION, {"user_id": user_id, "quiz_id": quiz_id})
        return Accommodation(**rows[0]) if rows else None

    async def delete_accommodation(
        self, user_id: str, quiz_id: str, at: Micros, by: str | None, time_limit: int
    ) -> list[UUID] | None:
        """Revoke extra time; returns the open attempts that this rescheduled, or None if there was none."""
        deleted, rescheduled = await self._postgres.fetch_together(
            [_DELETE_ACCOMMODATION, _RESCHEDULE],
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

    async def extend(self, session_id: UUID, seconds: int, action: StaffAction) -> ActionResult | None:
        """Move an open attempt's deadline, never to before `action.at`; None if there is no such attempt."""
        return await act(self._postgres, _EXTEND, {"id": session_id, "seconds": seconds}, action)

    async def extend_quiz(
        self, quiz_id: str, seconds: int, session_ids: Sequence[UUID] | None, action: StaffAction
    ) -> CohortExtension:
        """Move the deadline of every open attempt at a quiz, or of some, in one statement.

        Raises:
            IdempotencyKeyReusedError: another extension of the quiz has this key.
        """
        parameters = {
            "quiz_id": quiz_id,
            "seconds": seconds,
            "resent": False,
            **cohort_parameters(action, session_ids, seconds),
        }
        try:
            rows = await self._postgres.fetch(_EXTEND_QUIZ, parameters, resend={"resent": True})
        except errors.UniqueViolation:
            # The same extension was sent twice, and the other sending has committed: run again to find it.
            rows = await self._postgres.fetch(_EXTEND_QUIZ, parameters)
        found = {row["reason"]: Counted(row["count"], row["ids"]) for row in rows}
        if "reused" in found:
            raise IdempotencyKeyReusedError
        changed = found.pop("changed", Counted(0, []))
        cut = [
            Counted(row["cut"], row["cut_ids"]) for row in rows if row["reason"] == "changed" and row["cut"]
        ]
        return CohortExtension(changed.session_ids, cut[0] if cut else Counted(0, []), found)

    async def reopen(
        self, session_id: UUID, seconds: int, action: StaffAction, time_limit: int
    ) -> ActionResult | None:
        """Open an attempt that has ended again for `seconds` from now or its start; None if there is none.

        The current rules of its quiz, and the user's extra time, are copied onto it again.
        """
        parameters = {"id": session_id, "seconds": seconds, "time_limit": time_limit}
        return await act(self._postgres, _REOPEN, parameters, action, lock=_LOCK_USER_AND_QUIZ)

    # Late answers

    async def late_answers(
        self, session_id: UUID, *, after: int, limit: int, max_bytes: int
    ) -> LateAnswerPage:
        """The late_answer events of a session after event `after`, oldest first.

        At most `limit` of them, and `max_bytes` of answers, which only the first may exceed.
        """
        rows = await self._postgres.fetch(
            _LATE_ANSWERS, {"id": session_id, "after": after, "limit": limit, "max_bytes": max_bytes}
        )
        more = bool(rows) and rows[-1]["more"]
        return LateAnswerPage(
            [LateAnswer(row["event"], row["answers"], row["accepted"]) for row in rows],
            rows[-1]["event"] if more else None,
        )

    async def accept_late_answer(
        self, session_id: UUID, event: int, action: StaffAction
    ) -> ActionResult | None:
        """Let the answers of a late_answer event count, if they are later than the committed ones.

        None if there is no such attempt.
        """
        given = {"late_answer": event}
        return await act(
            self._postgres, _ACCEPT_LATE_ANSWER, {"id": session_id, "event": event}, action, given=given
        )

    # Scores

    async def to_grade(self, after: UUID, limit: int) -> list[Attempt]:
        """Attempts whose score is out of date, by id, after `after`."""
        rows = await self._postgres.fetch(_TO_GRADE, {"after": after, "limit": limit})
        return [attempt_of(row) for row in rows]

    async def graded_otherwise(self, quiz: Quiz, after: UUID, limit: int) -> list[Attempt]:
        """Ended attempts not graded with the current revision of `quiz`, by id, after `after`.

        Those whose score a person has set as a whole are left out.
        """
        rows = await self._postgres.fetch(
            _GRADED_OTHERWISE,
            {"quiz_id": quiz.quiz_id, "revision": quiz.revision, "after": after, "limit": limit},
        )
        return [attempt_of(row) for row in rows]

    async def save_grades(self, updates: Sequence[GradeUpdate], at: Micros) -> list[Attempt]:
        """Save scores; returns the attempts, except those that others hold or have changed meanwhile."""
        batch = [
            {
                "id": str(update.attempt.id),
                "known_revision": update.attempt.revision,
                "new_score": update.grade.score if update.grade else None,
                "new_max_score": update.grade.max_score if update.grade else None,
                "new_grading": update.grade.grading if update.grade else None,
                "new_results": update.grade and asdict(update.grade)["results"],
                "new_waiting": update.grade.waiting if update.grade else None,
                "quiz_revision": update.quiz_revision,
                "by": update.by,
                "reason": update.reason,
            }
            for update in updates
        ]
        rows = await self._postgres.fetch(
            _SAVE_GRADES,
            {"batch": dump_json(batch), "at": from_micros(at), "resent": False},
            resend={"resent": True},
        )
        return [attempt_of(row) for row in rows]

    async def set_score(
        self, session_id: UUID, score: float, max_score: float, action: StaffAction
    ) -> ActionResult | None:
        """Set the score of an ended attempt at a quiz without questions; None if there is no attempt."""
        return await act(
            self._postgres, _SET_SCORE, {"id": session_id, "score": score, "max_score": max_score}, action
        )

    async def set_grades(
        self,
        attempt: Attempt,
        marks: Mapping[str, Mark | None],
        action: StaffAction,
        *,
        marker: str | None = None,
        take: bool = False,
        revisions: Sequence[int] | None = None,
    ) -> MarkResult | None:
        """Mark questions of an ended attempt for the answers that `attempt` has, or take marks back (None).

        None if there is no attempt. `marker` is who marks; with `take` also what others hold. The attempt has
        to be at one of `revisions`, if there are any.
        """
        given = {question: None if mark is None else asdict(mark) for question, mark in marks.items()}
        kept = {
            question: mark and {**mark, "answer_sha256": attempt.answer_sha256(question)}
            for question, mark in given.items()
        }
        parameters = {
            "id": attempt.id,
            "marks": dump_json(kept),
            "marker": marker,
            "take": take,
            "revisions": None if revisions is None else list(revisions),
        }
        # Without comments, which stand in the audit log alone: that can be erased.
        points = {question: mark and mark["points"] for question, mark in given.items()}
        told = {"points": points, **({"held": "take"} if take else {})}
        # What is recorded has more in each mark than was asked for.
        row = await act_on(self._postgres, _SET_GRADES, parameters, action, asked=given, given=told)
        if row is None:
            return None
        outcome = ActionOutcome(row.pop("outcome"))
        held = tuple(row.pop(name) for name in ("held_question", "held_by", "held_until"))
        return MarkResult(outcome, attempt_of(row), None if held[0] is None else Claim(*held))

    async def show_results(
        self, session_id: UUID, owner: Owner, at: Micros, *, settled: bool
    ) -> ShownResults | None:
        """What an ended attempt scored, as far as `owner` may see it; None if there is none.

        An owner to whom it is shown for the first time since the end is recorded. That needs it `settled`: no
        answer from before the end can change it any more.
        """
        parameters = {"id": session_id, **seen_by(owner), "at": from_micros(at), "settled": settled}
        rows = await self._postgres.fetch(_SHOW_RESULTS, parameters)
        if not rows:
            return None
        may_see, is_shown, questions = (rows[0].pop(name) for name in ("may_see", "is_shown", "results"))
        return ShownResults(attempt_of(rows[0]), may_see, is_shown, questions if is_shown else None)

    # Staff actions

    async def actions(
        self,
        *,
        session_id: UUID | None,
        quiz_id: str | None,
        user_id: str | None,
        by: str | None,
        after: int,
        limit: int,
        max_bytes: int,
    ) -> list[RecordedAction]:
        """Staff actions after action `after`, oldest first, of those that are named.

        At most `limit` of them, and `max_bytes` of what they changed, which only the first may exceed.
        """
        named = {"session_id": session_id, "quiz_id": quiz_id, "user_id": user_id, "by": by}
        conditions = [_FILTERS[name] for name, value in named.items() if value is not None]
        if user_id is not None and quiz_id is not None:
            conditions = [
                each for each in conditions if each not in (_FILTERS["user_id"], _FILTERS["quiz_id"])
            ]
            conditions.append("({about_user})")
        rows = await self._postgres.fetch(
            load("staff_actions", conditions=" AND ".join(["true", *conditions])),
            {**named, "after": after, "limit": limit, "max_bytes": max_bytes},
        )
        return [RecordedAction(**row) for row in rows]


def _quiz(row: DictRow) -> Quiz:
    rules = {each.name: row[each.name] for each in fields(QuizRules)} | {
        "when_active": WhenActive(row["when_active"]),
        "show_results": ShowResults(row["show_results"]),
        "unknown_questions": UnknownQuestions(row["unknown_questions"]),
        "questions": parse_questions(row["questions"]),
        "access": parse_access(row["access"]),
        "one_device": OneDevice(row["one_device"]),
        "paper": _paper(row["paper"]),
    }
    return Quiz(row["quiz_id"], row["revision"], QuizRules(**rules), row["updated_at"], row["paused_at"])


def _paper(raw: dict[str, Json] | None) -> Paper | None:
    if raw is None:
        return None
    # As it was checked: later the quiz may have lost a question of it.
    return parse_paper(raw, {question for section in raw["sections"] for question in section["questions"]})


def _questions(rules: QuizRules) -> dict[str, Json]:
    return {name: to_json(question) for name, question in rules.questions.items()}


def _moved(row: DictRow) -> MovedDeadline:
    return MovedDeadline(session_id=row["id"], before=row["former_expires_at"], after=row["expires_at"])


def _content(content: Content) -> dict[str, Json]:
    return {"content": content.content, "shuffle_options": content.shuffle_options}
