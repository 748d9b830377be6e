"""Incidents: what a student's client reports, and what the service sees by itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from ..domain.attempts import Attempt, Owner, Staff
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import (
    BusyError,
    DatabaseUnavailableError,
    ForbiddenError,
    PoisonedError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    TooManyRequestsError,
)
from ..domain.incidents import (
    ClientIncident,
    Incident,
    IncidentOutcome,
    IncidentPage,
    Observation,
    check_detail,
    silence,
)
from ..domain.json_values import Json
from ..domain.pace import NO_PACE, Pace
from ..domain.timestamps import Micros
from ..domain.validation import session_key
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore
from ..stores.incidents import IncidentStore
from .disclosure import Disclosure
from .pages import MAX_PAGE, check_page
from .settlement import Current, Settler


class Incidents:
    """Records incidents, up to a number for each session.

    Every method takes `at`, the moment at which the gateway received the request, in microseconds since
    1970-01-01 UTC; without it, the clock of this process is used.
    """

    def __init__(
        self,
        *,
        incidents: IncidentStore,
        attempts: AttemptStore,
        settler: Settler,
        disclosure: Disclosure,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
        pace: Pace,
    ) -> None:
        """`pace` is how fast the owner of a session may write to it, answers and reports together."""
        self._incidents = incidents
        self._attempts = attempts
        self._settler = settler
        self._disclosure = disclosure
        self._telemetry = telemetry
        self._clock = clock
        self._pace = pace

    async def report(
        self,
        session_id: str | UUID,
        kind: ClientIncident,
        detail: Json = None,
        *,
        owner: str | None = None,
        at: Micros | None = None,
    ) -> None:
        """Record what the client of an open session reports; once there are enough of them, forget it.

        Raises:
            ContentTooLargeError: the detail has more than 1 KiB.
            SessionNotFoundError: there is no such session.
            SessionClosedError: it is completed or abandoned.
            SessionExpiredError: the request came after the deadline and the grace.
            TooManyRequestsError: the owner writes too fast.
        """
        key = session_key(session_id)
        check_detail(detail)
        at = self._clock() if at is None else at
        pace = NO_PACE if owner is None else self._pace
        incident = Incident(kind, detail, "client")
        result = await self._incidents.record(key, incident, at, owner=owner, pace=pace)
        if result is None:
            raise SessionNotFoundError
        match result.outcome:
            case IncidentOutcome.TOO_FAST:
                self._telemetry.count("CallersLimited")
                raise TooManyRequestsError
            case IncidentOutcome.EXPIRED:
                raise SessionExpiredError
            case IncidentOutcome.CLOSED:
                current = Current(result.attempt, NO_DRAFTS, result.attempt)
                raise SessionClosedError(await self._disclosure.show(current, owner, at))
            case IncidentOutcome.FULL:
                self._telemetry.count("IncidentsForgotten")
                return
        await self._settler.write_back(result.attempt, [], at)

    async def observe(
        self, session_id: UUID, seen: Observation, at: Micros, *, ended: bool = False
    ) -> Attempt | None:
        """Record what the service itself saw, if it can: a request is never refused for want of that.

        With `ended`, also of a session that has ended. Returns the attempt as it is now, if it was recorded.
        """
        try:
            result = await self._record(session_id, seen, at, ended=ended)
        except (DatabaseUnavailableError, BusyError, PoisonedError) as error:
            self._telemetry.degraded("incident not recorded", error, session_id=str(session_id))
            return None
        return result

    async def observe_silence(self, session_id: UUID, last_heard: Micros, at: Micros) -> None:
        """Record that the owner of an open session was not heard since, if its clock has run all the time.

        Raises:
            DatabaseUnavailableError: it can't be recorded now.
        """
        try:
            await self._record(session_id, silence(last_heard), at, silent_since=last_heard)
        except (BusyError, PoisonedError) as error:
            self._telemetry.degraded("incident not recorded", error, session_id=str(session_id))

    async def _record(
        self,
        session_id: UUID,
        seen: Observation,
        at: Micros,
        *,
        ended: bool = False,
        silent_since: Micros | None = None,
    ) -> Attempt | None:
        incident = Incident(seen.type, seen.detail, "server")
        result = await self._incidents.record(
            session_id, incident, at, name=seen.name, ended=ended, silent_since=silent_since
        )
        if result is not None and result.outcome is IncidentOutcome.FULL:
            self._telemetry.count("IncidentsForgotten")
        if result is None or result.outcome is not IncidentOutcome.RECORDED:
            return None
        return (await self._settler.write_back(result.attempt, [], at)).attempt

    async def incidents(
        self, session_id: str | UUID, *, after: int = -1, limit: int = MAX_PAGE, owner: Owner = None
    ) -> IncidentPage:
        """The incidents of a session after incident `after`, oldest first: at most `limit`.

        Raises:
            SessionNotFoundError: there is no such session.
            ForbiddenError: it is the caller's own.
        """
        check_page(after, limit)
        attempts = await self._attempts.get([session_key(session_id)])
        if not attempts:
            raise SessionNotFoundError
        # rule: nobody is shown the incidents of an own session
        if isinstance(owner, Staff) and attempts[0].user_id == owner.subject:
            raise ForbiddenError("The incidents of your own session are for others to read.")
        found = await self._incidents.incidents(attempts[0].id, after=after, limit=limit + 1)
        more = len(found) > limit
        return IncidentPage(found[:limit], found[limit - 1].id if more else None)
