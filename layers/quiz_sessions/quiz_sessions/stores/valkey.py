"""Valkey: the read cache, the drafts that are not in PostgreSQL yet, and the index of dirty sessions.

Keys: `session:<id>` (string), `{session:<id>}:drafts` (hash, same cluster slot), `dirty:<shard>` (sorted
set, id -> time of the last draft in microseconds of Valkey's clock), `dirty:failures` (hash, id -> tries)
and `dirty:set-aside` (set).
"""

from __future__ import annotations

import asyncio
import json
import operator
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias
from uuid import UUID

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterPipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ..domain.attempts import Attempt
from ..domain.drafts import NO_DRAFTS, Draft, Drafts, merge_drafts
from ..domain.errors import CacheUnavailableError, ContentTooLargeError, InvalidInputError
from ..domain.json_values import dump_json
from ..domain.validation import check_json_value
from .circuit_breaker import CircuitBreaker

CONNECT_SECONDS = 0.2
COMMAND_SECONDS = 0.25
POOL_SECONDS = 0.5
MAX_CONNECTIONS = 64
CLUSTER_CONNECTIONS = 512
"""To each node."""
SCRIPT_BYTES = 256 * 1024
"""Arguments that one call of a script takes, unless those of one session are more."""
SET_ASIDE_TTL_SECONDS = 7 * 24 * 3600
DIRTY = "dirty:{}"
CLUSTER_SHARDS = 16
"""Of the dirty index: on one node they would serve nothing."""
FAILURES = "dirty:failures"
SET_ASIDE = "dirty:set-aside"

_QUESTION = "q:"
_CURRENT_QUESTION = "current_question"


@dataclass(frozen=True, slots=True)
class StoredDrafts:
    """A session's drafts as the flush reads them.

    Attributes:
        raw: field -> the whole value, to clear exactly what was read.
        readable: whether every field could be understood.
    """

    raw: Mapping[bytes, bytes] = field(default_factory=dict)
    drafts: Drafts = field(default_factory=Drafts)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class CachedSession:
    """What Valkey has of a session; `attempt` is None where its row is not cached."""

    drafts: Drafts = NO_DRAFTS
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the flush.

    Attributes:
        dirty: sessions with drafts.
        oldest_age_seconds: since the last draft of the one that waits longest.
        quarantined: sessions that failed too often.
    """

    dirty: int
    oldest_age_seconds: float
    quarantined: int


class ValkeyStore:
    """One process's use of Valkey.

    Every method raises CacheUnavailableError when Valkey can't be reached, does not answer in time, takes
    no writes or is out of memory.
    """

    def __init__(self, url: str, session_ttl_seconds: int, *, cluster: bool = False) -> None:
        """`url` is of one node where Valkey runs as a `cluster`; the others are found."""
        self._session_ttl = session_ttl_seconds
        self._breaker = CircuitBreaker()
        self._unwritten: set[str] = set()
        self._deleting = asyncio.Lock()
        self._redis: Redis | RedisCluster = _connect_cluster(url) if cluster else _connect(url)
        self.shards = range(CLUSTER_SHARDS if cluster else 1)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Ask Valkey for a sign of life, also right after a failure."""
        async with self._server(probe=True):
            await self._redis.ping()

    # Requests

    async def read(self, session_id: UUID) -> CachedSession:
        """A session's drafts and its cached row, as they are in one moment.

        Were the row taken first, an answer that a flush moves in between would be in neither.
        """
        keys = _session_key(session_id), _drafts_key(session_id)
        async with self._server():
            # rule: a read takes the drafts before the session
            raw, text = await self._redis.eval(_script("read_session"), len(keys), *keys)
            attempt = None if text is None else _decode(text)
            if text is not None and attempt is None:
                # The row will take its place.
                await self._redis.delete(_session_key(session_id))
        return CachedSession(_parse(dict(zip(raw[::2], raw[1::2], strict=True))).drafts, attempt)

    async def put_session(self, attempt: Attempt) -> None:
        """Cache a row unless a newer one is there."""
        async with self._pipeline(writes=(attempt.id,)) as pipe:
            # rule: a cached session is written only over an older revision
            self._queue_sessions(pipe, [attempt])
            await pipe.execute()

    async def put_committed(self, attempt: Attempt, questions: Iterable[str]) -> Drafts:
        """Cache a row that was just committed and drop the drafts of `questions` that it supersedes.

        Returns:
            the drafts that are left, and those that a flush has merged since the row was committed.
        """
        superseded: list[str | int] = [_CURRENT_QUESTION, attempt.current_question_at]
        for question in questions:
            superseded += (_QUESTION + question, attempt.answered_at(question))
        async with self._pipeline(writes=(attempt.id,)) as pipe:
            self._queue_sessions(pipe, [attempt])
            pipe.eval(_script("drop_superseded"), 1, _drafts_key(attempt.id), *superseded)
            pipe.hgetall(_drafts_key(attempt.id))
            # After the drafts: what a flush has cleared is in the row that it cached before.
            pipe.getrange(_session_key(attempt.id), 0, 40)
            *_, raw, start = await pipe.execute()
            drafts = _parse(raw).drafts
            if (known := _revision(start)) is not None and known > attempt.revision:
                text = await self._redis.get(_session_key(attempt.id))
                drafts = merge_drafts(_committed_since(attempt, text), drafts)
        return drafts

    async def put_drafts(self, session_id: UUID, drafts: Drafts) -> int:
        """Keep drafts, then mark the session dirty; once this returns, a flush will find them.

        Returns:
            how many sessions are dirty, as far as this session's shard tells: the others hold as many.
        """
        arguments: list[str | int] = []
        for question, draft in drafts.answers.items():
            arguments += (_QUESTION + question, draft.at, _dump_draft(draft))
        if drafts.current_question is not None:
            current = drafts.current_question
            arguments += (_CURRENT_QUESTION, current.at, _dump_draft(current))
        async with self._pipeline() as pipe:
            # rule: the mark is set after the draft is written
            pipe.eval(_script("put_drafts"), 1, _drafts_key(session_id), *arguments)
            await self._before_other_slots(pipe)
            pipe.eval(_script("mark_dirty"), 1, self._dirty_key(session_id), str(session_id))
            *_, backlog = await pipe.execute()
        return int(backlog) * len(self.shards)

    # The flush

    async def dirty(self, shard: int, since: float, limit: int) -> list[tuple[UUID, float]]:
        """The first `limit` dirty sessions of a shard with their marks, oldest first, from `since` on.

        A member that is no id, which nobody but a person can have put there, is set aside.
        """
        key = DIRTY.format(shard)
        async with self._pipeline() as pipe:
            pipe.zrange(key, since, "+inf", byscore=True, offset=0, num=limit, withscores=True)
            (page,) = await pipe.execute()
            marks = [(_session_id(member), mark) for member, mark in page]
            if odd := [member for (member, _), (known, _) in zip(page, marks, strict=True) if known is None]:
                await self._redis.sadd(SET_ASIDE, *odd)
                await self._redis.zrem(key, *odd)
        return [(session_id, mark) for session_id, mark in marks if session_id is not None]

    async def backlog(self) -> Backlog:
        """What waits for the flush."""
        async with self._pipeline() as pipe:
            for shard in self.shards:
                pipe.eval(_script("measure_dirty"), 1, DIRTY.format(shard))
            pipe.scard(SET_ASIDE)
            *measured, quarantined = await pipe.execute()
        return Backlog(
            sum(int(number) for number, _ in measured),
            max(int(age) for _, age in measured) / 1e6,
            quarantined,
        )

    async def read_many(self, session_ids: Sequence[UUID]) -> list[StoredDrafts]:
        """The drafts of several sessions in one round trip, in the order of the ids."""
        async with self._pipeline() as pipe:
            for session_id in session_ids:
                pipe.hgetall(_drafts_key(session_id))
            return [_parse(raw) for raw in await pipe.execute()]

    async def put_settled(
        self,
        put: Sequence[Attempt],
        refreshed: Sequence[Attempt],
        cleared: Mapping[UUID, Mapping[bytes, bytes]],
        acknowledged: Mapping[UUID, float],
    ) -> None:
        """After a flush's statement: cache rows, clear the drafts it dealt with, take marks away.

        Args:
            put: rows to cache, unless newer ones are there.
            refreshed: the same for rows whose session is cached already; what is not cached stays so.
            cleared: session -> field -> whole value as it was read.
            acknowledged: session -> its mark as it was read.
        """
        async with self._pipeline(writes=[attempt.id for attempt in (*put, *refreshed)]) as pipe:
            self._queue_sessions(pipe, put, refreshed)
            clearing = {
                _drafts_key(i): [len(fields), *_pairs(fields)] for i, fields in cleared.items() if fields
            }
            for keys, arguments in self._grouped(clearing):
                pipe.eval(_script("clear_drafts"), len(keys), *keys, *arguments)
            await self._before_other_slots(pipe)
            shards: dict[str, dict[str, str]] = {}
            for session_id, score in acknowledged.items():
                shards.setdefault(self._dirty_key(session_id), {})[str(session_id)] = repr(score)
            for key, marks in shards.items():
                pipe.eval(_script("acknowledge"), 1, key, *_pairs(marks))
                pipe.hdel(FAILURES, *marks)
            await pipe.execute()

    async def count_failure(self, session_id: UUID) -> int:
        """Note that a session could not be flushed; returns how often that has happened in a row."""
        async with self._server():
            return await self._redis.hincrby(FAILURES, str(session_id), 1)

    async def quarantine(self, session_id: UUID) -> None:
        """Take a session out of the dirty index, with its drafts kept for a week."""
        async with self._pipeline() as pipe:
            pipe.sadd(SET_ASIDE, str(session_id))
            pipe.expire(_drafts_key(session_id), SET_ASIDE_TTL_SECONDS)
            await self._before_other_slots(pipe)
            pipe.zrem(self._dirty_key(session_id), str(session_id))
            await pipe.execute()

    async def refresh(self, attempts: Iterable[Attempt]) -> None:
        """Put rows over cached ones that are older; what is not cached stays so."""
        await self.put_settled([], list(attempts), {}, {})

    async def revisions(self, session_ids: Sequence[UUID]) -> list[int | None]:
        """The revision that the cache holds of each session, None where it holds none."""
        async with self._pipeline() as pipe:
            for session_id in session_ids:
                pipe.getrange(_session_key(session_id), 0, 40)
            return [_revision(start) for start in await pipe.execute()]

    # Inside

    def _dirty_key(self, session_id: UUID) -> str:
        return DIRTY.format(session_id.int % len(self.shards))

    async def _before_other_slots(self, pipe: _Pipeline) -> None:
        """Let what is queued happen before what follows: a cluster's nodes get their parts at once."""
        if isinstance(self._redis, RedisCluster):
            await pipe.execute()

    def _queue_sessions(
        self, pipe: _Pipeline, put: Sequence[Attempt], refreshed: Sequence[Attempt] = ()
    ) -> None:
        sessions: dict[str, list[_Argument]] = {
            _session_key(attempt.id): [attempt.revision, attempt.to_json(), mode]
            for attempts, mode in ((put, "always"), (refreshed, "if_cached"))
            for attempt in attempts
        }
        for keys, arguments in self._grouped(sessions):
            pipe.eval(_script("put_session"), len(keys), *keys, self._session_ttl, *arguments)

    def _grouped(
        self, commands: Mapping[str, Sequence[_Argument]]
    ) -> Iterator[tuple[list[str], list[_Argument]]]:
        """Keys and their arguments as one call of a script takes them."""
        keys: list[str] = []
        arguments: list[_Argument] = []
        size = 0
        for key, own in commands.items():
            weight = sum(len(argument) for argument in own if not isinstance(argument, int))
            # A cluster's keys lie in slots of their own; a server does nothing else while a script runs.
            if keys and (isinstance(self._redis, RedisCluster) or size + weight > SCRIPT_BYTES):
                yield keys, arguments
                keys, arguments, size = [], [], 0
            keys.append(key)
            arguments += own
            size += weight
        if keys:
            yield keys, arguments

    @asynccontextmanager
    async def _pipeline(self, writes: Iterable[UUID] = ()) -> AsyncIterator[_Pipeline]:
        async with self._server(writes), self._redis.pipeline(transaction=False) as pipe:
            yield pipe

    @asynccontextmanager
    async def _server(self, writes: Iterable[UUID] = (), *, probe: bool = False) -> AsyncIterator[None]:
        """Translate the driver's errors; remember the cached sessions that could not be written."""
        keys = [_session_key(session_id) for session_id in writes]
        if self._breaker.is_open and not probe:
            self._unwritten.update(keys)
            raise CacheUnavailableError
        try:
            if self._unwritten or self._deleting.locked():
                # Also for those who come while another request deletes: they would read what it is about to.
                async with self._deleting:
                    if self._breaker.is_open and not probe:
                        raise CacheUnavailableError
                    await self._delete_unwritten()
            yield
        except CacheUnavailableError:
            self._unwritten.update(keys)
            raise
        except exceptions.RedisError as error:
            self._unwritten.update(keys)
            # A server that refuses a command, being out of memory or without replicas, still serves others.
            if not isinstance(error, exceptions.ResponseError):
                self._breaker.trip()
            await self._find_nodes()
            raise CacheUnavailableError from error
        self._breaker.reset()

    async def _find_nodes(self) -> None:
        """After a failure, ask a cluster who serves which slots now: another node may have taken over."""
        if isinstance(self._redis, RedisCluster):
            # Not reached, they are asked after the next failure.
            with suppress(exceptions.RedisError):
                await self._redis.nodes_manager.initialize()

    async def _delete_unwritten(self) -> None:
        # What these keys hold may be older than what was committed while Valkey was away.
        keys, self._unwritten = self._unwritten, set()
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.delete(key)
                await pipe.execute()
        except BaseException:
            self._unwritten |= keys
            raise


_Pipeline: TypeAlias = Pipeline | ClusterPipeline
_Argument: TypeAlias = str | bytes | int


def _connect(url: str) -> Redis:
    return Redis.from_pool(
        BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=POOL_SECONDS,
            # By default redis-py retries for seconds; a request has no time for that. Once, and at once, for
            # a connection that broke while this process lay frozen between two invocations.
            retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
            **_PATIENCE,
        )
    )


def _connect_cluster(url: str) -> RedisCluster:
    return RedisCluster.from_url(
        url,
        # It does not queue for connections, and refuses where there are not enough.
        max_connections=CLUSTER_CONNECTIONS,
        # The slots of a lost node are no reason to do without those of the others.
        require_full_coverage=False,
        retry=Retry(NoBackoff(), 0),
        **_PATIENCE,
    )


_PATIENCE: Final[dict[str, Any]] = {
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_timeout": COMMAND_SECONDS,
    "protocol": 2,
    "driver_info": None,
}
_REVISION = re.compile(rb'{"revision":(\d+)')


@cache
def _script(name: str) -> str:
    return files(__package__).joinpath("lua", f"{name}.lua").read_text()


def _session_key(session_id: UUID) -> str:
    return f"session:{session_id}"


def _drafts_key(session_id: UUID) -> str:
    return f"{{session:{session_id}}}:drafts"


def _session_id(member: bytes) -> UUID | None:
    try:
        return UUID(member.decode())
    except ValueError:
        return None


def _dump_draft(draft: Draft) -> str:
    return dump_json({"at": draft.at, "answer": draft.value})


def _parse(raw: Mapping[bytes, bytes]) -> StoredDrafts:
    if not raw:
        return StoredDrafts()
    answers: dict[str, Draft] = {}
    current: Draft | None = None
    readable = True
    for name, stored in zip(raw, _load_all(list(raw.values())), strict=True):
        try:
            draft = Draft(stored["answer"], operator.index(stored["at"]))
            check_json_value(draft.value)
            question = name.decode()
        except (ValueError, KeyError, TypeError, RecursionError, InvalidInputError, ContentTooLargeError):
            readable = False
            continue
        if question == _CURRENT_QUESTION:
            current = draft
        else:
            answers[question.removeprefix(_QUESTION)] = draft
    return StoredDrafts(raw, Drafts(answers, current), readable)


def _load_all(texts: Sequence[bytes]) -> Sequence[Any]:
    """The value of each; None for what is no JSON."""
    try:
        # Decoding ten in one call takes half the time of as many calls.
        together: Sequence[Any] = json.loads(b"[" + b",".join(texts) + b"]")
    except (ValueError, RecursionError):
        together = ()
    return together if len(together) == len(texts) else [_load(text) for text in texts]


def _load(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def draft_field(question: str | None) -> bytes:
    """The hash field of a question's draft; of the current_question's for None."""
    return _CURRENT_QUESTION.encode() if question is None else (_QUESTION + question).encode()


def _revision(start: bytes) -> int | None:
    """The revision of a cached session, by its first bytes."""
    found = _REVISION.match(start)
    return int(found[1]) if found else None


def _decode(text: str | bytes) -> Attempt | None:
    """A cached session; None where another release wrote it."""
    try:
        return Attempt.from_json(text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _committed_since(attempt: Attempt, text: str | bytes | None) -> Drafts:
    """The answers of a cached session that are later than those of `attempt`."""
    newer = None if text is None else _decode(text)
    if newer is None:
        return NO_DRAFTS
    later = {q: newer.answered_at(q) for q in newer.answers if newer.answered_at(q) > attempt.answered_at(q)}
    return Drafts({q: Draft(newer.answers[q], at) for q, at in later.items()})


def _pairs(mapping: Mapping[Any, Any]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]
