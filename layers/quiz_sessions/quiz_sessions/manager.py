"""Every use case of a session, from its start to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from . import rules
from .cache import Cache
from .database import Database, Outcome, Settlement
from .errors import (
    BusyError,
    CacheUnavailableError,
    ContentTooLargeError,
    DatabaseUnavailableError,
    InvalidInputError,
    PoisonedError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    VersionConflictError,
)
from .models import Attempt, Draft, Drafts, Micros, Session, Status
from .telemetry import Telemetry

NO_DRAFTS = Drafts()
_REFUSALS = (
    SessionExpiredError,
    SessionClosedError,
    VersionConflictError,
    ContentTooLargeError,
    InvalidInputError,
)


def current_micros() -> Micros:
    """This machine's clock."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Write:
    """One request's answers.

    Attributes:
        at: when the gateway received the request.
        version: the version that the caller knows, if it wants a conflict when there is a newer one.
    """

    answers: Mapping[str, Any]
    at: Micros
    version: int | None
    current_question: int | None

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

    `SessionManager()` builds itself from the environment.
    """

    def __init__(
        self,
        database: Database | None = None,
        cache: Cache | None = None,
        telemetry: Telemetry | None = None,
        *,
        time_limit: int = 1800,
        clock: Callable[[], Micros] = current_micros,
    ) -> None:
        if database is None or cache is None or telemetry is None:
            # The factory imports this module.
            from .settings import Settings  # noqa: PLC0415
            from .wiring import build_services  # noqa: PLC0415

            settings = Settings.from_environment(os.environ)
            services = build_services(settings)
            database, cache, telemetry = services.database, services.cache, services.telemetry
            time_limit = settings.default_time_limit_seconds
        self._database = database
        self._cache = cache
        self._telemetry = telemetry
        self._time_limit = time_limit
        self._clock = clock

    async def close(self) -> None:
        """Close the connections to both stores."""
        await self._cache.close()
        await self._database.close()

    async def create_session(
        self,
        user_id: str,
        quiz_id: str,
        *,
        idempotency_key: str | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Start an attempt. With a known `idempotency_key`, the attempt that it started, `replayed`.

        Raises:
            IdempotencyKeyReusedError: the key has started another quiz.
        """
        rules.check_id("user_id", user_id)
        rules.check_id("quiz_id", quiz_id)
        if idempotency_key is not None:
            rules.check_id("Idempotency-Key", idempotency_key)
        at = self._clock() if at is None else at
        attempt, created = await self._database.create(
            user_id, quiz_id, at, self._time_limit, idempotency_key
        )
        if not created:
            return replace(await self.get_session(attempt.id, at=at), replayed=True)
        await self._cache_session(attempt)
        return rules.view(attempt, NO_DRAFTS, at)

    async def get_session(self, session_id: str | UUID, *, at: Micros | None = None) -> Session:
        """The session with its drafts; one whose deadline has passed is marked expired.

        Raises:
            SessionNotFoundError: there is none.
        """
        key = rules.session_key(session_id)
        at = self._clock() if at is None else at
        drafts, attempt = await self._read_cache(key)
        if attempt is None:
            attempt = await self._load(key)
        if rules.is_overdue(attempt, at):
            try:
                attempt = await self._settle(key, drafts, at) or attempt
            except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
                self._telemetry.survived("expiry put off", error, session_id=str(key))
        return rules.view(attempt, drafts, at)

    async def update_answer(
        self,
        session_id: str | UUID,
        question_id: int | str,
        answer: Any,
        *,
        version: int | None = None,
        current_question: int | None = None,
        autosave: bool = False,
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
        write = Write(answers, self._clock() if at is None else at, version, current_question)
        if autosave:
            return await self._autosave(key, write)
        try:
            return await self._commit(key, write)
        except DatabaseUnavailableError as error:
            session = await self._buffer(key, write)
            self._telemetry.survived("answers buffered", error, "BufferedWrites", session_id=str(key))
            return session

    async def complete(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        at: Micros | None = None,
    ) -> Session:
        """Hand the attempt in, with its drafts and these last answers. Repeating it returns the result.

        Raises:
            the same as `update_answers`.
        """
        if answers:
            rules.check_answers(answers)
        rules.check_count("version", version)
        return await self._finish(session_id, Status.COMPLETED, answers or {}, version, at)

    async def abandon(self, session_id: str | UUID, *, at: Micros | None = None) -> Session:
        """Give the attempt up; its answers stay, its drafts among them. Repeating it is no error.

        Raises:
            the same as `update_answers`.
        """
        return await self._finish(session_id, Status.ABANDONED, {}, None, at)

    async def store_states(self) -> dict[str, bool]:
        """Whether each store answers now."""
        states = {"database": True, "cache": True}
        try:
            await self._database.ping()
        except DatabaseUnavailableError:
            states["database"] = False
        try:
            await self._cache.ping()
        except CacheUnavailableError:
            states["cache"] = False
        return states

    # Writing

    async def _commit(self, key: UUID, write: Write) -> Session:
        found = await self._database.write_answers(
            key, write.answers, write.at, version=write.version, current_question=write.current_question
        )
        if found is None:
            raise SessionNotFoundError
        outcome, attempt = found
        if outcome is Outcome.OVERDUE:
            return await self._write_late(key, write)
        drafts = await self._cache_committed(attempt, write.answers)
        self._refuse(outcome, attempt, drafts, write.at, write.version)
        return _committed(attempt, drafts, write.at)

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
        await self._cache.put_drafts(attempt.id, new)
        return replace(rules.view(attempt, merged, write.at), durability="buffered")

    async def _write_late(self, key: UUID, write: Write) -> Session:
        """Keep answers that PostgreSQL finds too late: expire the row, then judge them by their own time.

        An answer that the gateway received in time counts, though a slow function brings it after the row
        expired; one received later is kept as an event only.
        """
        drafts, _ = await self._read_cache(key)
        try:
            attempt = await self._settle(key, drafts, write.at)
            if attempt is not None:
                attempt = await self._settle(key, write.as_drafts(), write.at)
        except DatabaseUnavailableError as error:
            self._telemetry.survived("late answers not recorded", error, session_id=str(key))
            raise SessionExpiredError from error
        if attempt is None:
            raise BusyError
        if write.at > attempt.end:
            raise SessionExpiredError
        return _committed(attempt, drafts, write.at)

    async def _finish(
        self,
        session_id: str | UUID,
        status: Status,
        answers: Mapping[str, Any],
        version: int | None,
        at: Micros | None,
    ) -> Session:
        key = rules.session_key(session_id)
        at = self._clock() if at is None else at
        drafts, _ = await self._read_cache(key)
        found = await self._database.finish(key, status, drafts, answers, at, version=version)
        if found is None:
            raise SessionNotFoundError
        outcome, attempt = found
        if outcome is Outcome.OVERDUE:
            await self._write_late(key, Write(answers, at, None, None))
            raise SessionExpiredError
        rest = await self._cache_committed(attempt, {*answers, *drafts.answers})
        self._refuse(outcome, attempt, rest, at, version)
        return _committed(attempt, rest, at)

    def _refuse(
        self, outcome: Outcome, attempt: Attempt, drafts: Drafts, at: Micros, version: int | None
    ) -> None:
        shown = rules.view(attempt, drafts, at)
        match outcome:
            case Outcome.CLOSED:
                raise SessionClosedError(shown)
            case Outcome.CONFLICT:
                raise VersionConflictError(shown, rules.changed_since(attempt, version or 0))
            case Outcome.TOO_MANY:
                raise InvalidInputError(f"A session has at most {rules.MAX_ANSWERS} answers.")
            case Outcome.TOO_LARGE:
                raise ContentTooLargeError(
                    f"A session has at most {rules.MAX_SESSION_BYTES} bytes of answers."
                )

    # Reading

    async def _load(self, key: UUID) -> Attempt:
        attempts = await self._database.get([key])
        if not attempts:
            raise SessionNotFoundError
        await self._cache_session(attempts[0])
        return attempts[0]

    async def _settle(self, key: UUID, drafts: Drafts, at: Micros) -> Attempt | None:
        """Merge or record one session's drafts; None where another request holds the row."""
        settled = await self._database.settle({key: drafts}, at)
        if not settled:
            return None
        attempt = settled[0].attempt
        if settled[0].settlement is not Settlement.UNCHANGED:
            await self._cache_committed(attempt, drafts.answers)
        return attempt

    # The cache, which never fails a request that PostgreSQL can serve

    async def _read_cache(self, key: UUID) -> tuple[Drafts, Attempt | None]:
        try:
            return await self._cache.read(key)
        except CacheUnavailableError as error:
            self._telemetry.survived("cache not read", error, session_id=str(key))
            return NO_DRAFTS, None

    async def _cache_session(self, attempt: Attempt) -> None:
        try:
            await self._cache.put_session(attempt)
        except CacheUnavailableError as error:
            self._telemetry.survived("cache not written", error, session_id=str(attempt.id))

    async def _cache_committed(self, attempt: Attempt, questions: Iterable[str]) -> Drafts:
        """Cache a committed row; returns the drafts that are left, none where Valkey is away."""
        try:
            return await self._cache.put_committed(attempt, questions)
        except CacheUnavailableError as error:
            self._telemetry.survived("cache not written", error, session_id=str(attempt.id))
            return NO_DRAFTS


def _committed(attempt: Attempt, drafts: Drafts, at: Micros) -> Session:
    # What a write answers is about itself; buffered_questions still lists what others have pending.
    return replace(rules.view(attempt, drafts, at), durability="committed")
