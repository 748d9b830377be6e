"""Every use case of those who run exams: quizzes, extra time, late answers, scores."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from uuid import UUID, uuid4

from . import rules
from .errors import (
    AccommodationNotFoundError,
    BusyError,
    CacheUnavailableError,
    GradedByKeyError,
    InvalidInputError,
    LateAnswerNotFoundError,
    QuizClosedError,
    QuizInUseError,
    QuizNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
    SessionOpenError,
    SessionStateError,
)
from .exam_database import ChangeOutcome, CohortExtension, LateAnswer
from .grader import BATCH, graded
from .models import Attempt, Drafts, Micros, Session, from_micros
from .parts import Parts
from .quizzes import Accommodation, Change, Quiz, QuizRules, ShowResults

MAX_CHANGE_SECONDS = 31 * 24 * 3600
"""By how much one call may move a deadline, to either side."""
MAX_REASON_CHARACTERS = 1000
REGRADE_SECONDS = 5.0
"""How long one call grades; what is left is for the next."""
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Regrade:
    """What a regrade did.

    Attributes:
        regraded: attempts graded with the quiz's present key.
        changed: of those, the ones whose score is another now.
        complete: whether none is left; otherwise call again.
    """

    regraded: int
    changed: int
    complete: bool


class ExamManager:
    """What exam staff may do; who is staff is for the caller of this class to know.

    `by` is the caller's subject, None where callers are not known, and goes into the trail with the reason.
    Every method raises InvalidInputError for what can't be stored, DatabaseUnavailableError and BusyError.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.exam_database

    # Quizzes

    async def put_quiz(
        self, quiz_id: str, quiz: QuizRules, *, by: str | None = None, at: Micros | None = None
    ) -> tuple[Quiz, bool, int]:
        """Register a quiz or change it; returns it, whether it is new, and how many deadlines moved.

        Open attempts follow at once. None is cut to before this moment.
        """
        rules.check_id("quiz_id", quiz_id)
        _check_quiz(quiz)
        stored, created, rescheduled = await self._database.put_quiz(
            quiz_id, quiz, self._at(at), by, self._parts.time_limit_seconds
        )
        await self._refresh(rescheduled)
        return stored, created, len(rescheduled)

    async def get_quiz(self, quiz_id: str) -> Quiz:
        """The quiz, with its answer key.

        Raises:
            QuizNotFoundError: none is registered under this id.
        """
        rules.check_id("quiz_id", quiz_id)
        quiz = (await self._database.quizzes([quiz_id])).get(quiz_id)
        if quiz is None:
            raise QuizNotFoundError
        return quiz

    async def delete_quiz(self, quiz_id: str) -> None:
        """Forget a quiz; its attempts stay.

        Raises:
            QuizNotFoundError: none is registered under this id.
            QuizInUseError: attempts at it are open.
        """
        rules.check_id("quiz_id", quiz_id)
        deleted = await self._database.delete_quiz(quiz_id)
        if deleted is None:
            raise QuizNotFoundError
        if not deleted:
            raise QuizInUseError

    # Time

    async def put_accommodation(
        self,
        user_id: str,
        quiz_id: str,
        extra_seconds: int,
        reason: str,
        *,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Accommodation:
        """Give a user extra time for a quiz, for an open attempt and for later ones."""
        rules.check_id("user_id", user_id)
        rules.check_id("quiz_id", quiz_id)
        rules.check_count("extra_seconds", extra_seconds, MAX_CHANGE_SECONDS)
        _check_reason(reason)
        accommodation = Accommodation(user_id, quiz_id, extra_seconds, reason, by, from_micros(self._at(at)))
        await self._refresh(
            await self._database.put_accommodation(accommodation, self._parts.time_limit_seconds)
        )
        return accommodation

    async def get_accommodation(self, user_id: str, quiz_id: str) -> Accommodation:
        """The user's extra time for the quiz.

        Raises:
            AccommodationNotFoundError: there is none.
        """
        rules.check_id("user_id", user_id)
        rules.check_id("quiz_id", quiz_id)
        found = await self._database.accommodation(user_id, quiz_id)
        if found is None:
            raise AccommodationNotFoundError
        return found

    async def delete_accommodation(
        self, user_id: str, quiz_id: str, *, by: str | None = None, at: Micros | None = None
    ) -> None:
        """Take extra time back, as far as it has not been used.

        Raises:
            AccommodationNotFoundError: there is none.
        """
        rules.check_id("user_id", user_id)
        rules.check_id("quiz_id", quiz_id)
        rescheduled = await self._database.delete_accommodation(
            user_id, quiz_id, self._at(at), by, self._parts.time_limit_seconds
        )
        if rescheduled is None:
            raise AccommodationNotFoundError
        await self._refresh(rescheduled)

    async def extend(
        self,
        session_id: str | UUID,
        seconds: int,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Move an open session's deadline by `seconds`; backwards at most to this moment.

        Raises:
            SessionNotFoundError: there is none.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: its time is over; it can be reopened.
        """
        key = rules.session_key(session_id)
        _check_seconds(seconds)
        change = self._change("extend", reason, idempotency_key, by, at)
        outcome, attempt = _found(await self._database.extend(key, seconds, change))
        if outcome is ChangeOutcome.EXPIRED:
            raise SessionStateError("The session's time is over. Reopen it to give it more.")
        return await self._changed(outcome, attempt, change.at)

    async def extend_quiz(
        self,
        quiz_id: str,
        seconds: int,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortExtension:
        """Move the deadline of every open attempt at a quiz; see `extend`."""
        rules.check_id("quiz_id", quiz_id)
        _check_seconds(seconds)
        change = self._change("extend-quiz", reason, idempotency_key, by, at)
        extension = await self._database.extend_quiz(quiz_id, seconds, change)
        # An extension that a deadline can't follow yet is kept, and explained with it.
        kept = [
            ids for reason, (_, ids) in extension.unchanged.items() if reason in ("closes_at", "no time left")
        ]
        await self._refresh(chain(extension.changed, *kept))
        return extension

    async def reopen(
        self,
        session_id: str | UUID,
        seconds: int,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Open an expired session again, for `seconds` from this moment.

        Raises:
            SessionNotFoundError: there is none.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: it is open.
            QuizClosedError: the quiz has closed; nothing can be open any longer.
            ActiveAttemptError: the quiz allows one open attempt, and the user has another one.
        """
        key = rules.session_key(session_id)
        rules.check_count("seconds", seconds, MAX_CHANGE_SECONDS)
        if seconds == 0:
            raise InvalidInputError("seconds is above 0.")
        change = self._change("reopen", reason, idempotency_key, by, at)
        time_limit = self._parts.time_limit_seconds
        outcome, attempt = _found(await self._database.reopen(key, seconds, change, time_limit))
        if outcome is ChangeOutcome.EXPIRED:
            # Its row does not say so yet; the drafts that came in time are merged on the way.
            drafts, _ = await self._parts.read_cache(key)
            await self._parts.database.settle({key: drafts}, change.at)
            outcome, attempt = _found(await self._database.reopen(key, seconds, change, time_limit))
        match outcome:
            case ChangeOutcome.EXPIRED:
                raise BusyError
            case ChangeOutcome.OPEN:
                raise SessionStateError("The session is open. Extend it instead.")
            case ChangeOutcome.QUIZ_CLOSED:
                quiz = (await self._database.quizzes([attempt.quiz_id])).get(attempt.quiz_id)
                raise QuizClosedError(quiz.rules.closes_at if quiz else None)
        return await self._changed(outcome, attempt, change.at)

    # Late answers

    async def late_answers(self, session_id: str | UUID) -> list[LateAnswer]:
        """What came too late, and whether it counts by now.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        key = rules.session_key(session_id)
        if not await self._parts.database.get([key]):
            raise SessionNotFoundError
        return await self._database.late_answers(key)

    async def accept_late_answer(
        self,
        session_id: str | UUID,
        event: int,
        reason: str,
        *,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Let late answers count, and grade anew; where a later answer has been given, that one stays.

        Raises:
            SessionNotFoundError, LateAnswerNotFoundError: there is none.
        """
        key = rules.session_key(session_id)
        rules.check_count("event", event)
        change = self._change("accept", reason, str(event), by, at)
        outcome, attempt = _found(await self._database.accept_late_answer(key, event, change))
        if outcome is ChangeOutcome.NO_LATE_ANSWER:
            raise LateAnswerNotFoundError
        return await self._changed(outcome, attempt, change.at)

    # Scores

    async def set_score(
        self,
        session_id: str | UUID,
        score: float,
        max_score: float,
        reason: str,
        *,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Set the score of an ended session whose quiz has no answer key.

        Raises:
            SessionNotFoundError: there is none.
            SessionOpenError: it has not ended.
            SessionClosedError: it was abandoned, and has no score.
            GradedByKeyError: the quiz has an answer key.
        """
        key = rules.session_key(session_id)
        if not (math.isfinite(score) and math.isfinite(max_score) and 0 <= score <= max_score):
            raise InvalidInputError("score is from 0 to max_score.")
        change = self._change("score", reason, None, by, at)
        outcome, attempt = _found(await self._database.set_score(key, score, max_score, change))
        match outcome:
            case ChangeOutcome.OPEN:
                raise SessionOpenError
            case ChangeOutcome.GRADED_BY_KEY:
                raise GradedByKeyError
        return await self._changed(outcome, attempt, change.at)

    async def regrade(
        self, quiz_id: str, reason: str, *, by: str | None = None, at: Micros | None = None
    ) -> Regrade:
        """Grade ended attempts anew that were graded with another key than the present one.

        It works in batches for some seconds. What is left then is done by the next call.

        Raises:
            QuizNotFoundError: none is registered under this id.
        """
        quiz = await self.get_quiz(quiz_id)
        _check_reason(reason)
        until = time.monotonic() + REGRADE_SECONDS
        regraded = changed = 0
        skipped = False
        after = UUID(int=0)
        while time.monotonic() < until:
            waiting = await self._database.graded_otherwise(quiz, after, BATCH)
            if not waiting:
                return Regrade(regraded, changed, not skipped)
            after = waiting[-1].id
            saved = await self._database.save_grades(
                [graded(attempt, quiz, by=by, reason=reason) for attempt in waiting], self._at(at)
            )
            former = {attempt.id: (attempt.score, attempt.max_score) for attempt in waiting}
            regraded += len(saved)
            changed += sum((attempt.score, attempt.max_score) != former[attempt.id] for attempt in saved)
            skipped = skipped or len(saved) < len(waiting)
            await self._cache(saved)
        return Regrade(regraded, changed, complete=False)

    # Inside

    def _at(self, at: Micros | None) -> Micros:
        return self._parts.clock() if at is None else at

    def _change(self, kind: str, reason: str, key: str | None, by: str | None, at: Micros | None) -> Change:
        _check_reason(reason)
        if key is not None:
            rules.check_id("Idempotency-Key", key)
        return Change(self._at(at), by, reason, f"{kind}:{uuid4().hex if key is None else key}")

    async def _changed(self, outcome: ChangeOutcome, attempt: Attempt, at: Micros) -> Session:
        """The session after a change, as it is cached by then."""
        if outcome is ChangeOutcome.CLOSED:
            raise SessionClosedError(rules.view(attempt, Drafts(), at))
        if attempt.needs_grading:
            attempt = next(iter(await self._parts.grader.grade([attempt], at)), attempt)
        return rules.view(attempt, await self._parts.cache_committed(attempt, []), at)

    async def _refresh(self, session_ids: Iterable[UUID]) -> None:
        """Show the new deadlines at once; what fails here, the next flush puts right."""
        ids = list(session_ids)
        for start in range(0, len(ids), _PAGE):
            await self._cache(await self._parts.database.get(ids[start : start + _PAGE]))

    async def _cache(self, attempts: list[Attempt]) -> None:
        try:
            await self._parts.cache.refresh(attempts)
        except CacheUnavailableError as error:
            self._parts.telemetry.survived("cache not written", error)


def _found(found: tuple[ChangeOutcome, Attempt] | None) -> tuple[ChangeOutcome, Attempt]:
    if found is None:
        raise SessionNotFoundError
    return found


def _check_quiz(quiz: QuizRules) -> None:
    for name, value, maximum in (
        ("time_limit_seconds", quiz.time_limit_seconds, MAX_CHANGE_SECONDS),
        ("grace_seconds", quiz.grace_seconds, MAX_CHANGE_SECONDS),
        ("max_attempts", quiz.max_attempts, rules.MAX_INTEGER),
    ):
        rules.check_count(name, value, maximum)
        if value == 0 and name != "grace_seconds":
            raise InvalidInputError(f"{name} is above 0; leave it out for none.")
    if quiz.opens_at is not None and quiz.closes_at is not None and quiz.closes_at <= quiz.opens_at:
        raise InvalidInputError("closes_at lies after opens_at.")
    if quiz.show_results is ShowResults.AFTER_CLOSE and quiz.closes_at is None:
        raise InvalidInputError("show_results after_close needs closes_at.")


def _check_seconds(seconds: int) -> None:
    if isinstance(seconds, bool) or not 0 < abs(seconds) <= MAX_CHANGE_SECONDS:
        raise InvalidInputError(
            f"seconds is a whole number other than 0, from -{MAX_CHANGE_SECONDS} to {MAX_CHANGE_SECONDS}."
        )


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise InvalidInputError(f"reason has 1 to {MAX_REASON_CHARACTERS} characters.")
    rules.check_text("reason", reason)
