"""What students do with sessions: start them, read them, write answers and end them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Literal, TypedDict, Unpack
from uuid import UUID

from ..domain.access import (
    REFUSALS,
    UNKNOWN_SOURCE,
    Entry,
    RequestSource,
    check,
    check_password,
    parse_page_url,
)
from ..domain.admission import seconds_to_wait
from ..domain.attempts import Attempt, Owner, Status
from ..domain.canonical_json import canonical_json
from ..domain.deadlines import Deadline, deadline_of, is_overdue, is_stopped
from ..domain.drafts import NO_DRAFTS, Draft, Drafts, merge_drafts, unseen
from ..domain.errors import (
    AccessRefusedError,
    ActiveAttemptError,
    AnswerConflictError,
    AttemptsExhaustedError,
    BusyError,
    CacheUnavailableError,
    ContentTooLargeError,
    DatabaseUnavailableError,
    DeadlineMovedError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    OtherDeviceError,
    PreconditionFailedError,
    QuestionLockedError,
    QuizClosedError,
    QuizNotOpenError,
    QuizPausedError,
    SectionExpiredError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionPausedError,
    TooManyRequestsError,
    UnknownQuestionError,
    UnknownQuizError,
    VersionConflictError,
)
from ..domain.incidents import Observation, burst_of, late_burst, second_device
from ..domain.json_values import Json, same_value
from ..domain.labels import NO_LABELS, Labels, check_labels
from ..domain.outcomes import DraftsOutcome, Settled, Start, StartOutcome, WriteOutcome, WriteResult
from ..domain.pace import NO_PACE, Pace
from ..domain.presence import Heard, heard_reading
from ..domain.sessions import Session, view
from ..domain.tags import ANYBODY, BasedOn, EntityTag, Tag, parse_entity_tag, parse_tag, writer_of
from ..domain.timestamps import Micros
from ..domain.validation import (
    MAX_ANSWERS,
    MAX_INTEGER,
    MAX_SESSION_BYTES,
    check_answers,
    check_count,
    check_id,
    check_session_size,
    check_startable,
    question_key,
    session_key,
)
from ..runtime.settings import Settings
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore, Conditions
from ..stores.best_effort_cache import BestEffortCache
from ..stores.valkey import CachedSession, Judged, ValkeyStore, WriteKey
from .backpressure import Backpressure
from .devices import Devices, device_unnamed
from .disclosure import Disclosure
from .incidents import Incidents
from .receipts import Receipts
from .settlement import Current, Settler

_REFUSALS = (
    AccessRefusedError,
    OtherDeviceError,
    SessionExpiredError,
    SessionClosedError,
    SessionPausedError,
    QuestionLockedError,
    SectionExpiredError,
    VersionConflictError,
    PreconditionFailedError,
    AnswerConflictError,
    ContentTooLargeError,
    InvalidInputError,
)
MAX_JUDGEMENTS = 3
"""How often drafts are judged that change under the judgement, before they are committed instead."""
KEY_SECONDS = 600
"""How long the key of an autosave is remembered; a client that tries for longer has newer answers by then."""


class WriteOptions(TypedDict, total=False):
    """The options of a write; see `SessionManager.update_answers`."""

    version: int | None
    current_question: int | None
    autosave: bool
    client_id: str | None
    based_on: Mapping[str, str | None] | None
    if_match: Sequence[str] | None
    idempotency_key: str | None
    key_seconds: int
    owner: str | None
    source: RequestSource
    at: Micros | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One request's answers.

    Attributes:
        operation: what they were sent to; a key is good for one.
        at: when the gateway received the request.
        version: the version that must be the current one, or the write is a conflict; None for any.
        owner: the only user whose attempt the write may change; None for any user.
        writer: who wrote the answers; see `tags`.
        based_on: what was shown of the questions when the answers were begun; others are not compared.
        if_match: the entity tags of which one must be the session's; None for any.
        key: the caller's name for this write, which is made once.
        key_seconds: how long the key of an autosave is remembered; that of a commit is always.
        payload: a hash of what `key` stands for.
        source: where the request comes from.
    """

    answers: Mapping[str, Json]
    at: Micros
    operation: Literal["save", "autosave", "end"]
    version: int | None = None
    current_question: int | None = None
    owner: str | None = None
    writer: str = ANYBODY
    based_on: BasedOn = field(default_factory=dict)
    if_match: Sequence[EntityTag] | None = None
    key: str | None = None
    key_seconds: int = KEY_SECONDS
    source: RequestSource = UNKNOWN_SOURCE
    payload: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.key is not None:
            content = canonical_json([self.operation, dict(self.answers), self.current_question])
            object.__setattr__(self, "payload", hashlib.sha256(content.encode()).hexdigest())

    @property
    def heard(self) -> Heard | None:
        """Which device is heard before the write; None where an incident would move what If-Match names."""
        if self.writer == ANYBODY or self.if_match is not None:
            return None
        return Heard(self.writer, self.owner)

    def as_drafts(self, without: Collection[str] = ()) -> Drafts:
        """The answers as drafts, to be kept or settled; those to some questions are left out."""
        current = self.current_question
        return Drafts(
            {
                q: Draft(answer, self.at, self.writer)
                for q, answer in self.answers.items()
                if q not in without
            },
            None if current is None else Draft(current, self.at, self.writer),
        )


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """How fast one caller may go, whose name is known.

    Attributes:
        starts: of attempts, by one caller.
        writes: to one session, but hand-ins and repeats.
    """

    starts: Pace = NO_PACE
    writes: Pace = NO_PACE

    @classmethod
    def of(cls, settings: Settings) -> CallerLimits:
        """As the settings have it."""
        return cls(
            Pace.of(settings.starts_per_minute, 60, settings.starts_per_minute),
            Pace.of(settings.writes_per_second, 1, settings.write_burst),
        )


class SessionManager:
    """Starts attempts, stores their answers, watches their deadlines and ends them.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used. Besides the errors that a method lists, it
    raises InvalidInputError for input that can't be stored, PoisonedError for data that PostgreSQL refuses,
    DatabaseUnavailableError if the stores can't serve the request, and BusyError if others hold the session
    for too long.

    An `owner` restricts the caller to the attempts of that user; the attempts of others do not exist for it.
    Staff are not restricted, and are shown of their own attempts what any student would be.
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
        disclosure: Disclosure,
        devices: Devices,
        incidents: Incidents,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
        time_limit_seconds: int,
        refuse_unknown_quizzes: bool,
        limits: CallerLimits,
    ) -> None:
        """`time_limit_seconds` applies to quizzes that set none."""
        self._limits = limits
        self._refuse_unknown_quizzes = refuse_unknown_quizzes
        self._attempts = attempts
        self._valkey = valkey
        self._cache = cache
        self._settler = settler
        self._receipts = receipts
        self._backpressure = backpressure
        self._disclosure = disclosure
        self._devices = devices
        self._incidents = incidents
        self._telemetry = telemetry
        self._clock = clock
        self._time_limit_seconds = time_limit_seconds

    async def create_session(
        self,
        user_id: str,
        quiz_id: str,
        *,
        labels: Labels = NO_LABELS,
        idempotency_key: str | None = None,
        by: str | None = None,
        owner: Owner = None,
        client_id: str | None = None,
        password: str | None = None,
        page_url: str | None = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> Session:
        """Start an attempt under the rules of its quiz.

        If `idempotency_key` started an attempt before, that one is returned, as `replayed`. If the user has
        an open attempt and the quiz says to resume it, that one is returned, as `resumed`. `by` is who starts
        it for the user; a key of theirs is none of the user's, and the quiz asks them for nothing of what
        follows: `client_id` names the device, `password` is the quiz's, `page_url` the address of the page,
        `source` where the request comes from.
        `labels` are for an attempt that is created. Where the caller is known, one that the user starts
        without a group gets that of the user's latest attempt at the quiz.

        Raises:
            IdempotencyKeyReusedError: the key started an attempt at another quiz, or with other labels.
            TooManyRequestsError: the caller starts too many.
            UnknownQuizError: nobody registered the quiz, and that is needed here.
            QuizNotOpenError, QuizClosedError, QuizPausedError, AttemptsExhaustedError, ActiveAttemptError:
                the rules of the quiz do not allow a start.
            AccessRefusedError: the quiz does not let the request in.
            OtherDeviceError: the open attempt is taken on another device.
        """
        check_id("user_id", user_id)
        check_startable(quiz_id)
        if idempotency_key is not None:
            check_id("Idempotency-Key", idempotency_key)
        if password is not None:
            check_password(password)
        page_url = None if page_url is None else parse_page_url(page_url)
        entry = Entry(source, writer_of(client_id), password, page_url)
        at = self._clock() if at is None else at
        check_labels({"group": labels.group, "label": labels.label, "metadata": labels.metadata})
        await self._check_pace(user_id, by, owner, idempotency_key, at)
        start_it = partial(
            self._attempts.create,
            user_id,
            quiz_id,
            at,
            self._time_limit_seconds,
            idempotency_key,
            by=by,
            refuse_unknown=self._refuse_unknown_quizzes,
            entry=entry,
            labels=labels,
            # Those who may not choose the group. Without tokens nobody is known, and all may.
            keeps_group=owner is not None and by is None,
        )
        start = await start_it()
        if start.outcome is StartOutcome.OVERDUE and start.attempt is not None:
            # Expire the user's overdue attempt, which would block the new one while its row is open.
            cached = await self._cache.read(start.attempt.id)
            await self._settler.expire(start.attempt.id, cached.drafts, at)
            start = await start_it()
        attempt = start.attempt
        if start.outcome is StartOutcome.NOT_OPEN and start.opens_at is not None:
            wait = seconds_to_wait(start.opens_at, start.admission_seconds, user_id, quiz_id, at)
            raise QuizNotOpenError(start.opens_at, wait)
        _refuse_start(start)
        if attempt is None or start.outcome is StartOutcome.OVERDUE:
            raise BusyError
        if start.outcome is StartOutcome.CREATED:
            await self._cache.put_session(attempt, heard_reading(owner, client_id) if by is None else None)
            return await self._receipted(view(attempt, NO_DRAFTS, at), attempt, at)
        if by is None:
            await self._devices.go_on(attempt, entry, owner, at)
        return replace(
            await self.get_session(attempt.id, client_id=client_id, owner=owner, at=at),
            replayed=start.outcome is StartOutcome.REPLAYED,
            resumed=start.outcome is StartOutcome.RESUMED,
        )

    async def _check_pace(
        self, user_id: str, by: str | None, owner: Owner, key: str | None, at: Micros
    ) -> None:
        """Refuse a caller who starts attempts too fast; a start that is sent again is none."""
        caller, pace = by or owner, self._limits.starts
        if not isinstance(caller, str) or not pace.interval or await self._cache.keeps_pace(caller, pace, at):
            return
        if key is None or not await self._attempts.was_started(user_id, by, key):
            raise self._too_fast()

    def _too_fast(self) -> TooManyRequestsError:
        self._telemetry.count("CallersLimited")
        return TooManyRequestsError()

    def _pace_of(self, write: Write) -> Pace:
        """How fast the caller may write; callers whose name is not known as fast as they like."""
        return NO_PACE if write.owner is None else self._limits.writes

    async def get_session(
        self,
        session_id: str | UUID,
        *,
        client_id: str | None = None,
        owner: Owner = None,
        at: Micros | None = None,
    ) -> Session:
        """Read a session with its drafts; an overdue one is expired.

        Raises:
            SessionNotFoundError: there is no such session.
        """
        at = self._clock() if at is None else at
        heard = heard_reading(owner, client_id)
        current = await self._settler.current(session_key(session_id), owner, at, heard)
        if heard is not None and current.is_second_device:
            current = await self._observe(current, second_device(heard.device), at)
        return await self._disclosure.show(current, owner, at)

    async def get_deadline(
        self, session_id: str | UUID, *, owner: Owner = None, at: Micros | None = None
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
        try:
            return await self.update_answers(session_id, {question: answer}, **options)
        except InvalidInputError as error:
            if error.member == "answers":
                error.member = "question_id" if isinstance(error, UnknownQuestionError) else "answer"
            raise

    async def update_answers(
        self,
        session_id: str | UUID,
        answers: Mapping[str, Json],
        *,
        version: int | None = None,
        current_question: int | None = None,
        autosave: bool = False,
        client_id: str | None = None,
        based_on: Mapping[str, str | None] | None = None,
        if_match: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        key_seconds: int = KEY_SECONDS,
        owner: str | None = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> Session:
        """Store answers: they are committed, or with `autosave`, or if PostgreSQL is down, buffered.

        Args:
            client_id: names the copy of the answers that these come from: 1 to 64 of A-Z a-z 0-9 _ -.
            based_on: question -> the tag of its answer that was shown when the new one was begun, or None.
            if_match: the entity tags of which one must be the session's.
            idempotency_key: names this write, which is made once however often it is sent.
            key_seconds: how long that is remembered of an autosave.
            source: where the request comes from.

        Raises:
            ContentTooLargeError: an answer or the session would exceed its limit.
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionExpiredError: the request came after the deadline and the grace.
            SessionPausedError: the clock stands.
            QuestionLockedError: a question behind one of them was answered, and the section goes forward
                alone.
            SectionExpiredError: the time of a question's section is over. Answers to that section are
                recorded as late ones.
            AccessRefusedError: the quiz does not let the request in.
            OtherDeviceError: the session is taken on another device. The answers are recorded as displaced.
            VersionConflictError: `version` is not the current one.
            PreconditionFailedError: the session has another entity tag.
            AnswerConflictError: `based_on` does not know somebody else's answer to one of the questions.
            IdempotencyKeyReusedError: other answers were written with this key.
            UnknownQuestionError: the quiz does not have one of the questions.
            TooManyRequestsError: the owner writes too fast.
            CacheUnavailableError: neither store accepts the answers.
        """
        key = session_key(session_id)
        check_answers(answers)
        check_count("version", version)
        check_count("current_question", current_question, MAX_INTEGER + 1)
        write = Write(
            answers=answers,
            # rule: answers are ordered by the gateway's time
            at=self._clock() if at is None else at,
            operation="autosave" if autosave else "save",
            version=version,
            current_question=current_question,
            owner=owner,
            writer=writer_of(client_id),
            based_on=_based_on(based_on, answers, client_id),
            if_match=_entity_tags(if_match),
            key=_checked_key(idempotency_key),
            key_seconds=key_seconds,
            source=source,
        )
        try:
            session = await (self._autosave(key, write) if autosave else self._commit_or_buffer(key, write))
        except (DatabaseUnavailableError, CacheUnavailableError, BusyError):
            self._backpressure.note_write(failed=True)
            raise
        except OtherDeviceError:
            await self._keep_displaced(key, write)
            raise
        except SectionExpiredError:
            await self._keep_late(key, write)
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
        client_id: str | None = None,
        based_on: Mapping[str, str | None] | None = None,
        if_match: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        owner: str | None = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> Session:
        """Complete an attempt, with its drafts and these last answers. Repeating it returns the result.

        A second completion with other answers is a repeat only where the session holds them, or has recorded
        that they were outdated. Otherwise they are kept as late answers, and it is refused.

        A client that completes because the time is over passes the `deadline` it knows. If the deadline has
        moved to a later time since, the session stays open. While the clock stands, a completion without
        answers ends the pause first; one with answers is refused.

        Raises:
            DeadlineMovedError: the session's deadline is later than `deadline`.
            also the same as `update_answers`.
        """
        if answers:
            check_answers(answers)
        check_count("version", version)
        key = session_key(session_id)
        write = Write(
            answers=answers or {},
            at=self._clock() if at is None else at,
            operation="end",
            version=version,
            owner=owner,
            writer=writer_of(client_id),
            based_on=_based_on(based_on, answers or {}, client_id),
            if_match=_entity_tags(if_match),
            key=_checked_key(idempotency_key),
            source=source,
        )
        try:
            return await self._finish(key, Status.COMPLETED, write, deadline)
        except OtherDeviceError:
            await self._keep_displaced(key, write)
            raise
        except SectionExpiredError:
            await self._keep_late(key, write)
            raise

    async def abandon(
        self,
        session_id: str | UUID,
        *,
        client_id: str | None = None,
        owner: str | None = None,
        source: RequestSource = UNKNOWN_SOURCE,
        at: Micros | None = None,
    ) -> Session:
        """Abandon an attempt; its answers and drafts are kept. Repeating it is not an error.

        Raises:
            the same as `update_answers`.
        """
        key = session_key(session_id)
        write = Write(
            answers={},
            at=self._clock() if at is None else at,
            operation="end",
            owner=owner,
            writer=writer_of(client_id),
            source=source,
        )
        return await self._finish(key, Status.ABANDONED, write, None)

    # Incidents

    async def _observe(self, current: Current, seen: Observation | None, at: Micros) -> Current:
        """Record what was seen, if anything was; the session as it is then."""
        if seen is None:
            return current
        recorded = await self._incidents.observe(current.attempt.id, seen, at)
        if recorded is None or recorded.version != current.attempt.version:
            return current
        return replace(current, attempt=recorded)

    # Writing

    async def _commit_or_buffer(self, key: UUID, write: Write) -> Session:
        try:
            return await self._commit(key, write)
        except DatabaseUnavailableError as error:
            try:
                session = await self._buffer(key, write)
            except (SessionExpiredError, SectionExpiredError):
                # That would promise that the answers are kept as late ones.
                raise error from None
            self._telemetry.degraded("answers buffered", error, "BufferedWrites", session_id=str(key))
            return session

    async def _commit(self, key: UUID, write: Write) -> Session:
        cached = CachedSession()
        if write.key is not None or write.based_on or write.if_match is not None:
            # rule: a commit with based_on reads the drafts first
            cached = await self._cache.read(key, write.key)
            if cached.named is not None:
                # It was buffered while PostgreSQL was unavailable.
                return await self._repeated(key, write, cached.named)
        result = await self._attempts.write_answers(
            key,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            current_question=write.current_question,
            conditions=replace(await self._conditions(key, write, cached), pace=self._pace_of(write)),
        )
        if result is None:
            raise SessionNotFoundError
        if result.outcome is WriteOutcome.TOO_FAST:
            raise self._too_fast()
        if result.outcome is WriteOutcome.OVERDUE:
            return await self._write_late(key, write)
        put = await self._cache.put_committed(result.attempt, write.answers, Heard(write.writer))
        current = Current(put.attempt, put.drafts, result.attempt)
        if put.is_second_device:
            current = await self._observe(current, second_device(write.writer), write.at)
        if result.outcome is WriteOutcome.WRITTEN and not (put.dropped or put.drafts):
            # With drafts the row does not tell what was new. The statement compared with the row as it was.
            burst = late_burst(result.changed, result.answered_at, result.attempt, write.at)
            current = await self._observe(current, burst, write.at)
        await self._refuse(result, current, write)
        return await self._committed(current, write)

    async def _conditions(self, key: UUID, write: Write, cached: CachedSession) -> Conditions:
        """What a statement is to judge the write by."""
        conditions = Conditions(
            writer=write.writer,
            based_on=write.based_on,
            drafts=cached.drafts,
            key=write.key,
            payload=write.payload,
            source=write.source,
        )
        if write.if_match is None:
            return conditions
        attempt = cached.attempt
        if attempt is None or attempt.revision not in {tag.revision for tag in write.if_match}:
            # The cache may be behind the row.
            attempt = await self._settler.load(key)
        etag = view(attempt, cached.drafts, write.at).etag
        if etag in write.if_match:
            return replace(conditions, revision=etag.revision)
        # It may be a repeat all the same: the statement looks for the event that followed this revision.
        named = write.if_match[0].revision if write.if_match else None
        return replace(conditions, revision=named, moved=True)

    async def _autosave(self, key: UUID, write: Write) -> Session:
        try:
            for _ in range(MAX_JUDGEMENTS):
                session = await self._judge_and_put(key, write)
                if session is not None:
                    return session
            # Others write to the session all the time, or Valkey has no room to cache it.
            return await self._commit(key, write)
        except CacheUnavailableError as error:
            session = await self._commit(key, write)
            self._telemetry.degraded("autosave committed", error, session_id=str(key))
            return session
        except SessionExpiredError:
            return await self._write_late(key, write)

    async def _judge_and_put(self, key: UUID, write: Write) -> Session | None:
        cached = await self._read_for(key, write)
        if cached.named is not None:
            return await self._repeated(key, write, cached.named)
        if cached.attempt is not None:
            try:
                return await self._put_drafts(cached.attempt, cached, write)
            except _REFUSALS:
                # The cache may be behind the row; PostgreSQL decides whether to refuse an answer.
                pass
        try:
            attempt = await self._settler.load(key)
        except DatabaseUnavailableError:
            if cached.attempt is None:
                raise
            attempt = cached.attempt
        return await self._put_drafts(attempt, cached, write)

    async def _read_for(self, key: UUID, write: Write) -> CachedSession:
        """Read what an autosave is judged by; a device that will be refused is heard here alone."""
        cached = await self._valkey.read(key, write.key, write.heard)
        if cached.is_second_device:
            await self._incidents.observe(key, second_device(write.writer), write.at)
            cached = await self._valkey.read(key, write.key)
        return cached

    async def _buffer(self, key: UUID, write: Write) -> Session:
        for _ in range(MAX_JUDGEMENTS):
            cached = await self._valkey.read(key, write.key)
            if cached.named is not None:
                return await self._repeated(key, write, cached.named)
            if cached.attempt is None:
                break
            session = await self._put_drafts(cached.attempt, cached, write)
            if session is not None:
                return session
        raise DatabaseUnavailableError

    async def _put_drafts(self, attempt: Attempt, cached: CachedSession, write: Write) -> Session | None:
        """Keep the answers as drafts; None if something that they were judged by has changed meanwhile."""
        drafts = cached.drafts
        _check_owner(attempt, write.owner)
        if refused := check(attempt.access, write.source):
            raise refused
        if attempt.status is Status.EXPIRED or is_overdue(attempt, write.at):
            raise SessionExpiredError
        shown = partial(view, attempt, drafts, write.at)
        if not attempt.status.is_open:
            raise await self._closed(Current(attempt, drafts, attempt), write)
        if attempt.one_device is not None and self._has_to_be_committed(attempt, drafts, write):
            return await self._commit(attempt.id, write)
        # rule: no draft is kept while the clock stands
        if is_stopped(attempt, write.at):
            raise SessionPausedError(shown())
        # rule: an autosave is judged by the locks and the clocks of the paper
        past = {q for q in write.answers if attempt.is_past(q, write.at)}
        # What is held is not refused for its time, and stays as it is.
        if past and (barred := sorted(past & _not_held(shown().answers, write.answers).keys())):
            raise _barred(attempt, barred, shown(), write.at)
        # rule: an autosave that enters a section, or locks questions, is committed
        if attempt.goes_on(write.answers):
            return await self._commit(attempt.id, write)
        if write.version is not None and write.version != attempt.version:
            raise VersionConflictError(shown(), attempt.changed_since(write.version))
        if write.if_match is not None and shown().etag not in write.if_match:
            raise PreconditionFailedError(shown())
        if found := unseen(attempt, drafts, write.answers, write.writer, write.based_on):
            raise AnswerConflictError(shown(), found)
        _check_questions(attempt, write)
        return await self._keep_drafts(attempt, cached, write, write.as_drafts(without=past))

    async def _keep_drafts(
        self, attempt: Attempt, cached: CachedSession, write: Write, new: Drafts
    ) -> Session | None:
        drafts = cached.drafts
        merged = merge_drafts(drafts, new)
        after = view(attempt, merged, write.at)
        check_session_size(after.answers, [draft.value for _, draft in merged.displaced])
        put = await self._valkey.put_drafts(
            attempt.id,
            new,
            _judged(attempt, cached, write),
            _write_key(write),
            pace=self._pace_of(write),
            heard=Heard(write.writer),
        )
        if put.outcome is DraftsOutcome.TOO_FAST:
            raise self._too_fast()
        if put.outcome is DraftsOutcome.MOVED:
            return None
        if put.outcome is DraftsOutcome.KEY_REUSED:
            raise IdempotencyKeyReusedError
        self._backpressure.note_backlog(put.dirty)
        current = Current(attempt, drafts, attempt)
        if put.is_second_device:
            await self._observe(current, second_device(write.writer), write.at)
        if put.outcome is DraftsOutcome.KEPT:
            await self._observe(current, burst_of(attempt, drafts, write.answers, write.at), write.at)
        shown = view(attempt, drafts, write.at) if put.outcome is DraftsOutcome.REPEATED else after
        return replace(shown, durability="buffered")

    def _has_to_be_committed(self, attempt: Attempt, drafts: Drafts, write: Write) -> bool:
        """Whether only PostgreSQL can keep answers from a device.

        Raises:
            OtherDeviceError: it is not the one that may write.
            InvalidInputError: it is not named.
        """
        if write.writer == ANYBODY:
            raise device_unnamed()
        if attempt.is_of_other_device(write.writer, write.at):
            raise OtherDeviceError(view(attempt, drafts, write.at), takeover=attempt.allows_takeover)
        held = (drafts.answers[question] for question in write.answers if question in drafts.answers)
        # Which device may write is said by the row.
        # rule: over a draft that another device put after a takeover an autosave is committed
        return attempt.device is None or any(
            attempt.is_of_other_device(draft.writer, draft.at) for draft in held
        )

    async def _keep_displaced(self, key: UUID, write: Write) -> None:
        """Record the answers of a device that may no longer write, so that they are not lost.

        Raises:
            DatabaseUnavailableError, BusyError: they are not recorded; the same request may be sent again.
        """
        drafts = write.as_drafts().answers
        attempt = await self._settler.load(key)
        lost = {question: drafts[question] for question in _not_held(attempt.answers, write.answers)}
        if not lost:
            return
        displaced = Drafts(displaced=tuple(lost.items()))
        await self._record(key, displaced, write.at)

    async def _keep_late(self, key: UUID, write: Write) -> None:
        """Record the answers whose section was over, for staff to judge.

        Raises:
            DatabaseUnavailableError, BusyError: they are not recorded; the same request may be sent again.
        """
        attempt = await self._settler.load(key)
        drafts = write.as_drafts().answers
        new = _not_held(attempt.answers, write.answers)
        late = Drafts({q: drafts[q] for q in new if attempt.is_over(q, write.at)})
        await self._record(key, late, write.at)

    async def _repeated(self, key: UUID, write: Write, payload: str) -> Session:
        """What a write is told whose name is used: the session as it is, whatever has become of it since."""
        session = await self.get_session(key, owner=write.owner, at=write.at)
        if payload != write.payload:
            raise IdempotencyKeyReusedError
        return session

    async def _write_late(self, key: UUID, write: Write) -> Session:
        """Handle a write that PostgreSQL finds overdue: expire the row, then settle the answers by time.

        An answer that the gateway received before the end counts, even if a slow process delivers it after
        the row was expired. One received after the end is recorded as a late answer.

        Raises:
            SessionExpiredError: the answers are recorded, as far as there is room for late ones.
        """
        cached = await self._cache.read(key)
        _check_questions(cached.attempt or await self._settler.load(key), write)
        await self._settler.expire(key, cached.drafts, write.at)
        # Nobody was told that they are kept, so there may be too many of them.
        settled = await self._settle_all(key, write.as_drafts(), write.at)
        attempt = settled.attempt
        if write.at > attempt.end or settled.is_final:
            raise SessionExpiredError(too_late=bool(write.answers))
        # What another device sent after a takeover was recorded as displaced.
        if attempt.is_of_other_device(write.writer, write.at):
            shown = view(attempt, cached.drafts, write.at)
            raise OtherDeviceError(shown, takeover=attempt.allows_takeover)
        return await self._committed(Current(attempt, cached.drafts, attempt), write)

    async def _settle_all(self, key: UUID, drafts: Drafts, at: Micros) -> Settled:
        """Settle answers that nobody was told to be kept; those that count, and those that came too late.

        Raises:
            DatabaseUnavailableError, BusyError: as `_record`.
        """
        settled = await self._record(key, drafts, at)
        if any(settled.attempt.is_past(question, at) for question in drafts.answers):
            # A settlement writes one event; that of answers which count comes first.
            settled = await self._record(key, drafts, at)
        return settled

    async def _record(self, key: UUID, drafts: Drafts, at: Micros) -> Settled:
        """Settle a session with what nobody was told to be kept; there may be too much of it.

        Raises:
            DatabaseUnavailableError, BusyError: it is not recorded; the same request may be sent again.
        """
        for _ in range(MAX_JUDGEMENTS):
            settled = await self._settler.settle(key, drafts, at, wait=True, late_bytes=MAX_SESSION_BYTES)
            # A row that has changed meanwhile is left out.
            if settled is not None:
                return settled
        raise BusyError

    async def _finish(self, key: UUID, status: Status, write: Write, deadline: datetime | None) -> Session:
        # rule: a completion merges the drafts
        cached = await self._cache.read(key, heard=write.heard)
        if cached.is_second_device:
            await self._incidents.observe(key, second_device(write.writer), write.at)
        result = await self._attempts.finish(
            key,
            status,
            cached.drafts,
            write.answers,
            write.at,
            owner=write.owner,
            version=write.version,
            deadline=deadline,
            conditions=await self._conditions(key, write, cached),
        )
        if result is None:
            raise SessionNotFoundError
        if result.outcome is WriteOutcome.OVERDUE:
            await self._write_late(key, replace(write, version=None))
            raise SessionExpiredError
        if result.outcome is WriteOutcome.CLOSED and write.answers:
            return await self._hand_in_again(result.attempt, status, write, cached.drafts)
        questions = {*write.answers, *cached.drafts.answers}
        current = await self._settler.write_back(result.attempt, questions, write.at)
        await self._refuse(result, current, write)
        if result.outcome is WriteOutcome.WRITTEN and cached.attempt is not None:
            burst = burst_of(cached.attempt, cached.drafts, write.answers, write.at)
            if burst is not None:
                await self._incidents.observe(key, burst, write.at, ended=True)
        return await self._committed(current, write)

    async def _hand_in_again(self, ended: Attempt, status: Status, write: Write, held: Drafts) -> Session:
        """Handle a hand-in of an ended attempt with answers that it did not end with.

        They count if the gateway received them before the end; otherwise they are recorded.
        """
        _check_questions(ended, write)
        others = replace(write, answers=_not_held(ended.answers, write.answers))
        drafts = others.as_drafts()
        settled = await self._settle_all(ended.id, drafts, write.at)
        left = _not_held(settled.attempt.answers, write.answers)
        outdated = [question for question in left if write.at <= settled.attempt.answered_at(question)]
        if outdated:
            # By a later answer of the same writer, which alone would not record it.
            lost = Drafts(displaced=tuple((question, drafts.answers[question]) for question in outdated))
            settled = await self._record(ended.id, lost, write.at)
        current = Current(settled.attempt, held, settled.attempt)
        if left or settled.attempt.status is not status:
            raise await self._closed(current, write)
        return await self._committed(current, write)

    async def _committed(self, current: Current, write: Write) -> Session:
        shown = await self._disclosure.show(current, write.owner, write.at)
        # `durability` is about this write; `buffered_questions` still lists the drafts of other requests.
        return await self._receipted(replace(shown, durability="committed"), current.committed, write.at)

    async def _closed(self, current: Current, write: Write) -> SessionClosedError:
        return SessionClosedError(await self._disclosure.show(current, write.owner, write.at))

    async def _refuse(self, result: WriteResult, current: Current, write: Write) -> None:
        if result.outcome is WriteOutcome.CLOSED:
            raise await self._closed(current, write)
        _refuse(result, current, write)

    async def _receipted(self, session: Session, attempt: Attempt, at: Micros) -> Session:
        return replace(session, receipt=await self._receipts.sign(attempt, at))


def _refuse_start(start: Start) -> None:
    found = None if start.attempt is None else start.attempt.id
    if start.outcome in REFUSALS:
        raise REFUSALS[start.outcome]()
    match start.outcome:
        case StartOutcome.KEY_REUSED:
            raise IdempotencyKeyReusedError
        case StartOutcome.UNKNOWN_QUIZ:
            raise UnknownQuizError
        case StartOutcome.EXHAUSTED:
            raise AttemptsExhaustedError(found)
        case StartOutcome.DEVICE_UNNAMED:
            raise device_unnamed()
        case StartOutcome.QUIZ_CLOSED:
            raise QuizClosedError(start.closes_at)
        case StartOutcome.QUIZ_PAUSED:
            raise QuizPausedError
        case StartOutcome.ACTIVE:
            raise ActiveAttemptError(found)


def _refuse(result: WriteResult, current: Current, write: Write) -> None:
    if result.outcome in (WriteOutcome.WRITTEN, WriteOutcome.REPEATED):
        return
    shown = view(current.attempt, current.drafts, write.at)
    _refuse_source(result, shown)
    match result.outcome:
        case WriteOutcome.PAUSED:
            raise SessionPausedError(shown)
        case WriteOutcome.QUESTION_LOCKED | WriteOutcome.SECTION_EXPIRED:
            raise _barred(result.attempt, result.barred, shown, write.at)
        case WriteOutcome.CONFLICT:
            raise VersionConflictError(shown, current.attempt.changed_since(write.version or 0))
        case WriteOutcome.MOVED:
            raise PreconditionFailedError(shown)
        case WriteOutcome.UNSEEN:
            raise AnswerConflictError(shown, result.unseen)
        case WriteOutcome.KEY_REUSED:
            raise IdempotencyKeyReusedError
        case WriteOutcome.UNKNOWN_QUESTION:
            _check_questions(result.attempt, write)
        case WriteOutcome.EXTENDED:
            raise DeadlineMovedError(shown)
        case WriteOutcome.TOO_MANY:
            raise InvalidInputError(f"A session may have at most {MAX_ANSWERS} answers.", member="answers")
        case WriteOutcome.TOO_LARGE:
            raise ContentTooLargeError(f"A session may have at most {MAX_SESSION_BYTES} bytes of answers.")


def _refuse_source(result: WriteResult, shown: Session) -> None:
    if result.outcome in REFUSALS:
        raise REFUSALS[result.outcome]()
    if result.outcome is WriteOutcome.DEVICE_UNNAMED:
        raise device_unnamed()
    if result.outcome is WriteOutcome.OTHER_DEVICE:
        raise OtherDeviceError(shown, takeover=result.attempt.allows_takeover)


def _barred(
    attempt: Attempt, questions: Sequence[str], shown: Session, at: Micros
) -> QuestionLockedError | SectionExpiredError:
    """Of the first of `questions` that is locked, or else the first whose section is over."""
    locked = [question for question in questions if attempt.is_locked(question, at)]
    return QuestionLockedError(shown, locked[0]) if locked else SectionExpiredError(shown, questions[0])


def _check_questions(attempt: Attempt, write: Write) -> None:
    question = attempt.unknown_question(write.answers)
    if question is not None:
        raise UnknownQuestionError(question, attempt.question_ids or ())


def _not_held(held: Mapping[str, Json], answers: Mapping[str, Json]) -> dict[str, Json]:
    """Those of `answers` that `held` does not have."""
    return {q: answer for q, answer in answers.items() if q not in held or not same_value(held[q], answer)}


def _judged(attempt: Attempt, cached: CachedSession, write: Write) -> Judged:
    """What may not change between the judgement of drafts and their being kept."""
    held = cached.drafts
    if write.if_match is not None:
        tags: dict[str | None, Tag | None] = {q: draft.tag for q, draft in held.answers.items()}
        if held.current_question is not None:
            tags[None] = held.current_question.tag
        return Judged(attempt.revision, tags, cached.fields)
    # rule: where one device may write, drafts are put only where row and drafts are as judged
    is_bound = attempt.one_device is not None
    drafts = (
        (question, held.answers.get(question)) for question in (write.answers if is_bound else write.based_on)
    )
    seen: dict[str | None, Tag | None] = {q: None if draft is None else draft.tag for q, draft in drafts}
    return Judged(attempt.revision if write.based_on or is_bound else None, seen)


def _write_key(write: Write) -> WriteKey | None:
    payload = write.payload
    return (
        WriteKey(write.key, payload, write.key_seconds)
        if write.key is not None and payload is not None
        else None
    )


def _based_on(
    tags: Mapping[str, str | None] | None, answers: Mapping[str, Json], client_id: str | None
) -> BasedOn:
    if tags is None:
        return {}
    if client_id is None:
        raise InvalidInputError(
            "based_on needs X-Client-Id, so that your own answers can be told from others'.",
            member="X-Client-Id",
        )
    for question in tags:
        if question not in answers:
            raise InvalidInputError(
                f"based_on has question {question!r}, which is not sent.", question, member="based_on"
            )
    return {question: None if tag is None else parse_tag(question, tag) for question, tag in tags.items()}


def _entity_tags(texts: Sequence[str] | None) -> Sequence[EntityTag] | None:
    """Those of sessions; others match none."""
    return None if texts is None else [tag for text in texts if (tag := parse_entity_tag(text)) is not None]


def _checked_key(key: str | None) -> str | None:
    return None if key is None else check_id("Idempotency-Key", key)


def _check_owner(attempt: Attempt, owner: Owner) -> None:
    if not attempt.is_owned_by(owner):
        # Do not reveal that another user's attempt exists.
        raise SessionNotFoundError
