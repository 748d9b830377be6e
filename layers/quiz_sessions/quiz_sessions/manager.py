"""Every use case of a session, from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from . import rules
from .database import Outcome, Start, StartOutcome
from .errors import (
    ActiveAttemptError,
    AttemptsExhaustedError,
    BusyError,
    CacheUnavailableError,
    ContentTooLargeError,
    DatabaseUnavailableError,
    DeadlineMovedError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    PoisonedError,
    QuizClosedError,
    QuizNotOpenError,
    ResultsHiddenError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionOpenError,
    VersionConflictError,
)
from .models import Attempt, Deadline, Draft, Drafts, Micros, Results, Session, Status
from .parts import Parts

NO_DRAFTS = Drafts()
_REFUSALS = (
    SessionExpiredError,
    SessionClosedError,
    VersionConflictError,
    ContentTooLargeError,
    InvalidInputError,
)


@dataclass(frozen=True, slots=True)
class Write:
    """One request's answers.

    Attributes:
        at: when the gateway received the request.
        version: the version that the caller knows, if it wants a conflict when there is a newer one.
        owner: the only user whose attempt it may change; None for anyone's.
    """

    answers: Mapping[str, Any]
    at: Micros
    version: int | None
    current_question: int | None
    owner: str | None = None

    def as_drafts(self) -> Drafts:
        """The same as drafts."""
        current = None if self.current_question is None else Draft(self.current_question, self.at)
        return Drafts(
            {question: Draft(answer, self.at) for question, answer in self.answers.items()}, current
        )


class SessionManager:
    """Starts attempts, keeps their answers, runs their clock and ends them.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it this machine's clock is read. Besides what each names, methods raise
    InvalidInputError for what can't be stored, DatabaseUnavailableError where the stores can't serve the
    request, and BusyError where others hold the session for too long.

    An `owner` is the only user whose attempts the caller may see: those of others do not exist for it.

    `SessionManager()` builds itself from the environment.
    """

    def __init__(self, parts: Parts | None = None) -> None:
        if parts is None:
            # The factory imports this module.
            from .settings import Settings  # noqa: PLC0415
            from .wiring import build_services  # noqa: PLC0415

            parts = build_services(Settings.from_environment(os.environ)).parts
        self._parts = parts
        self._database = parts.database
        self._cache = parts.cache
        self._telemetry = parts.telemetry
        self._clock = parts.clock

    async def close(self) -> None:
        """Close the connections to both stores."""
        await self._parts.close()

    async def create_session(
        self,
        user_id: str,
        quiz_id: str,
        *,
        idempotency_key: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Start an attempt under the rules of its quiz.

        With a known `idempotency_key`, the attempt that it started, `replayed`; where the quiz says so, the
        user's open attempt, `resumed`.

        Raises:
            IdempotencyKeyReusedError: the key has started another quiz.
            QuizNotOpenError, QuizClosedError, AttemptsExhaustedError, ActiveAttemptError: the quiz's rules
                do not allow it.
        """
        rules.check_id("user_id", user_id)
        rules.check_id("quiz_id", quiz_id)
        if idempotency_key is not None:
            rules.check_id("Idempotency-Key", idempotency_key)
        at = self._clock() if at is None else at
        start = await self._start(user_id, quiz_id, at, idempotency_key)
        if start.outcome is StartOutcome.OVERDUE and start.attempt is not None:
            # It stands in the way of the new one until its row says that it is over.
            drafts, _ = await self._parts.read_cache(start.attempt.id)
            await self._expire(start.attempt.id, drafts, at)
            start = await self._start(user_id, quiz_id, at, idempotency_key)
        attempt = start.attempt
        match start.outcome:
            case StartOutcome.EXHAUSTED:
                raise AttemptsExhaustedError
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
            await self._cache_session(attempt)
            return await self._receipted(rules.view(attempt, NO_DRAFTS, at), attempt, at)
        return replace(
            await self.get_session(attempt.id, at=at),
            replayed=start.outcome is StartOutcome.REPLAYED,
            resumed=start.outcome is StartOutcome.RESUMED,
        )

    async def _start(self, user_id: str, quiz_id: str, at: Micros, key: str | None) -> Start:
        return await self._database.create(user_id, quiz_id, at, self._parts.time_limit_seconds, key)

    async def get_session(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Session:
        """The session with its drafts; one whose deadline has passed is marked expired.

        Raises:
            SessionNotFoundError: there is none.
        """
        at = self._clock() if at is None else at
        drafts, attempt = await self._current(session_id, owner, at)
        return rules.view(attempt, drafts, at)

    async def get_deadline(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Deadline:
        """What the session's deadline is made of.

        Raises:
            SessionNotFoundError: there is none.
        """
        at = self._clock() if at is None else at
        _, attempt = await self._current(session_id, owner, at)
        return rules.deadline(attempt, at)

    async def get_results(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Results:
        """The score of an ended session, question by question where the quiz has an answer key.

        An `owner` sees what the quiz shows, and when it shows it; anyone else everything.

        Raises:
            SessionNotFoundError: there is none.
            SessionOpenError: it has not ended.
            ResultsHiddenError: the quiz does not show its results, or not yet.
        """
        at = self._clock() if at is None else at
        drafts, attempt = await self._current(session_id, owner, at)
        if rules.view(attempt, drafts, at).status.is_open:
            raise SessionOpenError
        if owner is not None:
            quiz = (await self._parts.exam_database.quizzes([attempt.quiz_id])).get(attempt.quiz_id)
            if quiz is not None and not quiz.rules.shows_results(at):
                raise ResultsHiddenError
        results = await self._parts.exam_database.results(attempt.id)
        return Results(attempt.id, attempt.score, attempt.max_score, attempt.late_ms, results)

    async def update_answer(
        self,
        session_id: str | UUID,
        question_id: int | str,
        answer: Any,
        *,
        version: int | None = None,
        current_question: int | None = None,
        autosave: bool = False,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Keep one answer; the current question moves behind it where it is a number.

        Raises:
            the same as `update_answers`.
        """
        question = rules.question_key(question_id)
        if current_question is None and isinstance(question_id, int):
            current_question = question_id + 1
        return await self.update_answers(
            session_id,
            {question: answer},
            version=version,
            current_question=current_question,
            autosave=autosave,
            owner=owner,
            at=at,
        )

    async def update_answers(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Any],
        *,
        version: int | None = None,
        current_question: int | None = None,
        autosave: bool = False,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Keep answers: committed, or with `autosave` (and while PostgreSQL is away) buffered.

        Raises:
            ContentTooLargeError: an answer or the session would be over its limit.
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionExpiredError: the request came after the deadline.
            VersionConflictError: `version` is not the current one.
            CacheUnavailableError: neither store can take the answers.
        """
        key = rules.session_key(session_id)
        rules.check_answers(answers)
        rules.check_count("version", version)
        rules.check_count("current_question", current_question, rules.MAX_INTEGER + 1)
        write = Write(answers, self._clock() if at is None else at, version, current_question, owner)
        try:
            session = await (self._autosave(key, write) if autosave else self._commit_or_buffer(key, write))
        except (DatabaseUnavailableError, CacheUnavailableError, BusyError):
            self._parts.load.note_write(failed=True)
            raise
        self._parts.load.note_write(failed=False)
        return session

    async def complete(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        deadline: datetime | None = None,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Hand the attempt in, with its drafts and these last answers. Repeating it returns the result.

        A client that does so because its time is over names the `deadline` that it knows: a session that has
        been given more time since goes on.

        Raises:
            DeadlineMovedError: the session's deadline is later than `deadline`.
            and the same as `update_answers`.
        """
        if answers:
            rules.check_answers(answers)
        rules.check_count("version", version)
        key = rules.session_key(session_id)
        write = Write(answers or {}, self._clock() if at is None else at, version, None, owner)
        return await self._finish(key, Status.COMPLETED, write, deadline)

    async def abandon(
        self, session_id: str | UUID, *, owner: str | None = None, at: Micros | None = None
    ) -> Session:
        """Give the attempt up; its answers stay, its drafts among them. Repeating it is no error.

        Raises:
            the same as `update_answers`.
        """
        key = rules.session_key(session_id)
        write = Write({}, self._clock() if at is None else at, None, None, owner)
        return await self._finish(key, Status.ABANDONED, write, None)

    async def store_states(self) -> dict[str, bool]:
        """Whether each store answers now."""
        states = {"database": True, "cache": True}
        try:
            await self._parts.postgres.ping()
        except BusyError:
            # It answers others.
            pass
        except DatabaseUnavailableError:
            states["database"] = False
        try:
            await self._cache.ping()
        except CacheUnavailableError:
            states["cache"] = False
        return states

    # Writing

    async def _commit_or_buffer(self, key: UUID, write: Write) -> Session:
        try:
            return await self._commit(key, write)
        except DatabaseUnavailableError as error:
            session = await self._buffer(key, write)
            self._telemetry.survived("answers buffered", error, "BufferedWrites", session_id=str(key))
            return session

    async def _commit(self, key: UUID, write: Write) -> Session:
        found = await self._database.write_answers(
            key,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            current_question=write.current_question,
        )
        if found is None:
            raise SessionNotFoundError
        outcome, attempt = found
        if outcome is Outcome.OVERDUE:
            return await self._write_late(key, write)
        drafts = await self._parts.cache_committed(attempt, write.answers)
        self._refuse(outcome, attempt, drafts, write)
        return await self._committed(attempt, drafts, write.at)

    async def _autosave(self, key: UUID, write: Write) -> Session:
        try:
            drafts, cached = await self._cache.read(key)
            if cached is not None:
                try:
                    return await self._put_drafts(cached, drafts, write)
                except _REFUSALS:
                    # The cache may be behind, and refusing an answer is PostgreSQL's to decide.
                    pass
            try:
                attempt = await self._load(key)
            except DatabaseUnavailableError:
                if cached is None:
                    raise
                attempt = cached
            return await self._put_drafts(attempt, drafts, write)
        except CacheUnavailableError as error:
            self._telemetry.survived("autosave committed", error, session_id=str(key))
            return await self._commit(key, write)
        except SessionExpiredError:
            return await self._write_late(key, write)

    async def _buffer(self, key: UUID, write: Write) -> Session:
        drafts, attempt = await self._cache.read(key)
        if attempt is None:
            raise DatabaseUnavailableError
        return await self._put_drafts(attempt, drafts, write)

    async def _put_drafts(self, attempt: Attempt, drafts: Drafts, write: Write) -> Session:
        _check_owner(attempt, write.owner)
        if attempt.status is Status.EXPIRED or rules.is_overdue(attempt, write.at):
            raise SessionExpiredError
        shown = rules.view(attempt, drafts, write.at)
        if not attempt.status.is_open:
            raise SessionClosedError(shown)
        if write.version is not None and write.version != attempt.version:
            raise VersionConflictError(shown, rules.changed_since(attempt, write.version))
        new = write.as_drafts()
        merged = rules.merge_drafts(drafts, new)
        rules.check_session_size({**attempt.answers, **rules.counting(attempt, merged)})
        self._parts.load.note_backlog(await self._cache.put_drafts(attempt.id, new))
        return replace(rules.view(attempt, merged, write.at), durability="buffered")

    async def _write_late(self, key: UUID, write: Write) -> Session:
        """Keep answers that PostgreSQL finds too late: expire the row, then judge them by their own time.

        An answer that the gateway received in time counts, though a slow function brings it after the row
        expired; one received later is kept as an event only.
        """
        drafts, _ = await self._parts.read_cache(key)
        try:
            await self._expire(key, drafts, write.at)
            attempt = await self._settle(key, write.as_drafts(), write.at, wait=True)
        except DatabaseUnavailableError as error:
            self._telemetry.survived("late answers not recorded", error, session_id=str(key))
            raise SessionExpiredError from error
        if attempt is None:
            raise BusyError
        if write.at > attempt.end:
            raise SessionExpiredError
        return await self._committed(attempt, drafts, write.at)

    async def _finish(self, key: UUID, status: Status, write: Write, deadline: datetime | None) -> Session:
        drafts, _ = await self._parts.read_cache(key)
        found = await self._database.finish(
            key,
            status,
            drafts,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            deadline=deadline,
        )
        if found is None:
            raise SessionNotFoundError
        outcome, attempt = found
        if outcome is Outcome.OVERDUE:
            await self._write_late(key, replace(write, version=None))
            raise SessionExpiredError
        attempt = await self._graded(attempt, write.at)
        rest = await self._parts.cache_committed(attempt, {*write.answers, *drafts.answers})
        self._refuse(outcome, attempt, rest, write)
        return await self._committed(attempt, rest, write.at)

    def _refuse(self, outcome: Outcome, attempt: Attempt, drafts: Drafts, write: Write) -> None:
        shown = rules.view(attempt, drafts, write.at)
        match outcome:
            case Outcome.CLOSED:
                raise SessionClosedError(shown)
            case Outcome.CONFLICT:
                raise VersionConflictError(shown, rules.changed_since(attempt, write.version or 0))
            case Outcome.EXTENDED:
                raise DeadlineMovedError(shown)
            case Outcome.TOO_MANY:
                raise InvalidInputError(f"A session has at most {rules.MAX_ANSWERS} answers.")
            case Outcome.TOO_LARGE:
                raise ContentTooLargeError(
                    f"A session has at most {rules.MAX_SESSION_BYTES} bytes of answers."
                )

    async def _committed(self, attempt: Attempt, drafts: Drafts, at: Micros) -> Session:
        # What a write answers is about itself; buffered_questions still lists what others have pending.
        shown = replace(rules.view(attempt, drafts, at), durability="committed")
        return await self._receipted(shown, attempt, at)

    async def _receipted(self, session: Session, attempt: Attempt, at: Micros) -> Session:
        return replace(session, receipt=await self._parts.receipts.sign(attempt, at))

    # Reading

    async def _current(self, session_id: str | UUID, owner: str | None, at: Micros) -> tuple[Drafts, Attempt]:
        """The session's drafts and row; one whose time is over is expired on the way."""
        key = rules.session_key(session_id)
        drafts, attempt = await self._parts.read_cache(key)
        if attempt is None:
            attempt = await self._load(key)
        _check_owner(attempt, owner)
        if rules.is_overdue(attempt, at):
            try:
                # Where others hold the row, it may have more time than the cached one.
                attempt = await self._settle(key, drafts, at) or await self._load(key)
            except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
                self._telemetry.survived("expiry put off", error, session_id=str(key))
        return drafts, attempt

    async def _load(self, key: UUID) -> Attempt:
        attempts = await self._database.get([key])
        if not attempts:
            raise SessionNotFoundError
        await self._cache_session(attempts[0])
        return attempts[0]

    async def _expire(self, key: UUID, drafts: Drafts, at: Micros) -> None:
        """Bring a row whose time is over to its end, behind whoever holds it."""
        if await self._settle(key, drafts, at) is None:
            # Most likely a flush, which holds many rows at a time, and takes this one's drafts along.
            await self._settle(key, NO_DRAFTS, at, wait=True)

    async def _settle(self, key: UUID, drafts: Drafts, at: Micros, *, wait: bool = False) -> Attempt | None:
        """Merge or record one session's drafts; None where others hold the row, unless it is to wait."""
        settled = await self._database.settle({key: drafts}, at, wait=wait)
        if not settled:
            return None
        # Unchanged, it may have been settled by the first sending of this very statement.
        attempt = await self._graded(settled[0].attempt, at)
        await self._parts.cache_committed(attempt, drafts.answers)
        return attempt

    async def _graded(self, attempt: Attempt, at: Micros) -> Attempt:
        """The attempt with its score, where it needs one; if that fails, the next flush grades it."""
        if not attempt.needs_grading:
            return attempt
        try:
            graded = await self._parts.grader.grade([attempt], at)
        except (DatabaseUnavailableError, BusyError) as error:
            self._telemetry.survived("grading put off", error, session_id=str(attempt.id))
            return attempt
        return graded[0] if graded else attempt

    # The cache, which never fails a request that PostgreSQL can serve

    async def _cache_session(self, attempt: Attempt) -> None:
        try:
            await self._cache.put_session(attempt)
        except CacheUnavailableError as error:
            self._telemetry.survived("cache not written", error, session_id=str(attempt.id))


def _check_owner(attempt: Attempt, owner: str | None) -> None:
    if not rules.is_owned(attempt, owner):
        # To its caller, an attempt of someone else does not exist.
        raise SessionNotFoundError
