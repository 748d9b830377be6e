"""Settlement: the one way in which a row is brought up to date with its drafts and its deadline.

What follows a change of a row is here as well, and is best effort: the score of an attempt that has ended,
and the cache. Where that fails, the change stands, and the next flush makes up for it (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.deadlines import is_overdue
from ..domain.drafts import NO_DRAFTS, Drafts
from ..domain.errors import BusyError, DatabaseUnavailableError, PoisonedError, SessionNotFoundError
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore
from ..stores.best_effort_cache import BestEffortCache
from .grading import Grader

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Current:
    """An attempt as it is now, and the drafts that lie over it."""

    attempt: Attempt
    drafts: Drafts


class Settler:
    """Settles sessions one at a time, as requests need it.

    Every method raises what `Postgres` raises for the statement that it is named for, and nothing for what
    follows that.
    """

    def __init__(
        self, *, attempts: AttemptStore, cache: BestEffortCache, grader: Grader, telemetry: Telemetry
    ) -> None:
        self._attempts = attempts
        self._cache = cache
        self._grader = grader
        self._telemetry = telemetry

    async def settle(
        self, session_id: UUID, drafts: Drafts, at: Micros, *, wait: bool = False
    ) -> Attempt | None:
        """Merge or record one session's drafts; None where others hold the row, unless it is to wait."""
        settled = await self._attempts.settle({session_id: drafts}, at, wait=wait)
        if not settled:
            return None
        # Unchanged, it may have been settled by the first sending of this very statement.
        return (await self.write_back(settled[0].attempt, drafts.answers, at)).attempt

    async def expire(self, session_id: UUID, drafts: Drafts, at: Micros) -> None:
        """Bring a row whose time is over to its end, behind whoever holds it."""
        if await self.settle(session_id, drafts, at) is None:
            # Most likely a flush, which holds many rows at a time, and takes this one's drafts along.
            await self.settle(session_id, NO_DRAFTS, at, wait=True)

    async def current(self, session_id: UUID, owner: str | None, at: Micros) -> Current:
        """The session's row and drafts; one whose time is over is expired on the way.

        Raises:
            SessionNotFoundError: there is none, or it is not `owner`'s.
        """
        cached = await self._cache.read(session_id)
        attempt = cached.attempt or await self.load(session_id)
        if not attempt.is_owned_by(owner):
            raise SessionNotFoundError
        if is_overdue(attempt, at):
            try:
                # Where others hold the row, it may have more time than the cached one.
                attempt = await self.settle(session_id, cached.drafts, at) or await self.load(session_id)
            except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
                self._telemetry.degraded("expiry put off", error, session_id=str(session_id))
        return Current(attempt, cached.drafts)

    async def load(self, session_id: UUID) -> Attempt:
        """The row, which is cached on the way.

        Raises:
            SessionNotFoundError: there is none.
        """
        attempts = await self._attempts.get([session_id])
        if not attempts:
            raise SessionNotFoundError
        await self._cache.put_session(attempts[0])
        return attempts[0]

    async def write_back(self, attempt: Attempt, questions: Iterable[str], at: Micros) -> Current:
        """What follows a commit: grade what has ended, cache the row, drop the drafts of `questions`.

        Returns:
            the attempt as it is then, and the drafts that are left.
        """
        attempt = await self._graded(attempt, at)
        return Current(attempt, await self._cache.put_committed(attempt, questions))

    async def refresh(self, session_ids: Sequence[UUID]) -> None:
        """Show rows that were changed as a group: over cached ones that are older, at once."""
        try:
            for start in range(0, len(session_ids), _PAGE):
                await self._cache.refresh(await self._attempts.get(session_ids[start : start + _PAGE]))
        except (DatabaseUnavailableError, BusyError) as error:
            self._telemetry.degraded("cache not written", error)

    async def _graded(self, attempt: Attempt, at: Micros) -> Attempt:
        """The attempt with its score, where it needs one; if that fails, the next flush grades it."""
        if not attempt.needs_grading:
            return attempt
        try:
            graded = await self._grader.grade([attempt], at)
        except (DatabaseUnavailableError, BusyError) as error:
            self._telemetry.degraded("grading put off", error, session_id=str(attempt.id))
            return attempt
        return graded[0] if graded else attempt
