"""The cache as requests use it: its failures never fail what PostgreSQL can serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.drafts import NO_DRAFTS, Drafts
from ..domain.errors import CacheUnavailableError
from ..domain.outcomes import Flushed
from ..domain.pace import Pace
from ..domain.presence import Heard, Presence
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from .valkey import CachedSession, CommittedPut, HandedOver, ValkeyStore


class BestEffortCache:
    """`ValkeyStore`, with unavailability logged and counted instead of raised.

    A later flush reconciles what could not be written.
    """

    def __init__(self, valkey: ValkeyStore, telemetry: Telemetry) -> None:
        self._valkey = valkey
        self._telemetry = telemetry

    async def read(
        self, session_id: UUID, write_key: str | None = None, heard: Heard | None = None
    ) -> CachedSession:
        """See `ValkeyStore.read`; empty if Valkey can't be read: the drafts count later."""
        try:
            return await self._valkey.read(session_id, write_key, heard)
        except CacheUnavailableError as error:
            self._telemetry.degraded("cache not read", error, session_id=str(session_id))
            return CachedSession()

    async def drafts(self, session_ids: Sequence[UUID]) -> dict[UUID, Drafts]:
        """The drafts of several sessions; none if Valkey can't be read."""
        try:
            stored = await self._valkey.read_many(session_ids)
        except CacheUnavailableError as error:
            self._telemetry.degraded("cache not read", error)
            return {}
        return {each: held.drafts for each, held in zip(session_ids, stored, strict=True)}

    async def presence(self, session_ids: Sequence[UUID]) -> dict[UUID, Presence] | None:
        """The presence of the owners of sessions; None if Valkey can't be read."""
        try:
            found = await self._valkey.presence(session_ids)
        except CacheUnavailableError as error:
            self._telemetry.degraded("cache not read", error)
            return None
        return {each: seen for each, seen in zip(session_ids, found, strict=True) if seen is not None}

    async def keeps_pace(self, caller: str, pace: Pace, at: Micros) -> bool:
        """See `ValkeyStore.keeps_pace`; while Valkey is away everybody does."""
        try:
            return await self._valkey.keeps_pace(caller, pace, at)
        except CacheUnavailableError as error:
            self._telemetry.degraded("pace not kept", error)
            return True

    async def hold_off(self, session_id: UUID, writer: str) -> Micros:
        """See `ValkeyStore.hold_off`; 0 while Valkey is away."""
        try:
            return await self._valkey.hold_off(session_id, writer)
        except CacheUnavailableError as error:
            self._not_written(error, session_id)
            return 0

    async def put_session(self, attempt: Attempt, heard: Heard | None = None) -> None:
        """See `ValkeyStore.put_session`."""
        try:
            await self._valkey.put_session(attempt, heard)
        except CacheUnavailableError as error:
            self._not_written(error, attempt.id)

    async def put_committed(
        self, attempt: Attempt, questions: Iterable[str], heard: Heard | None = None
    ) -> CommittedPut:
        """See `ValkeyStore.put_committed`; if Valkey can't be reached, the attempt and no drafts."""
        try:
            return await self._valkey.put_committed(attempt, questions, heard)
        except CacheUnavailableError as error:
            self._not_written(error, attempt.id)
            return CommittedPut(attempt, NO_DRAFTS)

    async def put_settled(self, settled: Sequence[tuple[HandedOver, Flushed]]) -> set[str]:
        """See `ValkeyStore.put_settled`; returns the sessions whose drafts were cleared."""
        try:
            put = await self._valkey.put_settled(settled)
        except CacheUnavailableError as error:
            # The next flush finds superseded whatever drafts could not be cleared.
            self._not_written(error)
            return set()
        if put.refused:
            self._not_written(CacheUnavailableError())
        return put.cleared

    async def acknowledge(self, marks: Mapping[str, float]) -> None:
        """See `ValkeyStore.acknowledge`."""
        try:
            await self._valkey.acknowledge(marks)
        except CacheUnavailableError as error:
            self._not_written(error)

    async def refresh(self, attempts: Sequence[Attempt]) -> None:
        """Replace cached rows that are older; a session that is not cached stays so."""
        try:
            await self._valkey.refresh(attempts)
        except CacheUnavailableError as error:
            self._not_written(error)

    async def put_changed(self, attempts: Sequence[Attempt]) -> None:
        """Cache rows that staff have changed; sessions that are not cached, for a moment only."""
        try:
            await self._valkey.put_changed(attempts)
        except CacheUnavailableError as error:
            self._not_written(error)

    def _not_written(self, error: CacheUnavailableError, session_id: UUID | None = None) -> None:
        about = {} if session_id is None else {"session_id": str(session_id)}
        self._telemetry.degraded("cache not written", error, **about)
