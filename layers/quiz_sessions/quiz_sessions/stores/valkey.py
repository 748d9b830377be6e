"""Valkey: the session cache, the drafts, and the index of dirty sessions.

Keys:
    session:<id>: string, the cached row as JSON.
    {session:<id>}:drafts: hash, field -> draft; in the same cluster slot. A draft that lost its place to
        another writer's is in a field of its own until a flush has recorded it.
    {session:<id>}:seen: hash, when its owner was heard: `at`, device:<writer>, and when that has `changed`;
        see note_heard.lua. It may be lost at any time.
    {session:<id>}:taker: string, the writer of the device that is taking over; see hold_off.lua.
    {session:<id>}:pace, starts:<caller>: string, how far ahead a caller is; see domain.pace.
    {session:<id>}:write:<key>: string, what a write that the caller named stands for; in the same slot.
    session:asked-for-writes: string, for a second, while it is looked whether a server takes writes again.
    dirty:<shard>: sorted set, the dirty index: id -> mark, in microseconds of Valkey's clock.
    dirty:failures: hash, id -> how often in a row the session could not be flushed.
    dirty:set-aside: set, the ids in quarantine.
    refused:<shard>: hash, what was refused and not recorded yet, alike -> how often; `-` whether that is
        all; see note_refusal.lua. It may be lost at any time.
"""

from __future__ import annotations

import asyncio
import json
import math
import operator
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar
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
from ..domain.outcomes import DraftsOutcome, Flushed
from ..domain.pace import NO_PACE, Pace
from ..domain.presence import Heard, Presence
from ..domain.refusals import Refusal
from ..domain.tags import Tag
from ..domain.timestamps import Micros
from ..domain.validation import check_json_value
from .batching import Batcher
from .circuit_breaker import CircuitBreaker

CONNECT_SECONDS = 0.2
COMMAND_SECONDS = 0.25
POOL_SECONDS = 0.5
MAX_CONNECTIONS = 64
CLUSTER_CONNECTIONS = 512
"""For each node."""
SCRIPT_BYTES = 256 * 1024
"""Bytes of arguments in one call of a script, unless a single session needs more."""
HELD_OFF_SECONDS = 5
"""Longer than a takeover's statement may take."""
COMMAND_WORDS = 3_999
"""Words of one command, its name among them: ElastiCache Serverless takes no more arguments."""
LOOK_AGAIN_SECONDS = 1.0
"""How often, at most, a server that refused a write is asked whether it takes them again."""
CHANGED_TTL_SECONDS = 120
"""Longer than any request or flush lasts: after that none of them holds the row as it was before a change."""
PRESENCES_TOGETHER = 500
"""Sessions whose presence is read in one pipeline."""
MOST_TOGETHER = 64
"""Sessions in one call of a script, for requests that came together."""
LANES = 2
"""Calls under way of each kind: while one is on its way, Valkey works on the other."""
KEPT = 1024
"""Cached sessions of at most KEPT_BYTES each of which a process keeps what it has made: most reads find what
the last one did."""
KEPT_BYTES = 8192
SET_ASIDE_TTL_SECONDS = 7 * 24 * 3600
DIRTY = "dirty:{}"
CLUSTER_SHARDS = 16
"""Shards of the dirty index in a cluster. A single node has one shard."""
FAILURES = "dirty:failures"
SET_ASIDE = "dirty:set-aside"
REFUSED = "refused:{}"
MOST_REFUSED = 20_000
"""Kinds of refusals, of all sessions of a shard, that are noted between two runs of the flush; some 6 MB."""
REFUSALS_TOGETHER = 500

_QUESTION = "q:"
_CURRENT_QUESTION = "current_question"
_SESSION_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DISPLACED = re.compile(rb"displaced:[0-9]+\.[0-9a-f-]+:(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StoredDrafts:
    """A session's drafts as far as they can be understood.

    Attributes:
        unreadable: the fields that can't.
    """

    drafts: Drafts = NO_DRAFTS
    fields: Sequence[bytes] = ()
    unreadable: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A session's drafts as the flush takes them from Valkey to PostgreSQL.

    Attributes:
        text: as JSON; None if they have to be looked at first.
        digest: of all of them, so that exactly what was read can be cleared; empty if nothing was.
        unreadable: the fields that `text` leaves out.
    """

    session_id: str
    text: str | None
    digest: bytes = b""
    unreadable: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class CachedSession:
    """A session in Valkey.

    Attributes:
        attempt: None if its row is not cached.
        fields: how many fields its drafts have, readable or not.
        named: the payload of the write that had the name which was asked for; None if there was none.
        is_unreadable: another release cached the row.
        text: the cached row as it was read.
        is_second_device: whether the owner was heard from a device beside others, for the first time.
    """

    drafts: Drafts = NO_DRAFTS
    attempt: Attempt | None = None
    fields: int = 0
    named: str | None = None
    is_unreadable: bool = False
    text: bytes | None = None
    is_second_device: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What a write was judged by; if it is otherwise now, its drafts are not kept.

    Attributes:
        revision: that of the cached session; None if it matters only that it is cached as open.
        tags: question -> tag of its draft, None for none; question None is the current question.
        fields: how many drafts there were; None if others than those in `tags` do not matter.
    """

    revision: int | None = None
    tags: Mapping[str | None, Tag | None] = field(default_factory=dict)
    fields: int | None = None


@dataclass(frozen=True, slots=True)
class WriteKey:
    """The caller's name for a write, which is made once.

    Attributes:
        payload: a hash of what the key stands for.
        seconds: how long it is remembered.
    """

    key: str
    payload: str
    seconds: int


@dataclass(frozen=True, slots=True)
class _Committed:
    """A committed row to be cached, and the drafts that it supersedes: field, at and writer in turn."""

    session_id: UUID
    revision: int
    text: str
    superseded: Sequence[_Argument]
    heard: Heard | None


class CommittedPut(NamedTuple):
    """What a session is after its row was cached.

    Attributes:
        attempt: as it is cached, but at the version that was committed.
        drafts: those that remain, among them answers of a later version.
        is_second_device: see `CachedSession`.
        dropped: whether drafts may have been dropped.
    """

    attempt: Attempt
    drafts: Drafts
    is_second_device: bool = False
    dropped: bool = True


@dataclass(frozen=True, slots=True)
class DraftsPut:
    """What became of drafts.

    Attributes:
        dirty: an estimate of how many sessions are dirty: this shard's number times the number of shards.
        is_second_device: see `CachedSession`.
    """

    outcome: DraftsOutcome
    dirty: int
    is_second_device: bool = False


@dataclass(slots=True)
class SettledPut:
    """What became of sessions that a flush has settled.

    Attributes:
        cleared: those whose drafts were still as they were handed over.
        refused: how many Valkey did not cache, for want of room most likely.
    """

    cleared: set[str] = field(default_factory=set)
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the flush.

    Attributes:
        dirty: how many sessions are dirty.
        oldest_age_seconds: the age of the oldest mark.
        quarantined: how many sessions are in quarantine.
    """

    dirty: int
    oldest_age_seconds: float
    quarantined: int


class Watch(Protocol):
    """Hears whether the store serves; see `runtime.outages.StoreWatch`.

    It is not imported: reads that need the cache alone do without the log.
    """

    @property
    def refuses_writes(self) -> bool:
        """Whether it answers, but took no write."""

    def failed(self, error: BaseException, words: Mapping[str, str], *, refuses: bool = False) -> None:
        """It failed. `words` are what it said."""

    def answered(self) -> None:
        """It answered."""

    def took_write(self) -> None:
        """It took a write."""

    @property
    def seconds(self) -> float:
        """For how long it has not served; 0 if it does."""


class ValkeyStore:
    """A process's connections to Valkey.

    Every method raises CacheUnavailableError if Valkey can't be reached, does not answer in time, accepts no
    writes or is out of memory.
    """

    def __init__(self, url: str, session_ttl_seconds: int, *, cluster: bool = False) -> None:
        """In a `cluster`, `url` is that of any node; the client finds the others."""
        self._session_ttl = session_ttl_seconds
        self._breaker = CircuitBreaker()
        self._watch: Watch | None = None
        self._looked_at = float("-inf")
        self._unwritten: set[str] = set()
        self._deleting = asyncio.Lock()
        self._redis: Redis | RedisCluster = _connect_cluster(url) if cluster else _connect(url)
        self._reads = _together(self._read_together)
        self._commits = _together(self._put_committed_together)
        self._puts = _together(self._put_drafts_together)
        self.shards = range(CLUSTER_SHARDS if cluster else 1)

    def watched_by(self, watch: Watch) -> None:
        """Tell `watch` of every answer and every failure from now on."""
        self._watch = watch

    @property
    def refuses_writes(self) -> bool:
        """Whether it answers, but has refused a write and taken none since."""
        return self._watch is not None and self._watch.refuses_writes

    @property
    def away_seconds(self) -> float:
        """For how long requests have not been served; 0 if they are."""
        return 0.0 if self._watch is None else self._watch.seconds

    @property
    def connections_limit(self) -> int:
        """How many connections it may have; in a cluster, to each node."""
        return CLUSTER_CONNECTIONS if isinstance(self._redis, RedisCluster) else MAX_CONNECTIONS

    @property
    def connections(self) -> int | None:
        """How many connections this process has; None where a cluster's nodes have their own."""
        if isinstance(self._redis, RedisCluster):
            return None
        return sum(count for count, _ in self._redis.connection_pool.get_connection_count())

    async def close(self) -> None:
        await self._redis.aclose()
        if isinstance(self._redis, RedisCluster):
            # A client that has never known the cluster does not close what `_find_nodes` has opened.
            await self._redis.nodes_manager.aclose()
            await self._redis.nodes_manager.aclose("startup_nodes")

    async def ping(self) -> None:
        """Check that Valkey answers, even if the circuit breaker is open."""
        async with self._server(probe=True):
            await _reply(self._redis.ping())

    # Requests

    async def read(
        self, session_id: UUID, write_key: str | None = None, heard: Heard | None = None
    ) -> CachedSession:
        """Read a session's drafts and its cached row, and what `write_key` names, in one atomic script.

        If the row were read first, an answer that a flush moves in between would be in neither.
        """
        return await self._reads((session_id, write_key, heard))

    async def _read_together(
        self, asked: Sequence[tuple[UUID, str | None, Heard | None]]
    ) -> list[CachedSession | Exception]:
        calls: list[_Call] = []
        for session_id, name, heard in asked:
            session = _session_key(session_id)
            named = session if name is None else _write_key(session_id, name)
            user = "" if heard is None or heard.user_id is None else dump_json(heard.user_id)
            keys = [_drafts_key(session_id), session, _seen_key(session_id), named]
            calls.append((keys, [_device(heard), user, self._session_ttl, int(name is not None)]))
        async with self._server():
            # rule: a read takes the drafts before the session
            replies = await self._call_each("read_sessions", calls)
            results = [_told(reply, _cached) for reply in replies]
            for (session_id, _, _), result in zip(asked, results, strict=True):
                if isinstance(result, CachedSession) and result.is_unreadable:
                    # The row from PostgreSQL will replace it.
                    await _reply(self._redis.delete(_session_key(session_id)))
        return results

    async def put_session(self, attempt: Attempt, heard: Heard | None = None) -> None:
        """Cache a row, unless a newer one is cached; and who was `heard`."""
        put = _Committed(attempt.id, attempt.revision, attempt.to_json(), [], heard)
        await self._commits(put, attempt.id, len(put.text))

    async def put_committed(
        self, attempt: Attempt, questions: Iterable[str], heard: Heard | None = None
    ) -> CommittedPut:
        """Cache the row that a statement replied and drop the drafts of `questions` that it supersedes."""
        superseded: list[_Argument] = [_CURRENT_QUESTION, attempt.current_question_at, ""]
        for question in questions:
            if (tag := attempt.answer_tag(question)) is not None:
                superseded += (_QUESTION + question, tag.at, tag.writer)
        committed = _Committed(attempt.id, attempt.revision, attempt.to_json(), superseded, heard)
        drafts, text, beside, dropped = await self._commits(committed, attempt.id, len(committed.text))
        newer = None if text is None else _decode(text)
        if newer is None or newer.revision <= attempt.revision:
            return CommittedPut(attempt, drafts, beside, dropped)
        if newer.version == attempt.version:
            # A flush has merged drafts since.
            return CommittedPut(newer, drafts, beside, dropped)
        drafts = merge_drafts(_committed_since(attempt, newer), drafts)
        return CommittedPut(attempt, drafts, beside, dropped)

    async def _put_committed_together(
        self, put: Sequence[_Committed]
    ) -> list[tuple[Drafts, bytes | None, bool, bool] | Exception]:
        calls: list[_Call] = []
        for each in put:
            keys = [_drafts_key(each.session_id), _session_key(each.session_id), _seen_key(each.session_id)]
            # Where one command can't say it all, the last one's reply is what counts.
            calls += (
                (keys, [each.revision, each.text, self._session_ttl, _device(each.heard), *part])
                for part in list(_parts(each.superseded, 3, besides=_BESIDES_COMMITTED)) or [[]]
            )
        async with self._server([each.session_id for each in put]):
            replies = await self._call_each("put_committed", calls)
        last = dict(zip((keys[1] for keys, _ in calls), replies, strict=True))
        return [self._written(each.session_id, last[_session_key(each.session_id)], _left) for each in put]

    async def put_drafts(
        self,
        session_id: UUID,
        drafts: Drafts,
        judged: Judged | None = None,
        key: WriteKey | None = None,
        *,
        pace: Pace = NO_PACE,
        heard: Heard | None = None,
    ) -> DraftsPut:
        """Keep drafts, then mark the session dirty; once this returns, a flush will find them.

        With `judged` they are kept only where that still holds, and the session is not cached as ended; with
        a `pace` only if the caller keeps to it.
        """
        keys = [_drafts_key(session_id), _session_key(session_id), _pace_key(session_id)]
        keys.append(_session_key(session_id) if key is None else _write_key(session_id, key.key))
        keys += [_seen_key(session_id), _taker_key(session_id)]
        arguments: list[_Argument] = ["", "", 0]
        if judged is not None:
            count = "" if judged.fields is None else judged.fields
            revision = "open" if judged.revision is None else judged.revision
            arguments = [revision, count, len(judged.tags)]
        arguments += (pace.interval, pace.burst, drafts.latest)
        arguments += ("", 0) if key is None else (key.payload, key.seconds)
        arguments += (_device(heard), self._session_ttl)
        for question, tag in (judged.tags if judged is not None else {}).items():
            arguments += (draft_field(question).decode(), "" if tag is None else str(tag))
        size = 0
        for question, draft in drafts.answers.items():
            text = _dump_draft(draft)
            size += len(text)
            arguments += (_QUESTION + question, draft.at, text)
        if drafts.current_question is not None:
            current = drafts.current_question
            arguments += (_CURRENT_QUESTION, current.at, _dump_draft(current))
        return await self._puts((session_id, (keys, arguments)), session_id, size)

    async def _put_drafts_together(self, put: Sequence[tuple[UUID, _Call]]) -> list[DraftsPut | Exception]:
        shards: dict[str, list[str]] = {}
        for session_id, _ in put:
            shards.setdefault(self._dirty_key(session_id), []).append(str(session_id))
        async with self._pipeline() as pipe:
            # rule: the mark is set after the draft is written
            for keys, arguments in self._grouped(_counted(call for _, call in put)):
                pipe.eval(_script("put_drafts"), len(keys), *keys, *arguments)
            first = await self._before_other_slots(pipe)
            for key, ids in shards.items():
                pipe.eval(_script("mark_dirty"), 1, key, *ids)
            replies = [*first, *await _reply(pipe.execute())]
        outcomes = _for_each(replies[: -len(shards)])
        dirty = dict(zip(shards, replies[-len(shards) :], strict=True))
        return [
            _told(outcome, partial(self._drafts_put, int(dirty[self._dirty_key(session_id)])))
            for (session_id, _), outcome in zip(put, outcomes, strict=True)
        ]

    def _drafts_put(self, dirty: int, reply: Sequence[Any]) -> DraftsPut:
        outcome, beside = reply
        return DraftsPut(DraftsOutcome(outcome.decode()), dirty * len(self.shards), bool(beside))

    async def hold_off(self, session_id: UUID, writer: str) -> Micros:
        """Put no drafts but those of `writer` for a while; returns the latest time of those there are."""
        keys = _drafts_key(session_id), _taker_key(session_id)
        async with self._pipeline() as pipe:
            pipe.eval(_script("hold_off"), len(keys), *keys, writer, HELD_OFF_SECONDS)
            (latest,) = await _reply(pipe.execute())
        return int(latest)

    async def keeps_pace(self, caller: str, pace: Pace, at: Micros) -> bool:
        """Whether a caller who starts attempts keeps to a pace; if so, this start is counted."""
        async with self._pipeline() as pipe:
            pipe.eval(_script("keep_pace"), 1, f"starts:{caller}", pace.interval, pace.burst, at)
            (kept,) = await _reply(pipe.execute())
        return bool(kept)

    # Refusals

    async def note_refusal(self, refusal: Refusal, *, missed: bool) -> bool:
        """Note a refusal until the flush records it; whether there was room.

        `missed` says that others could not be noted.
        """
        alike = [str(refusal.session_id), refusal.operation, refusal.code, refusal.by or ""]
        told = {name: getattr(refusal, name) for name in _TOLD_OF_REFUSALS}
        key = REFUSED.format(self._shard(refusal.session_id))
        arguments: list[_Argument] = [
            "|".join(alike),
            refusal.last_at,
            dump_json(told)[1:],
            MOST_REFUSED,
            int(missed),
        ]
        async with self._pipeline() as pipe:
            pipe.eval(_script("note_refusal"), 1, key, *arguments)
            (noted,) = await _reply(pipe.execute())
        return bool(noted)

    async def watch_refused(self, shard: int) -> bool:
        """Whether every refusal since the last look at a shard was noted, as far as Valkey can tell."""
        async with self._pipeline() as pipe:
            pipe.eval(_script("watch_refused"), 1, REFUSED.format(shard))
            (whole,) = await _reply(pipe.execute())
        return bool(whole)

    async def refusals(self, shard: int) -> AsyncIterator[list[tuple[Refusal, tuple[bytes, bytes]]]]:
        """What was noted in a shard, some hundreds at a time, each with its field and value."""
        cursor = 0
        while True:
            async with self._pipeline() as pipe:
                pipe.hscan(REFUSED.format(shard), cursor, count=REFUSALS_TOGETHER)
                ((cursor, found),) = await _reply(pipe.execute())
            noted = [
                (refusal, (field, value))
                for field, value in found.items()
                if (refusal := _refusal(field, value)) is not None
            ]
            if noted:
                yield noted
            if cursor == 0:
                return

    async def clear_refused(self, shard: int, noted: Sequence[tuple[bytes, bytes]]) -> None:
        """Forget what was recorded, each unless it has happened again since."""
        words = [word for pair in noted for word in pair]
        async with self._pipeline() as pipe:
            for part in _parts(words, 2):
                pipe.eval(_script("clear_refused"), 1, REFUSED.format(shard), *part)
            await _reply(pipe.execute())

    # The live view

    async def presence(self, session_ids: Sequence[UUID]) -> list[Presence | None]:
        """The presence of each session's owner; None of one whose keys make no sense."""
        found: list[Presence | None] = []
        for start in range(0, len(session_ids), PRESENCES_TOGETHER):
            part = session_ids[start : start + PRESENCES_TOGETHER]
            calls: list[_Call] = [([_drafts_key(each), _seen_key(each)], []) for each in part]
            async with self._pipeline() as pipe:
                for keys, _ in self._grouped(calls):
                    pipe.eval(_script("read_presence"), len(keys), *keys)
                replies = _for_each(await _reply(pipe.execute()))
            found += (None if reply is None else _presence(*reply) for reply in replies)
        return found

    # The flush

    async def latest_mark(self, shard: int) -> float | None:
        """The latest mark of a shard; None if no session of it is dirty."""
        async with self._pipeline() as pipe:
            pipe.zrange(DIRTY.format(shard), -1, -1, withscores=True)
            (last,) = await _reply(pipe.execute())
        return last[0][1] if last else None

    async def dirty(
        self, shard: int, since: float, limit: int, until: float = math.inf
    ) -> list[tuple[str, float]]:
        """The first `limit` dirty sessions of a shard, marked from `since` to `until`, with marks, in order.

        A member that is not a session id (only a person can have put it there) goes into quarantine.
        """
        key = DIRTY.format(shard)
        async with self._pipeline() as pipe:
            pipe.zrange(key, since, until, byscore=True, offset=0, num=limit, withscores=True)
            (page,) = await _reply(pipe.execute())
            marks = [(_session_id(member), mark) for member, mark in page]
            malformed = [member for (member, _), (known, _) in zip(page, marks, strict=True) if known is None]
            for part in _parts(malformed, 1):
                await _reply(self._redis.sadd(SET_ASIDE, *part))
                await _reply(self._redis.zrem(key, *part))
        return [(session_id, mark) for session_id, mark in marks if session_id is not None]

    async def backlog(self) -> Backlog:
        """Measure what waits for the flush."""
        async with self._pipeline() as pipe:
            for shard in self.shards:
                pipe.eval(_script("measure_dirty"), 1, DIRTY.format(shard))
            pipe.scard(SET_ASIDE)
            *measured, quarantined = await _reply(pipe.execute())
        return Backlog(
            sum(int(number) for number, _ in measured),
            max(int(age) for _, age in measured) / 1e6,
            quarantined,
        )

    async def read_many(self, session_ids: Sequence[UUID | str]) -> list[StoredDrafts]:
        """The drafts of several sessions in one round trip, in the order of the ids."""
        async with self._pipeline() as pipe:
            for session_id in session_ids:
                pipe.hgetall(_drafts_key(session_id))
            return [_parse(raw) for raw in await _reply(pipe.execute())]

    async def hand_over(self, session_ids: Sequence[str], most_bytes: int) -> list[HandedOver]:
        """The drafts of the first of these sessions, up to `most_bytes`, but of one session at least."""
        # In a cluster each key has its own slot. Elsewhere, limit a call: no other command runs meanwhile.
        size = 1 if isinstance(self._redis, RedisCluster) else MOST_TOGETHER
        parts = [session_ids[start : start + size] for start in range(0, len(session_ids), size)]
        async with self._pipeline() as pipe:
            for part in parts:
                pipe.eval(_script("hand_over"), len(part), *map(_drafts_key, part), most_bytes)
            replies = await _reply(pipe.execute())
        handed: list[HandedOver] = []
        found = 0
        for part, reply in zip(parts, replies, strict=True):
            for session_id, (text, digest) in zip(part, reply, strict=False):
                found += len(text or b"")
                if handed and found > most_bytes:
                    return handed
                handed.append(HandedOver(session_id, _text(text), digest))
            if len(reply) < len(part):
                break
        return handed

    async def put_settled(self, settled: Sequence[tuple[HandedOver, Flushed]]) -> SettledPut:
        """After the flush's statement: cache what it has changed, and clear the drafts that it dealt with."""
        calls: list[_Call] = []
        for handed, flushed in settled:
            absent = self._session_ttl if flushed.dealt_with else 0
            arguments: list[_Argument] = [flushed.session or "", self._session_ttl, absent]
            keys = [_drafts_key(flushed.session_id), _session_key(flushed.session_id)]
            stay = [*handed.unreadable, *map(draft_field, flushed.left)]
            calls.append((keys, [*arguments, handed.digest, *stay]))
        ids = [flushed.session_id for _, flushed in settled]
        async with self._server(ids):
            replies = await self._call_each("put_settled", calls) if calls else []
        put = SettledPut()
        for session_id, reply in zip(ids, replies, strict=True):
            written = self._written(session_id, reply, tuple)
            is_cleared, had_room = (0, 0) if isinstance(written, Exception) else written
            if is_cleared:
                put.cleared.add(session_id)
            put.refused += not had_room
        return put

    async def acknowledge(self, marks: Mapping[str, float]) -> None:
        """Take marks away, each unless it has moved, and forget the failures of these sessions."""
        shards: dict[str, dict[str, str]] = {}
        for session_id, mark in marks.items():
            shards.setdefault(self._dirty_key(session_id), {})[session_id] = repr(mark)
        async with self._pipeline() as pipe:
            for key, of_shard in shards.items():
                for part in _parts(_pairs(of_shard), 2):
                    pipe.eval(_script("acknowledge"), 1, key, *part)
                for part in _parts(list(of_shard), 1):
                    pipe.hdel(FAILURES, *part)
            await _reply(pipe.execute())

    async def count_failure(self, session_id: str) -> int:
        """Record that a session could not be flushed; returns how often in a row that has happened."""
        async with self._server():
            return await _reply(self._redis.hincrby(FAILURES, session_id, 1))

    async def quarantine(self, session_id: str) -> None:
        """Take a session out of the dirty index, and keep its drafts for a week."""
        async with self._pipeline() as pipe:
            pipe.sadd(SET_ASIDE, session_id)
            pipe.expire(_drafts_key(session_id), SET_ASIDE_TTL_SECONDS)
            await self._before_other_slots(pipe)
            pipe.zrem(self._dirty_key(session_id), session_id)
            await _reply(pipe.execute())

    async def refresh(self, attempts: Sequence[Attempt]) -> None:
        """Replace cached rows that are older; a session that is not cached stays so."""
        async with self._pipeline(writes=[attempt.id for attempt in attempts]) as pipe:
            self._queue_sessions(pipe, attempts, if_absent=0)
            await _reply(pipe.execute())

    async def put_changed(self, attempts: Sequence[Attempt]) -> None:
        """Cache rows that staff have changed; sessions that are not cached, for a moment only.

        Whoever has read the row, or made it, before the change finds this one when he caches his.
        """
        async with self._pipeline(writes=[attempt.id for attempt in attempts]) as pipe:
            self._queue_sessions(pipe, attempts, if_absent=CHANGED_TTL_SECONDS)
            await _reply(pipe.execute())

    async def find_behind(self, revisions: Sequence[tuple[str, int]]) -> list[str]:
        """The sessions that are cached with an older revision than this."""
        calls: list[_Call] = [([_session_key(session_id)], [revision]) for session_id, revision in revisions]
        async with self._pipeline() as pipe:
            for keys, arguments in self._grouped(calls):
                pipe.eval(_script("find_behind"), len(keys), *keys, *arguments)
            replies = _for_each(await _reply(pipe.execute()))
        return [session_id for (session_id, _), behind in zip(revisions, replies, strict=True) if behind]

    # Helpers

    def _dirty_key(self, session_id: UUID | str) -> str:
        return DIRTY.format(self._shard(session_id))

    def _shard(self, session_id: UUID | str) -> int:
        return 0 if len(self.shards) == 1 else UUID(str(session_id)).int % len(self.shards)

    async def _before_other_slots(self, pipe: _Pipeline) -> Sequence[Any]:
        """Make what is queued happen before what follows; a cluster would send it to other nodes at once.

        Returns:
            the replies, in a cluster. Elsewhere they come with those of what follows.
        """
        return await _reply(pipe.execute()) if isinstance(self._redis, RedisCluster) else ()

    def _queue_sessions(
        self, pipe: _Pipeline, attempts: Sequence[Attempt], *, if_absent: int | None = None
    ) -> None:
        """`if_absent`: seconds to live of a session that is not cached yet, 0 to leave it so."""
        seconds = self._session_ttl if if_absent is None else min(if_absent, self._session_ttl)
        sessions: list[_Call] = [
            ([_session_key(attempt.id)], [attempt.revision, attempt.to_json(), seconds])
            for attempt in attempts
        ]
        for keys, arguments in self._grouped(sessions):
            pipe.eval(_script("put_session"), len(keys), *keys, self._session_ttl, *arguments)

    async def _call_each(self, script: str, calls: Iterable[_Call]) -> list[Any]:
        """Call a script that does the same for many sessions; what each of them is replied."""
        grouped = list(self._grouped(_counted(calls)))
        if len(grouped) == 1:
            keys, arguments = grouped[0]
            replies: list[Any] = await _reply(self._redis.eval(_script(script), len(keys), *keys, *arguments))
            return replies
        async with self._opened_pipeline() as pipe:
            for keys, arguments in grouped:
                pipe.eval(_script(script), len(keys), *keys, *arguments)
            return _for_each(await _reply(pipe.execute()))

    def _written(self, session_id: UUID | str, reply: Any, read: Callable[[Any], _T]) -> _T | Exception:
        """What a session was replied; one that could not be written will be deleted."""
        if isinstance(reply, Exception):
            self._unwritten.add(_session_key(session_id))
            if isinstance(reply, exceptions.RedisError):
                self._note_failure(reply)
        return _told(reply, read)

    def _grouped(self, commands: Iterable[_Call]) -> Iterator[tuple[list[str], list[_Argument]]]:
        """Group keys with their arguments into calls of a script."""
        keys: list[str] = []
        arguments: list[_Argument] = []
        size = 0
        for own_keys, own in commands:
            weight = sum(len(argument) for argument in own if not isinstance(argument, int))
            # In a cluster each key has its own slot. Elsewhere, limit a call: no other command runs
            # meanwhile.
            full = _BESIDES + len(keys) + len(arguments) + len(own_keys) + len(own) > COMMAND_WORDS
            if keys and (full or isinstance(self._redis, RedisCluster) or size + weight > SCRIPT_BYTES):
                yield keys, arguments
                keys, arguments, size = [], [], 0
            keys += own_keys
            arguments += own
            size += weight
        if keys:
            yield keys, arguments

    @asynccontextmanager
    async def _pipeline(self, writes: Iterable[UUID | str] = ()) -> AsyncIterator[_Pipeline]:
        async with self._server(writes), self._opened_pipeline() as pipe:
            yield pipe

    @asynccontextmanager
    async def _opened_pipeline(self) -> AsyncIterator[_Pipeline]:
        async with AsyncExitStack() as stack:
            pipeline: Any = self._redis.pipeline(transaction=False)
            # A cluster's asks for the nodes and their slots here, if nothing has yet.
            yield await _reply(stack.enter_async_context(pipeline))

    @asynccontextmanager
    async def _server(self, writes: Iterable[UUID | str] = (), *, probe: bool = False) -> AsyncIterator[None]:
        """Translate the driver's errors, and remember which cached sessions could not be written."""
        keys = [_session_key(session_id) for session_id in writes]
        if self._breaker.is_open and not probe:
            self._unwritten.update(keys)
            raise CacheUnavailableError
        try:
            if self._unwritten or self._deleting.locked():
                # Also wait while another request deletes: a read would return what is about to be deleted.
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
            # A server that refuses a command (out of memory, or without replicas) still serves other
            # commands.
            if not isinstance(error, exceptions.ResponseError):
                self._breaker.trip()
            self._note_failure(error)
            await self._find_nodes()
            raise CacheUnavailableError from error
        self._breaker.reset()
        if self._watch is not None:
            self._watch.answered()
            if self._watch.refuses_writes and not probe:
                await self._look_again(self._watch)

    def _note_failure(self, error: exceptions.RedisError) -> None:
        if self._watch is None:
            return
        if not isinstance(error, exceptions.ResponseError):
            self._watch.failed(error, {"reason": " ".join(str(error).split())[:_WORDS_CHARACTERS]})
        elif (said := _why_no_writes(error)) is not None:
            self._watch.failed(error, {"reason": said}, refuses=True)

    async def _look_again(self, watch: Watch) -> None:
        """Whether a server that answers, but refused a write, takes them by now."""
        if time.monotonic() - self._looked_at < LOOK_AGAIN_SECONDS:
            return
        self._looked_at = time.monotonic()
        # Until it does, that is known.
        with suppress(exceptions.RedisError):
            await _reply(self._redis.set(_ASKED, "", ex=1))
            watch.took_write()

    async def _find_nodes(self) -> None:
        """After a failure, ask a cluster which node serves which slots: another may have taken over."""
        if isinstance(self._redis, RedisCluster):
            # If no node can be reached, the next failure asks again.
            with suppress(exceptions.RedisError):
                await _reply(self._redis.nodes_manager.initialize())

    async def _delete_unwritten(self) -> None:
        # These sessions may be older than what was committed while Valkey was unavailable.
        keys, self._unwritten = self._unwritten, set()
        try:
            async with self._opened_pipeline() as pipe:
                for key in keys:
                    pipe.delete(key)
                await _reply(pipe.execute())
        except BaseException:
            self._unwritten |= keys
            raise


_Pipeline: TypeAlias = Pipeline | ClusterPipeline
_Argument: TypeAlias = str | bytes | int
_Call: TypeAlias = tuple[Sequence[str], Sequence[_Argument]]
"""Keys and arguments of one session in a call of a script."""
_T = TypeVar("_T")
_Item = TypeVar("_Item")


async def _reply(call: Awaitable[_T]) -> _T:
    """The reply to a call of the driver.

    Raises:
        redis.RedisError: whatever the driver raises when it connects, sends or receives. On a connection
            that another task has closed meanwhile it fails with errors of Python itself.
    """
    try:
        return await call
    except _DRIVER_FAULTS as error:
        raise exceptions.ConnectionError(type(error).__name__) from error


_DRIVER_FAULTS: Final = (exceptions.RedisClusterException, OSError, AttributeError, RuntimeError, TypeError)


def _together(
    send: Callable[[Sequence[_Item]], Awaitable[Sequence[_T | Exception]]],
) -> Batcher[_Item, _T]:
    return Batcher(send, most=MOST_TOGETHER, most_weight=SCRIPT_BYTES, lanes=LANES)


def _connect(url: str) -> Redis:
    return Redis.from_pool(
        BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=POOL_SECONDS,
            # By default redis-py retries for seconds, which a request does not have. Retry once, at once, for
            # a connection that broke while this process was frozen between two invocations.
            retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
            **_PATIENCE,
        )
    )


def _connect_cluster(url: str) -> RedisCluster:
    return RedisCluster.from_url(
        url,
        # This pool does not wait for a free connection but fails, so it must be large enough.
        max_connections=CLUSTER_CONNECTIONS,
        # The loss of a node must not stop the use of the other nodes' slots.
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
_INCLUDE = re.compile(r"^-- include (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"\n\s*--.*")
"""Of a line of its own; the first line of a script stays, so that Valkey's logs tell which one it is."""


@cache
def _script(name: str) -> str:
    folder = files(__package__).joinpath("lua")
    text = folder.joinpath(f"{name}.lua").read_text()
    whole = _INCLUDE.sub(lambda found: folder.joinpath("fragments", f"{found[1]}.lua").read_text(), text)
    # It is sent, and hashed, with every call.
    return _COMMENT.sub("", whole)


def _counted(calls: Iterable[_Call]) -> Iterator[_Call]:
    """Calls with the number of their arguments before these."""
    return ((keys, [len(arguments), *arguments]) for keys, arguments in calls)


def _for_each(replies: Iterable[Sequence[Any]]) -> list[Any]:
    """What sessions were replied by several calls of a script, in one list."""
    return [each for reply in replies for each in reply]


# Its error codes when it takes no writes at all. The texts behind them are its own alone; those behind others
# may quote a command.
_NO_WRITES: Final = {exceptions.OutOfMemoryError: "OOM", exceptions.ReadOnlyError: "READONLY"}
_NO_WRITES_CODES: Final = ("MISCONF", "NOREPLICAS")
_WORDS_CHARACTERS: Final = 300
_ASKED: Final = "session:asked-for-writes"
"""A key without a meaning, gone within a second."""


def _why_no_writes(error: exceptions.ResponseError) -> str | None:
    """What a server says that takes no writes at all; None if the error is about one command."""
    text = " ".join(str(error).split())[:_WORDS_CHARACTERS]
    for kind, code in _NO_WRITES.items():
        if isinstance(error, kind):
            return f"{code} {text}"
    # The driver has no classes for these; the code is the first word of the reply (RESP).
    return text if text.partition(" ")[0] in _NO_WRITES_CODES else None


def _told(reply: Any, read: Callable[[Any], _T]) -> _T | Exception:
    """What `read` makes of a session's reply; the error if it is one."""
    if not isinstance(reply, exceptions.ResponseError):
        return read(reply)
    error = CacheUnavailableError()
    error.__cause__ = reply
    return error


def _cached(reply: Sequence[Any]) -> CachedSession:
    raw, text, named, beside = reply
    fields = dict(zip(raw[::2], raw[1::2], strict=True))
    attempt = None if text is None else _decode(text)
    unreadable = text is not None and attempt is None
    return CachedSession(
        _parse(fields).drafts,
        attempt,
        len(fields),
        named and named.decode(),
        is_unreadable=unreadable,
        text=text,
        is_second_device=bool(beside),
    )


def _left(reply: Sequence[Any]) -> tuple[Drafts, bytes | None, bool, bool]:
    raw, text, beside, dropped = reply
    return _parse(dict(zip(raw[::2], raw[1::2], strict=True))).drafts, text, bool(beside), bool(dropped)


def _session_key(session_id: UUID | str) -> str:
    return f"session:{session_id}"


def _drafts_key(session_id: UUID | str) -> str:
    return f"{{session:{session_id}}}:drafts"


def _seen_key(session_id: UUID) -> str:
    return f"{{session:{session_id}}}:seen"


def _taker_key(session_id: UUID) -> str:
    return f"{{session:{session_id}}}:taker"


def _pace_key(session_id: UUID) -> str:
    return f"{{session:{session_id}}}:pace"


def _write_key(session_id: UUID, key: str) -> str:
    return f"{{session:{session_id}}}:write:{key}"


def _device(heard: Heard | None) -> str:
    return "" if heard is None else heard.device


def _presence(
    now: int, last_heard: bytes | None, changed: bytes | None, devices: int, buffered: int
) -> Presence:
    return Presence(
        now, None if last_heard is None else int(last_heard), int(changed or 0), devices, buffered
    )


def _session_id(member: bytes) -> str | None:
    return member.decode() if _SESSION_ID.fullmatch(member) else None


_TOLD_OF_REFUSALS: Final = ("status", "staff", "device", "questions", "request_id")


def _refusal(field: bytes, value: bytes) -> Refusal | None:
    """What was noted; None if it is none, or can't be understood."""
    stored = _load(value)
    try:
        session_id, operation, code, by = field.decode().split("|", 3)
        return Refusal(
            session_id=UUID(session_id),
            operation=operation,
            code=code,
            by=by or None,
            first_at=stored["first"],
            last_at=stored["last"],
            count=stored["count"],
            **{name: stored[name] for name in _TOLD_OF_REFUSALS},
        )
    except (ValueError, KeyError, TypeError):
        return None


def _dump_draft(draft: Draft) -> str:
    """The stored form. `at` and `writer` come first, so that Lua can read them without parsing JSON."""
    return dump_json({"at": draft.at, "writer": draft.writer, "answer": draft.value})


def _parse(raw: Mapping[bytes, bytes]) -> StoredDrafts:
    if not raw:
        return StoredDrafts()
    answers: dict[str, Draft] = {}
    displaced: list[tuple[str, Draft]] = []
    current: Draft | None = None
    unreadable: list[bytes] = []
    for name, stored in zip(raw, _load_all(list(raw.values())), strict=True):
        try:
            draft = Draft(stored["answer"], operator.index(stored["at"]), str(stored["writer"]))
            check_json_value(draft.value)
            lost = _DISPLACED.fullmatch(name)
            question = (lost[1] if lost else name).decode()
        except (ValueError, KeyError, TypeError, RecursionError, InvalidInputError, ContentTooLargeError):
            unreadable.append(name)
            continue
        if lost is not None:
            displaced.append((question, draft))
        elif question == _CURRENT_QUESTION:
            current = draft
        else:
            answers[question.removeprefix(_QUESTION)] = draft
    return StoredDrafts(Drafts(answers, current, tuple(displaced)), tuple(raw), unreadable)


def _load_all(texts: Sequence[bytes]) -> Sequence[Any]:
    """Parse each text; None for what is not JSON."""
    try:
        # Ten texts parsed in one call take half the time of ten calls.
        together: Sequence[Any] = json.loads(b"[" + b",".join(texts) + b"]")
    except (ValueError, RecursionError):
        together = ()
    return together if len(together) == len(texts) else [_load(text) for text in texts]


def _text(text: bytes | None) -> str | None:
    """None if it is not in UTF-8."""
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError:
        return None


def _load(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def draft_field(question: str | None) -> bytes:
    """The hash field of a question's draft, or with None, of the current question's."""
    return _CURRENT_QUESTION.encode() if question is None else (_QUESTION + question).encode()


def _decode(text: str | bytes) -> Attempt | None:
    """Parse a cached session; None if another release wrote it."""
    try:
        return _parsed(text) if len(text) <= KEPT_BYTES else Attempt.from_json(text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


@lru_cache(maxsize=KEPT)
def _parsed(text: str | bytes) -> Attempt:
    # A session is read many times between two changes; nothing changes what was made of its text.
    return Attempt.from_json(text)


def _committed_since(attempt: Attempt, newer: Attempt) -> Drafts:
    """The answers of `newer` that are later than the answers of `attempt`."""
    later = (q for q in newer.answers if newer.answered_at(q) > attempt.answered_at(q))
    return Drafts(
        {
            q: Draft(newer.answers[q], newer.answer_meta[q]["at"], newer.answer_meta[q]["writer"])
            for q in later
        }
    )


_BESIDES: Final = 4
"""EVAL, the script, the number of its keys, and one argument or key."""
_BESIDES_COMMITTED: Final = 11
"""EVAL, the script, the number of its keys, three keys, the number of arguments, and four of these."""


def _parts(words: Sequence[_T], each: int, *, besides: int = _BESIDES + 1) -> Iterator[Sequence[_T]]:
    """Cut the words of a command on one key into those of several; every `each` of them belong together."""
    size = (COMMAND_WORDS - besides) // each * each
    for start in range(0, len(words), size):
        yield words[start : start + size]


def _pairs(mapping: Mapping[Any, Any]) -> list[Any]:
    return [part for pair in mapping.items() for part in pair]
