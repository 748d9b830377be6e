"""Disclosure: what of a score is shown, and to whom. Every session that a use case returns comes from here.

Staff, and everybody where callers are not authenticated, see all, but staff of their own attempts what any
student would. The owner of an attempt sees its score when
the quiz, as it is now, shows results, and once no answer from before the end can change it any more.
"""

from __future__ import annotations

from ..domain.attempts import Attempt, Owner, Staff
from ..domain.drafts import counting
from ..domain.errors import BusyError, DatabaseUnavailableError, PoisonedError, SessionNotFoundError
from ..domain.outcomes import ShownResults
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from ..stores.administration import AdministrationStore
from ..stores.best_effort_cache import BestEffortCache
from .settlement import Current, Settler

_LOOKS = 2
"""The first may find that the end is not cached yet."""


class Disclosure:
    """Shows sessions, with their scores as far as they may be seen."""

    def __init__(
        self,
        *,
        administration: AdministrationStore,
        cache: BestEffortCache,
        settler: Settler,
        telemetry: Telemetry,
    ) -> None:
        self._administration = administration
        self._cache = cache
        self._settler = settler
        self._telemetry = telemetry

    async def show(self, current: Current, owner: Owner, at: Micros) -> Session:
        """The session as `owner` may see it (None: somebody who sees all).

        It fails closed: without PostgreSQL an ended session has no score, and its grading is pending.
        """
        session = view(current.attempt, current.drafts, at)
        if session.status.is_open:
            return session
        try:
            shown = await self.results(current.attempt, owner, at)
        except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
            self._telemetry.degraded("score not shown", error, session_id=str(session.id))
            return session
        if shown.attempt.status.is_open:
            # Its time is over, and its row could not be expired; or staff have opened it again.
            return session
        return view(shown.attempt, current.drafts, at, scored=shown.is_shown)

    async def results(self, attempt: Attempt, owner: Owner, at: Micros) -> ShownResults:
        """What the attempt scored, as far as `owner` may see it; that its user is shown it is recorded.

        Raises:
            SessionNotFoundError: there is no such attempt any more.
            also what `Postgres` raises.
        """
        # rule: an owner is shown results once every draft from before the end is settled
        user = owner.subject if isinstance(owner, Staff) else owner
        settled = attempt.user_id == user and await self._is_settled(attempt, at)
        shown = await self._administration.show_results(attempt.id, owner, at, settled=settled)
        if shown is None:
            raise SessionNotFoundError
        if shown.attempt.revision > attempt.revision:
            await self._cache.put_session(shown.attempt)
        return shown

    async def _is_settled(self, attempt: Attempt, at: Micros) -> bool:
        """Whether no answer from before the end waits in Valkey; those that wait are settled.

        From the moment at which the end is cached no further draft is put.
        """
        for _ in range(_LOOKS):
            cached = await self._cache.read(attempt.id)
            if cached.attempt is None or cached.attempt.status.is_open:
                await self._cache.put_session(attempt)
                continue
            if not counting(cached.attempt, cached.drafts):
                return True
            return await self._settler.settle(attempt.id, cached.drafts, at) is not None
        return False
