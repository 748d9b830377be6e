"""The flush, which runs on a schedule.

It settles dirty sessions and overdue attempts in batches, grades, reconciles the cache and publishes events.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from aws_lambda_powertools.metrics import MetricUnit

from ..domain.drafts import NO_DRAFTS
from ..domain.errors import (
    BusyError,
    CacheUnavailableError,
    DatabaseUnavailableError,
    EventBusUnavailableError,
    PoisonedError,
    StatementFailedError,
)
from ..domain.outcomes import Flushed, Settlement
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore, drafts_text
from ..stores.best_effort_cache import BestEffortCache
from ..stores.event_bus import EventBus
from ..stores.exports import ExportStore
from ..stores.outbox import OutboxStore
from ..stores.room import RoomStore
from ..stores.valkey import HandedOver, StoredDrafts, ValkeyStore
from .grading import Grader
from .outbox_relay import Relay
from .refusals import Refusals
from .silence import Silence

MAX_TRIES = 5
RECONCILE_SECONDS = 90
RESERVE_SECONDS = 5.0
"""A batch is begun only if this much time is left; a store that does not respond uses up most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushLimits:
    """Sizes of the batches of a run.

    Attributes:
        sessions: how many sessions one statement settles.
        statement_bytes: bytes of drafts in one statement, which may run for two seconds, and in the call to
            Valkey that reads them.
        changes: how many recent changes are compared with the cache at a time.
        fan_out_sessions: with more dirty sessions than this, each shard gets a run of its own; one run
            flushes a few thousand sessions a second.
    """

    sessions: int = 200
    statement_bytes: int = 1024 * 1024
    changes: int = 1_000
    fan_out_sessions: int = 20_000


@dataclass(slots=True)
class FlushReport:
    """What one run did, and what it left undone.

    Attributes:
        sessions_flushed: sessions whose drafts were merged, except those that expired at the same time.
        sessions_expired: overdue attempts that were expired.
        drafts_late: drafts of attempts that had ended before: merged, superseded or recorded as late answers.
        dirty_sessions: sessions that are still dirty.
        oldest_dirty_age_seconds: the age of the oldest mark.
        flush_failures: sessions that could not be flushed, and steps that failed.
        caches_reconciled: cached sessions that were behind their row.
        sessions_quarantined: sessions in quarantine, which somebody has to look at.
        attempts_graded: attempts graded by the answer key of their quiz.
        events_published: domain events that the event bus or the webhook accepted.
        events_pending: outbox messages still waiting.
        oldest_event_age_seconds: the age of the oldest of them.
        events_without_month: audit events whose month has no partition.
        exports_waiting: exports that nobody makes at the moment.
        exports_failed: exports that were given up by this run, because nobody ended their last try.
        attempts_paused: attempts whose clock stands.
        oldest_pause_age_seconds: how long the oldest pause of an attempt or a quiz lasts.
    """

    sessions_flushed: int = 0
    sessions_expired: int = 0
    drafts_late: int = 0
    dirty_sessions: int = 0
    oldest_dirty_age_seconds: float = 0.0
    flush_failures: int = 0
    caches_reconciled: int = 0
    sessions_quarantined: int = 0
    attempts_graded: int = 0
    events_published: int = 0
    events_pending: int = 0
    oldest_event_age_seconds: float = 0.0
    events_without_month: int = 0
    exports_waiting: int = 0
    exports_failed: int = 0
    attempts_paused: int = 0
    oldest_pause_age_seconds: float = 0.0

    def metrics(self) -> dict[str, float]:
        """The report under the names of the metrics; `caches_reconciled` is not a metric."""
        return {**self.counts(), **self.levels()}

    def counts(self) -> dict[str, float]:
        """What the run has done."""
        return {
            "SessionsFlushed": self.sessions_flushed,
            "SessionsExpired": self.sessions_expired,
            "DraftsLate": self.drafts_late,
            "FlushFailures": self.flush_failures,
            "AttemptsGraded": self.attempts_graded,
            "EventsPublished": self.events_published,
            "ExportsFailed": self.exports_failed,
        }

    def levels(self) -> dict[str, float]:
        """What it has found."""
        return {
            "DirtySessions": self.dirty_sessions,
            "OldestDirtyAgeSeconds": round(self.oldest_dirty_age_seconds, 3),
            "SessionsSetAside": self.sessions_quarantined,
            "EventsPending": self.events_pending,
            "OldestEventAgeSeconds": round(self.oldest_event_age_seconds, 3),
            "EventsWithoutMonth": self.events_without_month,
            "ExportsWaiting": self.exports_waiting,
            "PausedAttempts": self.attempts_paused,
            "OldestPauseAgeSeconds": round(self.oldest_pause_age_seconds, 3),
        }


_Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
_Settled: TypeAlias = tuple[HandedOver, Flushed]
_Step: TypeAlias = Callable[[FlushReport, Callable[[], bool]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LastFlush:
    """A run that has ended, by the clock of the flush."""

    began_at: Micros
    ended_at: Micros
    report: FlushReport


class Flusher:
    """Flushes. Several processes may do so at once: a run skips rows that another one holds.

    Attributes:
        last: the last whole run of this process; None before the first, and where another process flushes.
    """

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        valkey: ValkeyStore,
        cache: BestEffortCache,
        grader: Grader,
        outbox: OutboxStore,
        exports: ExportStore,
        room: RoomStore,
        silence: Silence,
        refusals: Refusals,
        relay: Relay | None,
        bus: EventBus | None,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
        limits: FlushLimits,
    ) -> None:
        """`relay` is None where events are sent nowhere, and `bus` where there is no event bus."""
        self._attempts = attempts
        self._valkey = valkey
        self._cache = cache
        self._grader = grader
        self._outbox = outbox
        self._exports = exports
        self._room = room
        self._silence = silence
        self._refusals = refusals
        self._relay = relay
        self._bus = bus
        self._telemetry = telemetry
        self._clock = clock
        self._limits = limits
        self.last: LastFlush | None = None
        self._reconciled_at: float | None = None
        # One statement at a time: a second one would only wait for the same connection, and time out.
        self._settling = asyncio.Lock()

    async def run(
        self, seconds_left: Callable[[], float] = lambda: math.inf, shard: int | None = None
    ) -> FlushReport:
        """Settle dirty sessions and overdue attempts, grade, reconcile the cache and publish domain events.

        A store that can't be reached raises nothing: the report counts it, and the next run continues.

        Args:
            seconds_left: the seconds until the caller is stopped; no batch is begun if too few are left.
            shard: flush only this shard of the dirty index, and skip the other steps except for measuring.

        Raises:
            ExceptionGroup: the unexpected errors of steps, raised after all the other steps have run.
        """
        report = FlushReport()
        began_at = self._clock()
        unknown: list[Exception] = []
        steps: dict[str, _Step] = {
            "flush": self._flush,
            "expire": self._expire,
            "grade": self._grade,
            "reconcile": self._reconcile,
            "months": self._measure_months,
            "pauses": self._measure_pauses,
            "silence": self._look_for_silence,
            "refusals": self._record_refusals,
            "exports": self._ask_for_exports,
            "measure": self._measure,
            # The last step: whoever takes the events may be slow.
            "publish": partial(self._publish, seconds_left),
        }
        if shard is not None:
            steps = {"flush": partial(self._flush_shard, shard), "measure": self._measure}
        for name, step in steps.items():
            try:
                await step(report, lambda: seconds_left() > RESERVE_SECONDS)
            except (DatabaseUnavailableError, CacheUnavailableError, BusyError) as error:
                report.flush_failures += 1
                self._telemetry.degraded("flush step put off", error, step=name)
            except Exception as error:
                # A row that was damaged by hand must not stop the other steps.
                report.flush_failures += 1
                self._telemetry.failed("flush step failed", error, step=name)
                unknown.append(error)
        levels = report.levels()
        self._telemetry.measure(
            report.counts(),
            levels,
            {name: MetricUnit.Seconds for name in levels if name.endswith("AgeSeconds")},
        )
        if shard is None:
            self.last = LastFlush(began_at, self._clock(), report)
        if unknown:
            raise ExceptionGroup("flush steps failed", unknown)
        return report

    # Drafts

    async def _flush(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        for shard in await self._own_shards():
            await self._flush_shard(shard, report, go_on)

    async def _own_shards(self) -> Sequence[int]:
        """The shards that this run flushes: with a long backlog, only those that it could not share out."""
        shards = self._valkey.shards
        if self._bus is None or len(shards) == 1:
            return shards
        if (await self._valkey.backlog()).dirty <= self._limits.fan_out_sessions:
            return shards
        try:
            asked = await self._bus.ask_for_flush(shards)
        except EventBusUnavailableError as error:
            self._telemetry.degraded("flush not shared out", error)
            return shards
        return [shard for shard in shards if shard not in asked]

    async def _flush_shard(self, shard: int, report: FlushReport, go_on: Callable[[], bool]) -> None:
        # Later marks are for the next run: a session that is autosaved all the time would never be done.
        until = await self._valkey.latest_mark(shard)
        since = -math.inf
        seen: set[str] = set()
        async with two_at_a_time() as begin:
            while until is not None and go_on():
                # This page starts at the last mark of the one before, so sessions with that mark that are
                # still dirty come again at its head.
                limit = self._limits.sessions + len(seen)
                page = await self._valkey.dirty(shard, since, limit, until)
                marks = {session_id: mark for session_id, mark in page if session_id not in seen}
                ids = [*marks]
                while ids and go_on():
                    chunk = await self._handed_over(ids)
                    ids = ids[len(chunk) :]
                    await begin(partial(self._flush_chunk, chunk, marks, report, go_on))
                if len(page) < limit:
                    return
                if page[-1][1] > since:
                    since = page[-1][1]
                    seen.clear()
                seen.update(session_id for session_id, mark in page if mark == since)

    async def _handed_over(self, session_ids: Sequence[str]) -> list[HandedOver]:
        """The drafts of the first of these sessions, as the statement takes them."""
        chunk = await self._valkey.hand_over(session_ids, self._limits.statement_bytes)
        doubtful = [handed.session_id for handed in chunk if handed.text is None]
        if not doubtful:
            return chunk
        stored = dict(zip(doubtful, await self._valkey.read_many(doubtful), strict=True))
        return [
            _looked_at(handed, stored[handed.session_id]) if handed.text is None else handed
            for handed in chunk
        ]

    async def _flush_chunk(
        self,
        chunk: Sequence[HandedOver],
        marks: Mapping[str, float],
        report: FlushReport,
        go_on: Callable[[], bool],
    ) -> None:
        settled = await self._settle(chunk, report, go_on)
        cleared = await self._write_back(settled, report)
        done = [
            flushed.session_id
            for handed, flushed in settled
            # rule: a mark is taken away only once the drafts are cleared
            if flushed.session_id in cleared and not (flushed.left or handed.unreadable)
        ]
        await self._cache.acknowledge({session_id: marks[session_id] for session_id in done})
        missing = {handed.session_id for handed in chunk} - {flushed.session_id for _, flushed in settled}
        if missing:
            # A row that another request holds is left to the next run. A session without a row is a failure.
            try:
                existing = {str(attempt.id) for attempt in await self._attempts.get([*missing])}
            except StatementFailedError:
                existing = missing
            for session_id in missing - existing:
                await self._fail(session_id, report)
        for handed in chunk:
            if handed.unreadable:
                await self._fail(handed.session_id, report)

    async def _settle(
        self, chunk: Sequence[HandedOver], report: FlushReport, go_on: Callable[[], bool]
    ) -> list[_Settled]:
        """Settle a batch; if it fails, settle its halves, so that one session does not hold up the rest."""
        try:
            return await self._settle_together(chunk)
        except (PoisonedError, BusyError, StatementFailedError) as error:
            if len(chunk) == 1:
                return await self._settle_alone(chunk[0], error, report)
        settled: list[_Settled] = []
        for half in (chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]):
            if go_on():
                settled += await self._settle(half, report, go_on)
        return settled

    async def _settle_together(self, chunk: Sequence[HandedOver]) -> list[_Settled]:
        texts = [handed.text or drafts_text(handed.session_id, NO_DRAFTS) for handed in chunk]
        async with self._settling:
            found = await self._attempts.flush(texts, self._clock())
        by_id = {handed.session_id: handed for handed in chunk}
        return [(by_id[flushed.session_id], flushed) for flushed in found]

    async def _settle_alone(
        self,
        handed: HandedOver,
        error: PoisonedError | BusyError | StatementFailedError,
        report: FlushReport,
    ) -> list[_Settled]:
        """Settle a session whose statement has failed with what can be read of its drafts, or without."""
        session_id = handed.session_id
        if isinstance(error, StatementFailedError):
            # A server fault may affect every session; quarantine none.
            report.flush_failures += 1
            self._telemetry.failed("session not flushed", error, session_id=session_id)
            return []
        await self._fail(session_id, report, error)
        if isinstance(error, BusyError):
            return []
        (stored,) = await self._valkey.read_many([session_id])
        if stored.unreadable:
            with suppress(PoisonedError):
                return await self._settle_together([_looked_at(handed, stored)])
        # PostgreSQL refuses its drafts, but it expires in time all the same.
        return await self._settle_together([replace(handed, text=None, unreadable=stored.fields)])

    async def _write_back(self, settled: Sequence[_Settled], report: FlushReport) -> set[str]:
        """Count what was settled and update the cache; returns the sessions whose drafts were cleared."""
        for _, flushed in settled:
            settlement = flushed.settlement
            report.sessions_flushed += settlement in (Settlement.MERGED, Settlement.LATE_MERGE)
            report.sessions_expired += settlement is Settlement.EXPIRED
            if settlement in (Settlement.LATE_MERGE, Settlement.LATE_ANSWER):
                report.drafts_late += flushed.dealt_with
        return await self._cache.put_settled(settled)

    async def _fail(
        self, session_id: str, report: FlushReport, error: PoisonedError | BusyError | None = None
    ) -> None:
        report.flush_failures += 1
        self._telemetry.failed("session not flushed", error, session_id=session_id)
        try:
            if await self._valkey.count_failure(session_id) >= MAX_TRIES:
                await self._valkey.quarantine(session_id)
        except CacheUnavailableError as unavailable:
            self._telemetry.degraded("failure not counted", unavailable, session_id=session_id)

    # Deadlines

    async def _expire(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        after: tuple[datetime, str] | None = None
        async with two_at_a_time() as begin:
            while go_on():
                async with self._settling:
                    page = await self._attempts.overdue(self._clock(), after, self._limits.sessions)
                if not page:
                    return
                after = page[-1]
                ids = [session_id for _, session_id in page]
                while ids and go_on():
                    try:
                        chunk = await self._handed_over(ids)
                    except CacheUnavailableError as error:
                        # Drafts from before the end still count when a later run finds them.
                        self._telemetry.degraded("expiring without drafts", error)
                        chunk = [HandedOver(session_id, None) for session_id in ids]
                    ids = ids[len(chunk) :]
                    await begin(partial(self._expire_chunk, chunk, report, go_on))

    async def _expire_chunk(
        self, chunk: Sequence[HandedOver], report: FlushReport, go_on: Callable[[], bool]
    ) -> None:
        await self._write_back(await self._settle(chunk, report, go_on), report)

    # Scores

    async def _grade(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        after: UUID | None = UUID(int=0)
        while after is not None and go_on():
            graded, after = await self._grader.grade_waiting(after, self._clock())
            report.attempts_graded += len(graded)
            await self._cache.refresh(graded)

    # Events

    async def _publish(
        self, seconds_left: Callable[[], float], report: FlushReport, go_on: Callable[[], bool]
    ) -> None:
        if (relay := self._relay) is not None:
            report.events_published = await relay.run(lambda: seconds_left() > relay.reserve_seconds)
            backlog = await self._outbox.backlog()
            report.events_pending = backlog.messages
            report.oldest_event_age_seconds = backlog.oldest_age_seconds

    async def _measure_months(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        report.events_without_month = await self._outbox.events_without_month()

    async def _measure_pauses(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        pauses = await self._room.pauses()
        report.attempts_paused = pauses.attempts
        report.oldest_pause_age_seconds = pauses.oldest_age_seconds

    async def _look_for_silence(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        await self._silence.look(go_on)

    async def _record_refusals(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        await self._refusals.record(go_on)

    async def _ask_for_exports(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        """Ask the export function for what nobody makes; without a bus a process of its own looks for it."""
        exports = await self._exports.waiting()
        report.exports_waiting = len(exports.waiting)
        report.exports_failed = len(exports.failed)
        if self._bus is None or not exports.waiting:
            return
        try:
            await self._bus.ask_for_exports(exports.waiting)
        except EventBusUnavailableError as error:
            # The next run asks again.
            self._telemetry.degraded("exports not asked for", error)

    # The cache

    async def _reconcile(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        """Replace cached sessions that are behind rows that changed lately.

        A process may have died between its commit and its write to the cache, or a slow reader may have
        cached an old row after a newer one was evicted.
        """
        since = self._reconciled_at
        now = time.monotonic()
        # After an outage of the cache, go back to the last comparison that was completed.
        seconds = RECONCILE_SECONDS if since is None else RECONCILE_SECONDS + math.ceil(now - since)
        after: tuple[datetime, str] | None = None
        while go_on():
            page = await self._attempts.recent_changes(seconds, after, self._limits.changes)
            behind = await self._valkey.find_behind(
                [(session_id, revision) for _, session_id, revision in page]
            )
            if behind:
                attempts = await self._attempts.get(behind)
                await self._valkey.refresh(attempts)
                report.caches_reconciled += len(attempts)
            if len(page) < self._limits.changes:
                self._reconciled_at = now
                return
            after = page[-1][:2]

    async def _measure(self, report: FlushReport, go_on: Callable[[], bool]) -> None:
        backlog = await self._valkey.backlog()
        report.dirty_sessions = backlog.dirty
        report.oldest_dirty_age_seconds = backlog.oldest_age_seconds
        report.sessions_quarantined = backlog.quarantined


@asynccontextmanager
async def two_at_a_time() -> AsyncIterator[Callable[[_Work], Awaitable[None]]]:
    """Run up to two tasks at once, so that PostgreSQL works on one batch while this process prepares another.

    The error of a task is raised here, once the other one has ended.
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


def _looked_at(handed: HandedOver, stored: StoredDrafts) -> HandedOver:
    return replace(handed, text=drafts_text(handed.session_id, stored.drafts), unreadable=stored.unreadable)
