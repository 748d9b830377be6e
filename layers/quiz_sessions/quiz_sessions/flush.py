"""What the schedule runs: drafts into PostgreSQL, timed-out sessions to their end, the cache healed."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from aws_lambda_powertools.metrics import MetricUnit

from .cache import StoredDrafts, draft_field
from .database import Settled, Settlement
from .errors import (
    BusyError,
    CacheUnavailableError,
    DatabaseUnavailableError,
    EventBusUnavailableError,
    PoisonedError,
    StatementFailedError,
)
from .events import EventBus, Relay
from .models import Drafts
from .parts import Parts

BATCH = 200
STATEMENT_BYTES = 4 * 1024 * 1024
"""Drafts that one statement takes; it has two seconds."""
MAX_TRIES = 5
FAN_OUT_SESSIONS = 20_000
"""One run flushes some thousand sessions a second; with more waiting, each shard gets a run of its own."""
HEAL_SECONDS = 90
RESERVE_SECONDS = 5.0
"""A batch is begun only with this much time left: one frozen store takes most of it."""


@dataclass(slots=True)
class FlushReport:
    """What one run did, and what it left.

    Attributes:
        sessions_flushed: sessions whose drafts were merged.
        sessions_expired: attempts whose deadline had passed.
        drafts_late: drafts that came to a row which had ended, counted or kept as late answers.
        dirty_sessions: sessions still waiting.
        oldest_dirty_age_seconds: since the last draft of the one that waits longest.
        flush_failures: sessions that could not be flushed and stores that could not be used.
        caches_healed: cached sessions that were behind their row.
        sessions_set_aside: sessions that failed too often, and wait for a person.
        attempts_graded: by their quiz's answer key.
        events_published: taken by the event bus.
        events_pending: waiting for it.
        oldest_event_age_seconds: of the one that waits longest.
    """

    sessions_flushed: int = 0
    sessions_expired: int = 0
    drafts_late: int = 0
    dirty_sessions: int = 0
    oldest_dirty_age_seconds: float = 0.0
    flush_failures: int = 0
    caches_healed: int = 0
    sessions_set_aside: int = 0
    attempts_graded: int = 0
    events_published: int = 0
    events_pending: int = 0
    oldest_event_age_seconds: float = 0.0

    def metrics(self) -> dict[str, float]:
        """The same under the names of the metrics."""
        return {
            "SessionsFlushed": self.sessions_flushed,
            "SessionsExpired": self.sessions_expired,
            "DraftsLate": self.drafts_late,
            "DirtySessions": self.dirty_sessions,
            "OldestDirtyAgeSeconds": round(self.oldest_dirty_age_seconds, 3),
            "FlushFailures": self.flush_failures,
            "SessionsSetAside": self.sessions_set_aside,
            "AttemptsGraded": self.attempts_graded,
            "EventsPublished": self.events_published,
            "EventsPending": self.events_pending,
            "OldestEventAgeSeconds": round(self.oldest_event_age_seconds, 3),
        }


_Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
_Step: TypeAlias = Callable[[FlushReport, Callable[[], bool]], Awaitable[None]]


class Flusher:
    """Safe to run in several processes at once: rows that another run holds are left to it."""

    def __init__(
        self,
        parts: Parts,
        relay: Relay | None = None,
        bus: EventBus | None = None,
        *,
        batch: int = BATCH,
        statement_bytes: int = STATEMENT_BYTES,
        fan_out_sessions: int = FAN_OUT_SESSIONS,
    ) -> None:
        """`relay` and `bus` are None where there is no event bus."""
        self._parts = parts
        self._database = parts.database
        self._cache = parts.cache
        self._telemetry = parts.telemetry
        self._clock = parts.clock
        self._relay = relay
        self._bus = bus
        self._batch = batch
        self._statement_bytes = statement_bytes
        self._fan_out_sessions = fan_out_sessions
        self._healed_at: float | None = None
        # One statement at a time: a second one would only wait for the connection, and lose patience.
        self._settling = asyncio.Lock()

    async def run(
        self, seconds_left: Callable[[], float] = lambda: math.inf, shard: int | None = None
    ) -> FlushReport:
        """Flush until nothing is dirty, expire what is overdue, grade, heal the cache, send events.

        Args:
            seconds_left: time until the caller is stopped; no batch is begun with too little of it.
            shard: the only part of the dirty index that this run is for; it does nothing else then.

        Raises nothing for a store that is away: the report counts it, and the next run takes up the rest.

        Raises:
            ExceptionGroup: steps met what they do not know, after all the others have run.
        """
        report = FlushReport()
        unknown: list[Exception] = []
        steps: dict[str, _Step] = {
            "flush": self._flush,
            "expire": self._expire,
            "grade": self._grade,
            "heal": self._heal,
            "publish": self._publish,
            "measure": self._measure,
        }
        if shard is not None:
            steps = {"flush": partial(self._flush_shard, shard), "measure": self._measure}
        for name, step in steps.items():
            try:
                await step(report, lambda: seconds_left() > RESERVE_SECONDS)
            except (DatabaseUnavailableError, CacheUnavailableError, BusyError) as error:
                report.flush_failures += 1
                self._telemetry.survived("flush step put off", error, step=name)
            except Exception as error:
                # A row that somebody has damaged must not keep everybody else's from being flushed.
                report.flush_failures += 1
                self._telemetry.failed("flush step failed", error, step=name)
                unknown.append(error)
        self._telemetry.measure(
            report.metrics(),
            {"OldestDirtyAgeSeconds": MetricUnit.Seconds, "OldestEventAgeSeconds": MetricUnit.Seconds},
        )
        if unknown:
            raise ExceptionGroup("flush steps failed", unknown)
        return report

    # Drafts

    async def _flush(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        for shard in await self._own_shards():
            await self._flush_shard(shard, report, go_on)

    async def _own_shards(self) -> Sequence[int]:
        """The shards that this run flushes itself: all, unless there is so much that others should help."""
        shards = self._cache.shards
        if self._bus is None or len(shards) == 1:
            return shards
        dirty, _, _ = await self._cache.backlog()
        if dirty <= self._fan_out_sessions:
            return shards
        try:
            asked = await self._bus.ask_for_flush(shards)
        except EventBusUnavailableError as error:
            self._telemetry.survived("flush not shared out", error)
            return shards
        return [shard for shard in shards if shard not in asked]

    async def _flush_shard(self, shard: int, report: FlushReport, go_on: Callable[[], bool]) -> None:
        # A session that gets drafts all the time would be dirty again and again: once a run is enough.
        seen: set[UUID] = set()
        since, tied = -math.inf, 0
        async with two_at_a_time() as begin:
            while go_on():
                # Those that share the last mark and are still there come again at the head of this page.
                page = await self._cache.dirty(shard, since, self._batch + tied)
                marks = {session_id: mark for session_id, mark in page if session_id not in seen}
                seen.update(marks)
                stored = dict(zip(marks, await self._cache.read_many(list(marks)), strict=True))
                for chunk in self._chunks(stored):
                    if not go_on():
                        return
                    await begin(partial(self._flush_chunk, chunk, marks, report, go_on))
                if len(page) < self._batch + tied:
                    return
                since = page[-1][1]
                tied = sum(mark == since for _, mark in page)

    async def _flush_chunk(
        self,
        chunk: Mapping[UUID, StoredDrafts],
        marks: Mapping[UUID, float],
        report: FlushReport,
        go_on: Callable[[], bool],
    ) -> None:
        settled = await self._settle(chunk, report, go_on)
        await self._note(settled, chunk, marks, report)
        missing = set(chunk) - {result.attempt.id for result in settled}
        if missing:
            # A row that another request holds is left for the next run; one that is not there never comes.
            try:
                existing = {attempt.id for attempt in await self._database.get(list(missing))}
            except StatementFailedError:
                existing = missing
            for session_id in missing - existing:
                await self._fail(session_id, report)
        for session_id, held in chunk.items():
            if not held.readable:
                await self._fail(session_id, report)

    async def _settle(
        self, chunk: Mapping[UUID, StoredDrafts], report: FlushReport, go_on: Callable[[], bool]
    ) -> list[Settled]:
        """Settle what can be settled: one session's data, or its size, must not hold up the others."""
        drafts = {session_id: held.drafts for session_id, held in chunk.items()}
        try:
            async with self._settling:
                return await self._database.settle(drafts, self._clock())
        except (PoisonedError, BusyError, StatementFailedError) as error:
            if len(chunk) > 1:
                ids, settled = list(chunk), []
                for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                    if go_on():
                        part = {session_id: chunk[session_id] for session_id in half}
                        settled += await self._settle(part, report, go_on)
                return settled
            (session_id,) = chunk
            if isinstance(error, StatementFailedError):
                # What ails the server may ail it for every session: none is set aside for that.
                report.flush_failures += 1
                self._telemetry.failed("session not flushed", error, session_id=str(session_id))
                return []
            await self._fail(session_id, report, error)
            if isinstance(error, BusyError):
                return []
            # Its time runs out all the same.
            return await self._database.settle({session_id: Drafts()}, self._clock())

    async def _note(
        self,
        settled: Sequence[Settled],
        chunk: Mapping[UUID, StoredDrafts],
        marks: Mapping[UUID, float],
        report: FlushReport,
    ) -> None:
        """Count what was settled, and write it back to the cache."""
        cleared: dict[UUID, dict[bytes, bytes]] = {}
        acknowledged: dict[UUID, float] = {}
        for result in settled:
            session_id = result.attempt.id
            held = chunk[session_id]
            done = _dealt_with(result, held)
            cleared[session_id] = done
            if len(done) == len(held.raw) and session_id in marks:
                acknowledged[session_id] = marks[session_id]
            report.sessions_flushed += result.settlement in (Settlement.MERGED, Settlement.LATE_MERGE)
            report.sessions_expired += result.settlement is Settlement.EXPIRED
            if result.settlement in (Settlement.LATE_MERGE, Settlement.LATE_ANSWER):
                report.drafts_late += len(done)
        # The cache may be behind an unchanged row as well: the reply to a commit was lost, and its answers
        # buffered after that. They must not go before the row is there.
        refreshed = [
            (result.attempt, bool(cleared[result.attempt.id]))
            for result in settled
            if cleared[result.attempt.id] or result.settlement is not Settlement.UNCHANGED
        ]
        try:
            await self._cache.put_settled(refreshed, cleared, acknowledged)
        except CacheUnavailableError as error:
            # What is left there is found superseded by the next run.
            self._telemetry.survived("cache not written", error)

    async def _fail(
        self, session_id: UUID, report: FlushReport, error: PoisonedError | BusyError | None = None
    ) -> None:
        report.flush_failures += 1
        self._telemetry.failed("session not flushed", error, session_id=str(session_id))
        try:
            if await self._cache.count_failure(session_id) >= MAX_TRIES:
                await self._cache.set_aside(session_id)
        except CacheUnavailableError as unavailable:
            self._telemetry.survived("failure not counted", unavailable, session_id=str(session_id))

    # Deadlines

    async def _expire(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        after: tuple[datetime, UUID] | None = None
        async with two_at_a_time() as begin:
            while go_on():
                async with self._settling:
                    page = await self._database.overdue(self._clock(), after, self._batch)
                if not page:
                    return
                after = page[-1]
                ids = [session_id for _, session_id in page]
                await begin(partial(self._expire_batch, ids, report, go_on))

    async def _expire_batch(
        self, session_ids: Sequence[UUID], report: FlushReport, go_on: Callable[[], bool]
    ) -> None:
        try:
            stored = await self._cache.read_many(session_ids)
        except CacheUnavailableError as error:
            # Drafts in time still count when a later run finds them.
            self._telemetry.survived("expiring without drafts", error)
            stored = [StoredDrafts()] * len(session_ids)
        for chunk in self._chunks(dict(zip(session_ids, stored, strict=True))):
            await self._note(await self._settle(chunk, report, go_on), chunk, {}, report)

    # Scores

    async def _grade(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        after: UUID | None = UUID(int=0)
        while after is not None and go_on():
            graded, after = await self._parts.grader.grade_waiting(after, self._clock())
            report.attempts_graded += len(graded)
            try:
                await self._cache.refresh(graded)
            except CacheUnavailableError as error:
                # The comparison below finds them.
                self._telemetry.survived("cache not written", error)

    # Events

    async def _publish(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        if self._relay is not None:
            report.events_published = await self._relay.run(go_on)
            (
                report.events_pending,
                report.oldest_event_age_seconds,
            ) = await self._parts.record_database.outbox()

    # The cache

    async def _heal(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        """Put rows changed lately over cached ones that are behind.

        A function may have died between its commit and its cache write, or a slow reader may have put an
        old row back after an eviction.
        """
        since = self._healed_at
        now = time.monotonic()
        # After an outage of the cache, back to the last comparison that went through.
        seconds = HEAL_SECONDS if since is None else HEAL_SECONDS + math.ceil(now - since)
        after: tuple[datetime, UUID] | None = None
        while go_on():
            page = await self._database.recent_revisions(seconds, after, self._batch)
            cached = await self._cache.revisions([session_id for _, session_id, _ in page])
            behind = [
                session_id
                for (_, session_id, revision), known in zip(page, cached, strict=True)
                if known is not None and known < revision
            ]
            if behind:
                attempts = await self._database.get(behind)
                await self._cache.refresh(attempts)
                report.caches_healed += len(attempts)
            if len(page) < self._batch:
                self._healed_at = now
                return
            after = page[-1][:2]

    async def _measure(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        (
            report.dirty_sessions,
            report.oldest_dirty_age_seconds,
            report.sessions_set_aside,
        ) = await self._cache.backlog()

    def _chunks(self, stored: Mapping[UUID, StoredDrafts]) -> Iterator[dict[UUID, StoredDrafts]]:
        chunk: dict[UUID, StoredDrafts] = {}
        size = 0
        for session_id, held in stored.items():
            weight = sum(map(len, held.raw.values()))
            if chunk and size + weight > self._statement_bytes:
                yield chunk
                chunk, size = {}, 0
            chunk[session_id] = held
            size += weight
        if chunk:
            yield chunk


@asynccontextmanager
async def two_at_a_time() -> AsyncIterator[Callable[[_Work], Awaitable[None]]]:
    """Begins work while what was begun before is going on: PostgreSQL has one batch, this process another.

    What one raises is raised here, once the other has ended.
    """
    running: deque[asyncio.Task[None]] = deque()

    async def begin(work: _Work) -> None:
        if len(running) == 2:
            await running.popleft()
        running.append(asyncio.create_task(work()))

    try:
        yield begin
    finally:
        ended = await asyncio.gather(*running, return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


def _dealt_with(result: Settled, held: StoredDrafts) -> dict[bytes, bytes]:
    """The stored drafts that are merged, superseded or kept as late answers, each with its whole value."""
    attempt = result.attempt
    done = [
        draft_field(question)
        for question, draft in held.drafts.answers.items()
        if draft.at <= attempt.answered_at(question) or question in result.late
    ]
    current = held.drafts.current_question
    if current is not None and (current.at <= attempt.current_question_at or current.at > attempt.end):
        done.append(draft_field(None))
    return {name: held.raw[name] for name in done}
