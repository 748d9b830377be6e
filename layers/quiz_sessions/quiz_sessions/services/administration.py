"""Exam administration: quizzes, extra time, reopening, late answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from types import MappingProxyType
from uuid import UUID

from ..domain.admission import MAX_ADMISSION_SECONDS
from ..domain.attempts import Status
from ..domain.deadlines import Deadline, deadline_of, is_overdue
from ..domain.errors import (
    AccommodationNotFoundError,
    ActiveAttemptError,
    AttemptsOpenError,
    BusyError,
    ContentTooLargeError,
    InvalidInputError,
    LateAnswerNotFoundError,
    NoTimeLeftError,
    QuizChangedError,
    QuizClosedError,
    QuizClosesFirstError,
    QuizInUseError,
    QuizNotFoundError,
    SessionNotFoundError,
    SessionStateError,
)
from ..domain.outcomes import (
    ActionOutcome,
    ActionResult,
    AttemptsOpen,
    CohortExtension,
    LateAnswerPage,
    QuizDeletion,
    QuizWrite,
    RecordedAction,
    WriteOutcome,
)
from ..domain.papers import NO_CONTENT, Content, check_shown
from ..domain.quiz_documents import Document, changes, parse_document, patched, to_document
from ..domain.quizzes import (
    Accommodation,
    OpenAttempts,
    Quiz,
    QuizRules,
    QuizSummary,
    ShowResults,
    StaffAction,
)
from ..domain.sessions import Session
from ..domain.timestamps import Micros, from_micros
from ..domain.validation import (
    MAX_ANSWERS,
    MAX_INTEGER,
    MAX_SESSION_BYTES,
    check_count,
    check_id,
    session_key,
)
from ..stores.administration import AdministrationStore
from ..stores.attempts import AttemptStore
from ..stores.best_effort_cache import BestEffortCache
from .pages import MAX_PAGE, MAX_PAGE_BYTES, check_limit, check_page
from .settlement import Settler
from .staff_actions import StaffActions, check_named, check_reason, found

MAX_CHANGE_SECONDS = 31 * 24 * 3600
"""The limit for the seconds in a quiz's rules, and for moving a deadline with one call, either way."""


CHANGE_TRIES = 5
"""How often a change of a quiz is made anew because another one came first."""

_SHOWN_AS_WELL = {"closes_at", "no time left", "extended already"}


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """A session after staff have moved its deadline, and what makes the deadline now."""

    session: Session
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class QuizPage:
    """A page of quizzes, in the order of the bytes of their ids.

    Attributes:
        next_after: the quiz after which the next page begins; None on the last one.
    """

    quizzes: list[QuizSummary]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class ActionPage:
    """A page of staff actions, oldest first.

    Attributes:
        next_after: the action after which the next page begins; None if there was none on this one. The page
            after the last one is empty.
    """

    actions: list[RecordedAction]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class GivenTime:
    """Extra time that a user was given.

    Attributes:
        cut: the user's open sessions that have less of it, because the quiz closes first.
    """

    accommodation: Accommodation
    cut: list[UUID]


@dataclass(frozen=True, slots=True)
class _Change:
    """How a quiz is to be changed, beside its rules; see `ExamAdministration.put_quiz`."""

    open_attempts: OpenAttempts | None
    if_match: Sequence[str] | None
    dry_run: bool
    by: str | None
    at: Micros

    def matches(self, quiz: Quiz | None) -> bool:
        """Whether the quiz is as `if_match` says."""
        if self.if_match is None:
            return True
        return quiz is not None and ("*" in self.if_match or str(quiz.revision) in self.if_match)


class ExamAdministration:
    """What exam staff may do. Callers of this class must check that the user is staff.

    `by` is the subject of the caller, None if callers are not authenticated; the audit log records it with
    the reason. Every method raises InvalidInputError for input that can't be stored, DatabaseUnavailableError
    and BusyError.
    """

    def __init__(
        self,
        *,
        administration: AdministrationStore,
        attempts: AttemptStore,
        cache: BestEffortCache,
        settler: Settler,
        staff_actions: StaffActions,
        clock: Callable[[], Micros],
        time_limit_seconds: int,
    ) -> None:
        """`time_limit_seconds` applies to quizzes that set none."""
        self._administration = administration
        self._attempts = attempts
        self._cache = cache
        self._settler = settler
        self._staff_actions = staff_actions
        self._clock = clock
        self._time_limit_seconds = time_limit_seconds

    # Quizzes

    async def put_quiz(
        self,
        quiz_id: str,
        quiz: QuizRules,
        *,
        contents: Mapping[str, Content] = MappingProxyType({}),
        open_attempts: OpenAttempts | None = None,
        if_match: Sequence[str] | None = None,
        dry_run: bool = False,
        by: str | None = None,
        at: Micros | None = None,
    ) -> QuizWrite:
        """Register a quiz or change its rules.

        Open attempts follow at once, but no deadline moves to before the moment of the change. What is to
        become of those that the new rules would have refused, `open_attempts` says. `contents` is what is
        shown of the questions; what it leaves out has none. Papers that are out stay as they are.

        `if_match` are entity tags of which one must be the quiz's, that is its revision; "*" is that of any
        registered quiz. A `dry_run` is judged alike and says what the change would do, and changes nothing.

        Raises:
            InvalidInputError: there is content, and no paper to show it.
            QuizChangedError: the quiz is not as `if_match` says.
            AttemptsOpenError: it does not say so, and there are some; or the rules take away or weaken a rule
                while attempts are open.
        """
        check_id("quiz_id", quiz_id)
        # Before anything is read.
        _check_rules(quiz, contents)
        change = _Change(open_attempts, if_match, dry_run, by, self._at(at))
        return await self._change(quiz_id, lambda former: (quiz, contents), change)

    async def patch_quiz(
        self,
        quiz_id: str,
        patch: Document,
        *,
        open_attempts: OpenAttempts | None = None,
        if_match: Sequence[str] | None = None,
        dry_run: bool = False,
        by: str | None = None,
        at: Micros | None = None,
    ) -> QuizWrite:
        """Change some rules of a quiz by a merge patch of its document; see `quiz_documents` and `put_quiz`.

        Raises:
            QuizNotFoundError: none is registered under this id.
            InvalidInputError, ContentTooLargeError: the patched document has no such rules.
            QuizChangedError, AttemptsOpenError: as of `put_quiz`.
        """
        check_id("quiz_id", quiz_id)

        def rules(former: Document | None) -> tuple[QuizRules, Mapping[str, Content]]:
            if former is None:
                raise QuizNotFoundError
            return parse_document(patched(former, patch))

        return await self._change(quiz_id, rules, _Change(open_attempts, if_match, dry_run, by, self._at(at)))

    async def _change(
        self,
        quiz_id: str,
        rules_from: Callable[[Document | None], tuple[QuizRules, Mapping[str, Content]]],
        change: _Change,
    ) -> QuizWrite:
        """Make rules from the quiz's document and write them; if that has changed meanwhile, anew."""
        for _ in range(CHANGE_TRIES):
            former = (await self._administration.quizzes([quiz_id])).get(quiz_id)
            if not change.matches(former):
                raise QuizChangedError(None if former is None else former.revision)
            known = None if former is None else to_document(former.rules, await self.contents(former))
            rules, contents = rules_from(known)
            _check_rules(rules, contents)
            written = await self._administration.put_quiz(
                quiz_id,
                rules,
                change.at,
                change.by,
                base=former,
                contents=contents,
                time_limit=self._time_limit_seconds,
                open_attempts=change.open_attempts,
                dry_run=change.dry_run,
            )
            if isinstance(written, AttemptsOpen):
                raise AttemptsOpenError(written.number, written.weakened)
            if written is not None:
                changed = changes(known or to_document(QuizRules(), {}), to_document(rules, contents))
                return await self._follow(replace(written, contents=contents, changed=changed), change)
        raise BusyError

    async def _follow(self, written: QuizWrite, change: _Change) -> QuizWrite:
        """Show open attempts their new rules, and abandon those that are to be."""
        abandons = change.open_attempts is OpenAttempts.ABANDON
        if change.dry_run:
            return replace(written, abandoned=len(written.refused) if abandons else 0)
        await self._settler.refresh(written.rescheduled)
        if not abandons:
            return written
        abandoned = [await self._abandon(session_id, change.at, change.by) for session_id in written.refused]
        return replace(written, abandoned=sum(abandoned))

    async def _abandon(self, session_id: UUID, at: Micros, by: str | None) -> bool:
        drafts = (await self._cache.read(session_id)).drafts
        result = await self._attempts.finish(
            session_id, Status.ABANDONED, drafts, {}, at, by=by, reason="the quiz was changed"
        )
        if result is None:
            return False
        await self._settler.write_back(result.attempt, drafts.answers, at)
        return result.outcome is WriteOutcome.WRITTEN

    async def get_quiz(self, quiz_id: str) -> Quiz:
        """Read a quiz, with its answer key.

        Raises:
            QuizNotFoundError: no quiz is registered under this id.
        """
        check_id("quiz_id", quiz_id)
        quiz = (await self._administration.quizzes([quiz_id])).get(quiz_id)
        if quiz is None:
            raise QuizNotFoundError
        return quiz

    async def contents(self, quiz: Quiz) -> dict[str, Content]:
        """What is shown of the quiz's questions, of those of which something is."""
        questions = list(quiz.rules.questions)
        asked = await self._administration.asked(quiz.quiz_id, quiz.revision, questions, questions)
        return {question: each.content for question, each in asked.items() if each.content != NO_CONTENT}

    async def list_quizzes(
        self,
        *,
        prefix: str | None = None,
        after: str | None = None,
        limit: int = 50,
        at: Micros | None = None,
    ) -> QuizPage:
        """The quizzes whose id begins with `prefix`, by id: those after `after`, at most `limit`."""
        check_limit(limit)
        for name, value in (("prefix", prefix), ("after", after)):
            if value is not None:
                check_id(name, value)
        found = await self._administration.quiz_page(prefix, after, self._at(at), limit + 1)
        shown = found[:limit]
        return QuizPage(shown, shown[-1].quiz_id if len(found) > limit else None)

    async def delete_quiz(self, quiz_id: str, *, by: str | None = None, at: Micros | None = None) -> None:
        """Delete a quiz; its attempts stay.

        Raises:
            QuizNotFoundError: none is registered under this id.
            QuizInUseError: attempts at it are open.
        """
        check_id("quiz_id", quiz_id)
        match await self._administration.delete_quiz(quiz_id, self._at(at), by):
            case QuizDeletion.NOT_FOUND:
                raise QuizNotFoundError
            case QuizDeletion.IN_USE:
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
    ) -> GivenTime:
        """Give a user extra time for a quiz: for an open attempt and for later ones."""
        check_id("user_id", user_id)
        check_id("quiz_id", quiz_id)
        check_count("extra_seconds", extra_seconds, MAX_CHANGE_SECONDS)
        check_reason(reason)
        accommodation = Accommodation(user_id, quiz_id, extra_seconds, reason, by, from_micros(self._at(at)))
        written = await self._administration.put_accommodation(accommodation, self._time_limit_seconds)
        await self._settler.refresh(written.rescheduled)
        return GivenTime(accommodation, written.cut)

    async def get_accommodation(self, user_id: str, quiz_id: str) -> Accommodation:
        """Read the user's extra time for a quiz.

        Raises:
            AccommodationNotFoundError: the user has none.
        """
        check_id("user_id", user_id)
        check_id("quiz_id", quiz_id)
        accommodation = await self._administration.accommodation(user_id, quiz_id)
        if accommodation is None:
            raise AccommodationNotFoundError
        return accommodation

    async def delete_accommodation(
        self, user_id: str, quiz_id: str, *, by: str | None = None, at: Micros | None = None
    ) -> None:
        """Revoke a user's extra time, as far as it has not been used yet.

        Raises:
            AccommodationNotFoundError: the user has none.
        """
        check_id("user_id", user_id)
        check_id("quiz_id", quiz_id)
        rescheduled = await self._administration.delete_accommodation(
            user_id, quiz_id, self._at(at), by, self._time_limit_seconds
        )
        if rescheduled is None:
            raise AccommodationNotFoundError
        await self._settler.refresh(rescheduled)

    async def extend(
        self,
        session_id: str | UUID,
        seconds: int,
        reason: str,
        *,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Rescheduled:
        """Move an open session's deadline by `seconds`; backwards at most to this moment, or its start.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionStateError: its time is over; it can only be reopened.
            QuizClosesFirstError, NoTimeLeftError: the deadline would not move.
            IdempotencyKeyReusedError: the key came with another extension of the session.
        """
        key = session_key(session_id)
        _check_seconds(seconds)
        action = self._staff_actions.action("extend", reason, idempotency_key, by, at)
        result = found(await self._administration.extend(key, seconds, action))
        match result.outcome:
            case ActionOutcome.EXPIRED:
                raise SessionStateError("The session's time is over. Reopen it to give it more.")
            case ActionOutcome.CLOSES_FIRST:
                raise QuizClosesFirstError(result.attempt.closes_at)
            case ActionOutcome.NO_TIME_LEFT:
                raise NoTimeLeftError
        return await self._rescheduled(result, action)

    async def extend_quiz(
        self,
        quiz_id: str,
        seconds: int,
        reason: str,
        *,
        session_ids: Sequence[UUID] | None = None,
        idempotency_key: str | None = None,
        by: str | None = None,
        at: Micros | None = None,
    ) -> CohortExtension:
        """Move the deadline of every open attempt at a quiz, or of those in `session_ids`; see `extend`.

        With an `idempotency_key` that came before, it moves those that it has not moved yet.

        Raises:
            IdempotencyKeyReusedError: the key came with another extension of the quiz.
        """
        check_named(quiz_id, session_ids)
        _check_seconds(seconds)
        action = self._staff_actions.action("extend-quiz", reason, idempotency_key, by, at)
        extension = await self._administration.extend_quiz(quiz_id, seconds, session_ids, action)
        # Also those that recorded the extension although their deadline could not follow it, and those that
        # an earlier request with this key moved: it may have ended before it showed them. Only the first
        # thousand of each are listed; the next flush reconciles the others.
        listed = [extension.unchanged[why].session_ids for why in _SHOWN_AS_WELL & extension.unchanged.keys()]
        await self._settler.refresh([*extension.changed, *chain(*listed)])
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
    ) -> Rescheduled:
        """Open a session that has ended again, for `seconds` from this moment, or its start if that is later.

        Its answers stay, its score does not: it is graded at its next end. Drafts that no flush has seen yet
        count by their time; late answers that were recorded stay late answers.

        Raises:
            SessionNotFoundError: there is no such session.
            SessionStateError: it is open.
            QuizClosedError: the quiz has closed, so no attempt at it can be open.
            ActiveAttemptError: the quiz allows one open attempt at a time, and the user has another one.
            IdempotencyKeyReusedError: the key came with another reopening of the session.
        """
        key = session_key(session_id)
        check_count("seconds", seconds, MAX_CHANGE_SECONDS)
        if seconds == 0:
            raise InvalidInputError("seconds must be above 0.", member="seconds")
        action = self._staff_actions.action("reopen", reason, idempotency_key, by, at)
        time_limit = self._time_limit_seconds
        result = found(await self._administration.reopen(key, seconds, action, time_limit))
        if result.outcome is ActionOutcome.EXPIRED:
            # The session is overdue but its row is not expired yet. Expire it, merging the drafts that count.
            # Do not grade it, since it is about to be open again.
            await self._attempts.settle({key: (await self._cache.read(key)).drafts}, action.at)
            result = found(await self._administration.reopen(key, seconds, action, time_limit))
        if result.outcome is ActionOutcome.ACTIVE and is_overdue(result.attempt, action.at):
            # The attempt in its way is open by its row alone.
            other = result.attempt.id
            await self._settler.expire(other, (await self._cache.read(other)).drafts, action.at)
            result = found(await self._administration.reopen(key, seconds, action, time_limit))
        match result.outcome:
            case ActionOutcome.EXPIRED:
                raise BusyError
            case ActionOutcome.OPEN:
                raise SessionStateError("The session is open. Extend it instead.")
            case ActionOutcome.ACTIVE:
                raise ActiveAttemptError(result.attempt.id)
            case ActionOutcome.QUIZ_CLOSED:
                quiz_id = result.attempt.quiz_id
                quiz = (await self._administration.quizzes([quiz_id])).get(quiz_id)
                raise QuizClosedError(quiz.rules.closes_at if quiz else None)
        return await self._rescheduled(result, action)

    # Late answers

    async def late_answers(
        self, session_id: str | UUID, *, after: int = -1, limit: int = MAX_PAGE
    ) -> LateAnswerPage:
        """A session's late answers after event `after`, and whether staff have accepted them.

        At most `limit` of them, fewer if they are large.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        check_page(after, limit)
        key = session_key(session_id)
        if not await self._attempts.get([key]):
            raise SessionNotFoundError
        return await self._administration.late_answers(
            key, after=after, limit=limit, max_bytes=MAX_PAGE_BYTES
        )

    async def accept_late_answer(
        self,
        session_id: str | UUID,
        event: int,
        reason: str,
        *,
        by: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Let late answers count, except where a later answer is committed, and grade the session again.

        Raises:
            SessionNotFoundError: there is no such session.
            LateAnswerNotFoundError: it has no late answers with this event number.
            ContentTooLargeError: with them it would have more answers than a session may have.
        """
        key = session_key(session_id)
        check_count("event", event)
        action = self._staff_actions.action("accept", reason, str(event), by, at)
        result = found(await self._administration.accept_late_answer(key, event, action))
        if result.outcome is ActionOutcome.NO_LATE_ANSWER:
            raise LateAnswerNotFoundError
        if result.outcome is ActionOutcome.TOO_LARGE:
            raise ContentTooLargeError(
                f"The session would have more than {MAX_SESSION_BYTES} bytes, or {MAX_ANSWERS} answers."
            )
        return await self._staff_actions.session_after(result, action)

    # What was done

    async def actions(
        self,
        *,
        session_id: str | UUID | None = None,
        quiz_id: str | None = None,
        user_id: str | None = None,
        by: str | None = None,
        after: int = 0,
        limit: int = MAX_PAGE,
    ) -> ActionPage:
        """What staff have done after action `after`, oldest first: of those that are named, or all.

        At most `limit` actions, fewer if they are large.
        """
        check_page(after, limit)
        for name, value in (("quiz_id", quiz_id), ("user_id", user_id), ("by", by)):
            if value is not None:
                check_id(name, value)
        found = await self._administration.actions(
            session_id=None if session_id is None else session_key(session_id),
            quiz_id=quiz_id,
            user_id=user_id,
            by=by,
            after=after,
            limit=limit,
            max_bytes=MAX_PAGE_BYTES,
        )
        return ActionPage(found, found[-1].id if found else None)

    # Helpers

    async def _rescheduled(self, result: ActionResult, action: StaffAction) -> Rescheduled:
        current = await self._staff_actions.after(result, action)
        deadline = deadline_of(current.attempt, current.drafts, action.at)
        session = await self._staff_actions.shown(current, action)
        return Rescheduled(session, deadline)

    def _at(self, at: Micros | None) -> Micros:
        return self._clock() if at is None else at


def _check_rules(quiz: QuizRules, contents: Mapping[str, Content]) -> None:
    _check_quiz(quiz)
    check_shown(quiz.paper, contents)


def _check_quiz(quiz: QuizRules) -> None:
    for name, value, maximum in (
        ("time_limit_seconds", quiz.time_limit_seconds, MAX_CHANGE_SECONDS),
        ("grace_seconds", quiz.grace_seconds, MAX_CHANGE_SECONDS),
        ("max_attempts", quiz.max_attempts, MAX_INTEGER),
        ("admission_seconds", quiz.admission_seconds, MAX_ADMISSION_SECONDS),
    ):
        check_count(name, value, maximum)
        if value == 0 and name not in ("grace_seconds", "admission_seconds"):
            raise InvalidInputError(f"{name} must be above 0; leave it out for none.", member=name)
    if quiz.opens_at is not None and quiz.closes_at is not None and quiz.closes_at <= quiz.opens_at:
        raise InvalidInputError("closes_at must lie after opens_at.", member="closes_at")
    if quiz.show_results is ShowResults.AFTER_CLOSE and quiz.closes_at is None:
        raise InvalidInputError("show_results after_close needs closes_at.", member="show_results")
    if quiz.common_start and quiz.opens_at is None:
        raise InvalidInputError("common_start needs opens_at.", member="common_start")
    admission = timedelta(seconds=quiz.admission_seconds)
    if (
        quiz.common_start
        and quiz.opens_at is not None
        and quiz.closes_at is not None
        # A sum might be later than any moment.
        and quiz.closes_at - quiz.opens_at <= admission
    ):
        raise InvalidInputError(
            "closes_at must lie after the common start: opens_at and admission_seconds.", member="closes_at"
        )


def _check_seconds(seconds: int) -> None:
    if isinstance(seconds, bool) or not 0 < abs(seconds) <= MAX_CHANGE_SECONDS:
        raise InvalidInputError(
            f"seconds must be a whole number from -{MAX_CHANGE_SECONDS} to {MAX_CHANGE_SECONDS}, not 0.",
            member="seconds",
        )
