"""The cache as requests use it: it never fails what PostgreSQL can serve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.drafts import NO_DRAFTS, Drafts
from ..domain.errors import CacheUnavailableError
from ..runtime.telemetry import Telemetry
from .valkey import CachedSession, ValkeyStore


class BestEffortCache:
    """`ValkeyStore`, whose unavailability is logged and counted instead of raised.

    What could not be written, the next flush puts right.
    """

    def __init__(self, valkey: ValkeyStore, telemetry: Telemetry) -> None:
        self._valkey = valkey
        self._telemetry = telemetry

    async def read(self, session_id: UUID) -> CachedSession:
        """A session's drafts and its cached row; none where Valkey can't be read: the drafts count later."""
        try:
            return await self._valkey.read(session_id)
        except CacheUnavailableError as error:
            self._telemetry.degraded("cache not read", error, session_id=str(session_id))
            return CachedSession()

    async def put_session(self, attempt: Attempt) -> None:
        """Cache a row unless a newer one is there."""
        try:
            await self._valkey.put_session(attempt)
        except CacheUnavailableError as error:
            self._not_written(error, attempt.id)

    async def put_committed(self, attempt: Attempt, questions: Iterable[str]) -> Drafts:
        """Cache a committed row; returns the drafts that are left, none where Valkey is away."""
        try:
            return await self._valkey.put_committed(attempt, questions)
        except CacheUnavailableError as error:
            self._not_written(error, attempt.id)
            return NO_DRAFTS

    async def put_settled(
        self,
        put: Sequence[Attempt],
        refreshed: Sequence[Attempt],
        cleared: Mapping[UUID, Mapping[bytes, bytes]],
        acknowledged: Mapping[UUID, float],
    ) -> None:
        """As `ValkeyStore.put_settled`."""
        try:
            await self._valkey.put_settled(put, refreshed, cleared, acknowledged)
        except CacheUnavailableError as error:
            # Drafts that are left there are found superseded by the next run.
            self._not_written(error)

    async def refresh(self, attempts: Sequence[Attempt]) -> None:
        """Put rows over cached ones that are older; what is not cached stays so."""
        await self.put_settled([], attempts, {}, {})

    def _not_written(self, error: CacheUnavailableError, session_id: UUID | None = None) -> None:
        about = {} if session_id is None else {"session_id": str(session_id)}
        self._telemetry.degraded("cache not written", error, **about)
