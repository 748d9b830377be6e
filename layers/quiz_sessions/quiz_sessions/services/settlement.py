"""Settlement: brings a row up to date with its drafts and its deadline.

This module also grades an attempt that has ended, and updates the cache, after a change of its row. Both are
best effort: if they fail, the change stands, and a later flush makes up for it (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from ..domain.attempts import Attempt, Owner
from ..domain.deadlines import is_overdue
from ..domain.drafts import NO_DRAFTS, Drafts
from ..domain.errors import BusyError, DatabaseUnavailableError, PoisonedError, SessionNotFoundError
from ..domain.outcomes import Settled
from ..domain.presence import Heard
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore
from ..stores.best_effort_cache import BestEffortCache
from .grading import Grader

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Current:
    """An attempt as it is now, and its drafts.

    Attributes:
        committed: the row as it was committed last, where that was by this request; receipts are for it.
        is_second_device: whether the owner was heard from a device beside others, for the first time.
    """

    attempt: Attempt
    drafts: Drafts
    committed: Attempt
    is_second_device: bool = False


class Settler:
    """Settles single sessions, as requests need it.

    Methods raise what `Postgres` raises for their statement. What follows a commit never raises: grading and
    the cache are best effort.
    """

    def __init__(
        self, *, attempts: AttemptStore, cache: BestEffortCache, grader: Grader, telemetry: Telemetry
    ) -> None:
        self._attempts = attempts
        self._cache = cache
        self._grader = grader
        self._telemetry = telemetry

    async def settle(
        self,
        session_id: UUID,
        drafts: Drafts,
        at: Micros,
        *,
        wait: bool = False,
        late_bytes: int | None = None,
    ) -> Settled | None:
        """Settle a session with these drafts; None if others hold its row, unless told to `wait` for them.

        For `late_bytes` see `AttemptStore.settle`.
        """
        settled = await self._attempts.settle({session_id: drafts}, at, wait=wait, late_bytes=late_bytes)
        if not settled:
            return None
        # Also if it is unchanged: this statement may have been sent twice, and the first time have settled
        # it.
        current = await self.write_back(settled[0].attempt, drafts.answers, at)
        return replace(settled[0], attempt=current.attempt)

    async def expire(self, session_id: UUID, drafts: Drafts, at: Micros) -> None:
        """Expire an overdue row, waiting for whoever holds it."""
        if await self.settle(session_id, drafts, at) is None:
            # The holder is most likely a flush, which merges these drafts itself: settle without them.
            await self.settle(session_id, NO_DRAFTS, at, wait=True)

    async def current(
        self, session_id: UUID, owner: Owner, at: Micros, heard: Heard | None = None
    ) -> Current:
        """Read a session's row and drafts; an overdue one is expired.

        Raises:
            SessionNotFoundError: there is no such session, or it does not belong to `owner`.
        """
        cached = await self._cache.read(session_id, heard=heard)
        attempt = cached.attempt or await self.load(session_id)
        if not attempt.is_owned_by(owner):
            raise SessionNotFoundError
        if is_overdue(attempt, at):
            try:
                # If others hold the row, read it: its deadline may have moved since it was cached.
                settled = await self.settle(session_id, cached.drafts, at)
                attempt = settled.attempt if settled else await self.load(session_id)
            except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
                self._telemetry.degraded("expiry put off", error, session_id=str(session_id))
        return Current(attempt, cached.drafts, attempt, cached.is_second_device)

    async def load(self, session_id: UUID) -> Attempt:
        """Read a row from PostgreSQL, and cache it.

        Raises:
            SessionNotFoundError: there is no such row.
        """
        attempts = await self._attempts.get([session_id])
        if not attempts:
            raise SessionNotFoundError
        await self._cache.put_session(attempts[0])
        return attempts[0]

    async def write_back(
        self, attempt: Attempt, questions: Iterable[str], at: Micros, heard: Heard | None = None
    ) -> Current:
        """After a commit: grade what has ended, cache the row, drop superseded drafts of `questions`.

        Returns:
            the attempt as it is now, and the drafts that remain.
        """
        attempt = await self._graded(attempt, at)
        put = await self._cache.put_committed(attempt, questions, heard)
        return Current(put.attempt, put.drafts, attempt, put.is_second_device)

    async def refresh(self, session_ids: Sequence[UUID]) -> None:
        """Show a change of many rows by staff: no read that begins after this has a row from before it."""
        try:
            for start in range(0, len(session_ids), _PAGE):
                await self._cache.put_changed(await self._attempts.get(session_ids[start : start + _PAGE]))
        except (DatabaseUnavailableError, BusyError) as error:
            self._telemetry.degraded("cache not written", error)

    async def _graded(self, attempt: Attempt, at: Micros) -> Attempt:
        """Grade the attempt if it needs it; if that fails, the next flush does it."""
        if not attempt.needs_grading:
            return attempt
        try:
            graded = await self._grader.grade([attempt], at)
        except (DatabaseUnavailableError, BusyError) as error:
            self._telemetry.degraded("grading put off", error, session_id=str(attempt.id))
            return attempt
        return graded[0] if graded else attempt
