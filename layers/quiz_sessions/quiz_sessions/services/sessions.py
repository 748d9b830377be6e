"""What students do with sessions: start them, read them, write answers and end them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from ..domain.attempts import Attempt, Status
from ..domain.deadlines import Deadline, deadline_of, is_overdue
from ..domain.drafts import NO_DRAFTS, Draft, Drafts, counting, merge_drafts
from ..domain.errors import (
    ActiveAttemptError,
    AttemptsExhaustedError,
    BusyError,
    CacheUnavailableError,
    ContentTooLargeError,
    DatabaseUnavailableError,
    DeadlineMovedError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    QuizClosedError,
    QuizNotOpenError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    VersionConflictError,
)
from ..domain.json_values import Json
from ..domain.outcomes import Start, StartOutcome, WriteOutcome
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros
from ..domain.validation import (
    MAX_ANSWERS,
    MAX_INTEGER,
    MAX_SESSION_BYTES,
    check_answers,
    check_count,
    check_id,
    check_session_size,
    question_key,
    session_key,
)
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore
from ..stores.best_effort_cache import BestEffortCache
from ..stores.valkey import ValkeyStore
from .backpressure import Backpressure
from .receipts import Receipts
from .settlement import Current, Settler

_REFUSALS = (
    SessionExpiredError,
    SessionClosedError,
    VersionConflictError,
    ContentTooLargeError,
    InvalidInputError,
)


class WriteOptions(TypedDict, total=False):
    """The options of a write; see `SessionManager.update_answers`."""

    version: int | None
    current_question: int | None
    autosave: bool
    owner: str | None
    at: Micros | None


@dataclass(frozen=True, slots=True)
class Write:
    """One request's answers.

    Attributes:
        at: when the gateway received the request.
        version: the version that must be the current one, or the write is a conflict; None for any.
        owner: the only user whose attempt the write may change; None for any user.
    """

    answers: Mapping[str, Json]
    at: Micros
    version: int | None
    current_question: int | None
    owner: str | None = None

    def as_drafts(self) -> Drafts:
        current = None if self.current_question is None else Draft(self.current_question, self.at)
        return Drafts(
            {question: Draft(answer, self.at) for question, answer in self.answers.items()}, current
        )


class SessionManager:
    """Starts attempts, stores their answers, watches their deadlines and ends them.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used. Besides the errors that a method lists, it
    raises InvalidInputError for input that can't be stored, PoisonedError for data that PostgreSQL refuses,
    DatabaseUnavailableError if the stores can't serve the request, and BusyError if others hold the session
    for too long.

    An `owner` restricts the caller to the attempts of that user; the attempts of others do not exist for it.
    """

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        valkey: ValkeyStore,
        cache: BestEffortCache,
        settler: Settler,
        receipts: Receipts,
        backpressure: Backpressure,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
        time_limit_seconds: int,
    ) -> None:
        """`time_limit_seconds` applies to quizzes that set none."""
        self._attempts = attempts
        self._valkey = valkey
        self._cache = cache
        self._settler = settler
        self._receipts = receipts
        self._backpressure = backpressure
        self._telemetry = telemetry
        self._clock = clock
        self._time_limit_seconds = time_limit_seconds

    async def create_session(
        self,
        user_id: str,
        quiz_id: str,
        *,
        idempotency_key: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Start an attempt under the rules of its quiz.

        If `idempotency_key` started an attempt before, that one is returned, as `replayed`. If the user has
        an open attempt and the quiz says to resume it, that one is returned, as `resumed`.

        Raises:
            IdempotencyKeyReusedError: the key started an attempt at another quiz.
            QuizNotOpenError, QuizClosedError, AttemptsExhaustedError, ActiveAttemptError: the rules of the
                quiz do not allow a start.
        """
        check_id("user_id", user_id)
        check_id("quiz_id", quiz_id)
        if idempotency_key is not None:
            check_id("Idempotency-Key", idempotency_key)
        at = self._clock() if at is None else at
        start = await self._start(user_id, quiz_id, at, idempotency_key)
        if start.outcome is StartOutcome.OVERDUE and start.attempt is not None:
            # Expire the user's overdue attempt, which would block the new one while its row is open.
            cached = await self._cache.read(start.attempt.id)
            await self._settler.expire(start.attempt.id, cached.drafts, at)
            start = await self._start(user_id, quiz_id, at, idempotency_key)
        attempt = start.attempt
        match start.outcome:
            case StartOutcome.EXHAUSTED:
                raise AttemptsExhaustedError(attempt.id if attempt else None)
            case StartOutcome.NOT_OPEN:
                raise QuizNotOpenError(start.opens_at)
            case StartOutcome.QUIZ_CLOSED:
                raise QuizClosedError(start.closes_at)
            case StartOutcome.ACTIVE:
                raise ActiveAttemptError(attempt.id if attempt else None)
        if attempt is None or start.outcome is StartOutcome.OVERDUE:
            raise BusyError
        if attempt.quiz_id != quiz_id:
            raise IdempotencyKeyReusedError
        if start.outcome is StartOutcome.CREATED:
            await self._cache.put_session(attempt)
            return await self._receipted(view(attempt, NO_DRAFTS, at), attempt, at)
        return replace(
            await self.get_session(attempt.id, at=at),
            replayed=start.outcome is StartOutcome.REPLAYED,
            resumed=start.outcome is StartOutcome.RESUMED,
        )

    async def _start(self, user_id: str, quiz_id: str, at: Micros, key: str | None) -> Start:
        return await self._attempts.create(user_id, quiz_id, at, self._time_limit_seconds, key)

    async def get_session(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Session:
        """Read a session with its drafts; an overdue one is expired.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        at = self._clock() if at is None else at
        current = await self._settler.current(session_key(session_id), owner, at)
        return view(current.attempt, current.drafts, at)

    async def get_deadline(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Deadline:
        """Explain a session's deadline.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        at = self._clock() if at is None else at
        current = await self._settler.current(session_key(session_id), owner, at)
        return deadline_of(current.attempt, current.drafts, at)

    async def update_answer(
        self, session_id: str | UUID, question_id: int | str, answer: Json, **options: Unpack[WriteOptions]
    ) -> Session:
        """Store one answer; if `question_id` is a number, the next one becomes the current question.

        Raises:
            the same as `update_answers`.
        """
        question = question_key(question_id)
        if options.get("current_question") is None and isinstance(question_id, int):
            options["current_question"] = question_id + 1
        return await self.update_answers(session_id, {question: answer}, **options)

    async def update_answers(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Json],
        *,
        version: int | None = None,
        current_question: int | None = None,
        autosave: bool = False,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Store answers: they are committed, or with `autosave`, or if PostgreSQL is down, buffered.

        Raises:
            ContentTooLargeError: an answer or the session would exceed its limit.
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionExpiredError: the request came after the deadline and the grace.
            VersionConflictError: `version` is not the current one.
            CacheUnavailableError: neither store accepts the answers.
        """
        key = session_key(session_id)
        check_answers(answers)
        check_count("version", version)
        check_count("current_question", current_question, MAX_INTEGER + 1)
        # rule: answers are ordered by the gateway's time
        write = Write(answers, self._clock() if at is None else at, version, current_question, owner)
        try:
            session = await (self._autosave(key, write) if autosave else self._commit_or_buffer(key, write))
        except (DatabaseUnavailableError, CacheUnavailableError, BusyError):
            self._backpressure.note_write(failed=True)
            raise
        self._backpressure.note_write(failed=False)
        return session

    async def complete(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Json] | None = None,
        *,
        version: int | None = None,
        deadline: datetime | None = None,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Complete an attempt, with its drafts and these last answers. Repeating it returns the result.

        A client that completes because the time is over passes the `deadline` it knows. If the deadline has
        moved to a later time since, the session stays open.

        Raises:
            DeadlineMovedError: the session's deadline is later than `deadline`.
            also the same as `update_answers`.
        """
        if answers:
            check_answers(answers)
        check_count("version", version)
        key = session_key(session_id)
        write = Write(answers or {}, self._clock() if at is None else at, version, None, owner)
        return await self._finish(key, Status.COMPLETED, write, deadline)

    async def abandon(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Session:
        """Abandon an attempt; its answers and drafts are kept. Repeating it is not an error.

        Raises:
            the same as `update_answers`.
        """
        key = session_key(session_id)
        write = Write({}, self._clock() if at is None else at, None, None, owner)
        return await self._finish(key, Status.ABANDONED, write, None)

    # Writing

    async def _commit_or_buffer(self, key: UUID, write: Write) -> Session:
        try:
            return await self._commit(key, write)
        except DatabaseUnavailableError as error:
            session = await self._buffer(key, write)
            self._telemetry.degraded("answers buffered", error, "BufferedWrites", session_id=str(key))
            return session

    async def _commit(self, key: UUID, write: Write) -> Session:
        result = await self._attempts.write_answers(
            key,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            current_question=write.current_question,
        )
        if result is None:
            raise SessionNotFoundError
        if result.outcome is WriteOutcome.OVERDUE:
            return await self._write_late(key, write)
        drafts = await self._cache.put_committed(result.attempt, write.answers)
        current = Current(result.attempt, drafts)
        _refuse(result.outcome, current, write)
        return await self._committed(current, write.at)

    async def _autosave(self, key: UUID, write: Write) -> Session:
        try:
            cached = await self._valkey.read(key)
            if cached.attempt is not None:
                try:
                    return await self._put_drafts(cached.attempt, cached.drafts, write)
                except _REFUSALS:
                    # The cache may be behind the row; PostgreSQL decides whether to refuse an answer.
                    pass
            try:
                attempt = await self._settler.load(key)
            except DatabaseUnavailableError:
                if cached.attempt is None:
                    raise
                attempt = cached.attempt
            return await self._put_drafts(attempt, cached.drafts, write)
        except CacheUnavailableError as error:
            self._telemetry.degraded("autosave committed", error, session_id=str(key))
            return await self._commit(key, write)
        except SessionExpiredError:
            return await self._write_late(key, write)

    async def _buffer(self, key: UUID, write: Write) -> Session:
        cached = await self._valkey.read(key)
        if cached.attempt is None:
            raise DatabaseUnavailableError
        return await self._put_drafts(cached.attempt, cached.drafts, write)

    async def _put_drafts(self, attempt: Attempt, drafts: Drafts, write: Write) -> Session:
        _check_owner(attempt, write.owner)
        if attempt.status is Status.EXPIRED or is_overdue(attempt, write.at):
            raise SessionExpiredError
        shown = view(attempt, drafts, write.at)
        if not attempt.status.is_open:
            raise SessionClosedError(shown)
        if write.version is not None and write.version != attempt.version:
            raise VersionConflictError(shown, attempt.changed_since(write.version))
        new = write.as_drafts()
        merged = merge_drafts(drafts, new)
        check_session_size({**attempt.answers, **counting(attempt, merged)})
        self._backpressure.note_backlog(await self._valkey.put_drafts(attempt.id, new))
        return replace(view(attempt, merged, write.at), durability="buffered")

    async def _write_late(self, key: UUID, write: Write) -> Session:
        """Handle a write that PostgreSQL finds overdue: expire the row, then settle the answers by time.

        An answer that the gateway received before the end counts, even if a slow process delivers it after
        the row was expired. One received after the end is recorded as a late answer.
        """
        cached = await self._cache.read(key)
        try:
            await self._settler.expire(key, cached.drafts, write.at)
            attempt = await self._settler.settle(key, write.as_drafts(), write.at, wait=True)
        except DatabaseUnavailableError as error:
            self._telemetry.degraded("late answers not recorded", error, session_id=str(key))
            raise SessionExpiredError from error
        if attempt is None:
            raise BusyError
        if write.at > attempt.end:
            raise SessionExpiredError
        return await self._committed(Current(attempt, cached.drafts), write.at)

    async def _finish(self, key: UUID, status: Status, write: Write, deadline: datetime | None) -> Session:
        # rule: a completion merges the drafts
        drafts = (await self._cache.read(key)).drafts
        result = await self._attempts.finish(
            key,
            status,
            drafts,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            deadline=deadline,
        )
        if result is None:
            raise SessionNotFoundError
        if result.outcome is WriteOutcome.OVERDUE:
            await self._write_late(key, replace(write, version=None))
            raise SessionExpiredError
        questions = {*write.answers, *drafts.answers}
        current = await self._settler.write_back(result.attempt, questions, write.at)
        _refuse(result.outcome, current, write)
        return await self._committed(current, write.at)

    async def _committed(self, current: Current, at: Micros) -> Session:
        # `durability` is about this write; `buffered_questions` still lists the drafts of other requests.
        shown = replace(view(current.attempt, current.drafts, at), durability="committed")
        return await self._receipted(shown, current.attempt, at)

    async def _receipted(self, session: Session, attempt: Attempt, at: Micros) -> Session:
        return replace(session, receipt=await self._receipts.sign(attempt, at))


def _refuse(outcome: WriteOutcome, current: Current, write: Write) -> None:
    shown = view(current.attempt, current.drafts, write.at)
    match outcome:
        case WriteOutcome.CLOSED:
            raise SessionClosedError(shown)
        case WriteOutcome.CONFLICT:
            raise VersionConflictError(shown, current.attempt.changed_since(write.version or 0))
        case WriteOutcome.EXTENDED:
            raise DeadlineMovedError(shown)
        case WriteOutcome.TOO_MANY:
            raise InvalidInputError(f"A session has at most {MAX_ANSWERS} answers.")
        case WriteOutcome.TOO_LARGE:
            raise ContentTooLargeError(f"A session has at most {MAX_SESSION_BYTES} bytes of answers.")


def _check_owner(attempt: Attempt, owner: str | None) -> None:
    if not attempt.is_owned_by(owner):
        # Do not reveal that another user's attempt exists.
        raise SessionNotFoundError
