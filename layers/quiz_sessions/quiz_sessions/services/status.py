"""How the service is doing, as this process sees it. Nothing of it fails while a store is away."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from ..domain.errors import (
    BusyError,
    CacheUnavailableError,
    DatabaseUnavailableError,
    SecretUnavailableError,
)
from ..domain.timestamps import Micros, from_micros
from ..runtime.recent import MINUTES, Recent
from ..runtime.telemetry import CACHE, DATABASE
from ..stores.attempts import AttemptStore
from ..stores.postgres import Postgres
from ..stores.valkey import ValkeyStore
from .flush import Flusher
from .health import Health, Looked, Serving, StoreState
from .receipts import Receipts
from .webhooks import Webhooks, WebhookState

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStatus:
    """The disk that a store has its files on."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """How a store is."""

    state: StoreState = field(
        metadata={"description": "refuses_writes: it is read-only, its disk is full, or its memory is."}
    )
    latency_ms: float | None = field(
        metadata={"description": "How long it took to answer just now; null if it did not."}
    )
    away_seconds: float = field(
        metadata={"description": "For how long it has been away, or refused writes, as requests found it."}
    )
    connections: int | None = field(metadata={"description": "Of this process; null in a cluster."})
    connections_in_use: int | None = field(metadata={"description": "Of them; null where that is not known."})
    connections_limit: int | None = field(metadata={"description": "So many it may have."})
    disk: DiskStatus | None = field(metadata={"description": "Null where its files are on another machine."})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsStatus:
    """What is under way. Null while the store that knows is away."""

    open: int | None = field(metadata={"description": "Attempts that go on, paused ones among them."})
    dirty: int | None = field(metadata={"description": "Sessions with answers that wait for the flush."})
    oldest_dirty_seconds: float | None = field(metadata={"description": "For how long the first one waits."})
    quarantined: int | None = field(
        metadata={"description": "Sessions that could not be flushed, which somebody has to look at."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushStatus:
    """What the last flush did."""

    began_at: datetime
    ended_at: datetime
    did: Mapping[str, float] = field(metadata={"description": "Name -> how many; what is not there is 0."})


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleStatus:
    """Something that went wrong, and how often."""

    level: str = field(metadata={"description": "WARNING: it was survived. ERROR: something failed."})
    what: str = field(metadata={"description": "The message in the log, or the status and code of a reply."})
    count: int
    last_at: datetime


class KeysState(StrEnum):
    """Whether there are keys."""

    OFF = "off"
    OK = "ok"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysStatus:
    """Keys by their ids."""

    state: KeysState = field(metadata={"description": "off: there are none. unreadable: they can't be read."})
    current: str | None = field(metadata={"description": "The one that signs."})
    ids: Sequence[str]
    read_at: datetime | None = field(metadata={"description": "When they were read last."})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """How the webhook is doing; `GET /webhooks` says more."""

    state: WebhookState
    waiting: int
    dead: int
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """How the service is doing, as the process that answers sees it."""

    status: Serving = field(metadata={"description": "As `GET /health/ready` says it."})
    started_at: datetime = field(metadata={"description": "When this process began."})
    server_time: datetime
    database: StoreStatus
    cache: StoreStatus
    sessions: SessionsStatus
    last_flush: FlushStatus | None = field(
        metadata={"description": "Of this process; null before its first, and where another process flushes."}
    )
    errors_minutes: int = field(metadata={"description": "So many minutes `errors` are about."})
    errors: Sequence[TroubleStatus] = field(
        metadata={"description": "What went wrong in this process lately, the most frequent first."}
    )
    receipt_keys: KeysStatus = field(metadata={"description": "They sign receipts."})
    token_keys: KeysStatus | None = field(
        metadata={"description": "They verify tokens; null where a gateway does, or nobody."}
    )
    webhook: DeliveryStatus | None = field(metadata={"description": "Null while the database is away."})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process knows of where it runs.

    Attributes:
        folders: of the stores that have their files on this machine, by name (DATABASE, CACHE).
        token_keys: the keys that tokens are verified with here; None where that is done elsewhere.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    token_keys: Callable[[], KeysStatus] | None = None


class Status:
    """Callers of this class must check that the user is staff."""

    def __init__(
        self,
        *,
        health: Health,
        postgres: Postgres,
        valkey: ValkeyStore,
        attempts: AttemptStore,
        flusher: Flusher,
        receipts: Receipts,
        webhooks: Webhooks,
        recent: Recent,
        surroundings: Surroundings,
        clock: Callable[[], Micros],
    ) -> None:
        self._health = health
        self._postgres = postgres
        self._valkey = valkey
        self._attempts = attempts
        self._flusher = flusher
        self._receipts = receipts
        self._webhooks = webhooks
        self._recent = recent
        self._surroundings = surroundings
        self._clock = clock
        self._started_at = datetime.now(UTC)

    async def read(self) -> ServiceStatus:
        """How the service is doing now."""
        found = await self._health.look()
        token_keys = self._surroundings.token_keys
        return ServiceStatus(
            status=found.serving,
            started_at=self._started_at,
            server_time=from_micros(self._clock()),
            database=await self._database(found.database),
            cache=await self._cache(found.cache),
            sessions=await self._sessions(found.database, found.cache),
            last_flush=self._last_flush(),
            errors_minutes=MINUTES,
            errors=[
                TroubleStatus(
                    level=trouble.level,
                    what=trouble.what,
                    count=trouble.count,
                    last_at=datetime.fromtimestamp(trouble.last_at, UTC),
                )
                for trouble in self._recent.troubles()
            ],
            receipt_keys=await self._receipt_keys(),
            token_keys=None if token_keys is None else token_keys(),
            webhook=await self._webhook(found.database),
        )

    async def _database(self, looked: Looked) -> StoreStatus:
        connections, in_use = self._postgres.connections
        return StoreStatus(
            state=looked.state,
            latency_ms=looked.milliseconds,
            away_seconds=round(self._postgres.away_seconds, 3),
            connections=connections,
            connections_in_use=in_use,
            connections_limit=self._postgres.pool_size,
            disk=await self._disk(DATABASE),
        )

    async def _cache(self, looked: Looked) -> StoreStatus:
        return StoreStatus(
            state=looked.state,
            latency_ms=looked.milliseconds,
            away_seconds=round(self._valkey.away_seconds, 3),
            connections=self._valkey.connections,
            connections_in_use=None,
            connections_limit=self._valkey.connections_limit,
            disk=await self._disk(CACHE),
        )

    async def _disk(self, store: str) -> DiskStatus | None:
        folder = self._surroundings.folders.get(store)
        if folder is None:
            return None
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, folder)
        except OSError:
            # The folder is gone, which the state of the store tells.
            return None
        return DiskStatus(free_bytes=usage.free, total_bytes=usage.total)

    async def _sessions(self, database: Looked, cache: Looked) -> SessionsStatus:
        backlog = await _if_up(cache, self._valkey.backlog)
        return SessionsStatus(
            open=await _if_up(database, self._attempts.count_open),
            dirty=None if backlog is None else backlog.dirty,
            oldest_dirty_seconds=None if backlog is None else round(backlog.oldest_age_seconds, 1),
            quarantined=None if backlog is None else backlog.quarantined,
        )

    def _last_flush(self) -> FlushStatus | None:
        last = self._flusher.last
        if last is None:
            return None
        did = {name: value for name, value in asdict(last.report).items() if value}
        return FlushStatus(began_at=from_micros(last.began_at), ended_at=from_micros(last.ended_at), did=did)

    async def _receipt_keys(self) -> KeysStatus:
        try:
            keys = await self._receipts.keys()
        except SecretUnavailableError:
            return KeysStatus(state=KeysState.UNREADABLE, current=None, ids=[], read_at=None)
        if keys is None:
            return KeysStatus(state=KeysState.OFF, current=None, ids=[], read_at=None)
        read_at = self._receipts.keys_read_at
        return KeysStatus(
            state=KeysState.OK,
            current=keys.current,
            ids=list(keys.keys),
            read_at=None if read_at is None else datetime.fromtimestamp(read_at, UTC),
        )

    async def _webhook(self, database: Looked) -> DeliveryStatus | None:
        status = await _if_up(database, self._webhooks.status)
        if status is None:
            return None
        return DeliveryStatus(
            state=status.state, waiting=status.waiting, dead=status.dead, last_error=status.last_error
        )


async def _if_up(looked: Looked, ask: Callable[[], Awaitable[_T]]) -> _T | None:
    """What a store says; None if it is away, by now or already."""
    if looked.state is StoreState.DOWN:
        return None
    try:
        return await ask()
    except (DatabaseUnavailableError, BusyError, CacheUnavailableError):
        # How it is, is told beside it.
        return None
