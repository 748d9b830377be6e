"""The timeline of a session: everything that is known of it, in order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from ..domain.attempts import Attempt, Owner, Staff
from ..domain.drafts import NO_DRAFTS, Drafts
from ..domain.errors import CacheUnavailableError, ForbiddenError, SessionNotFoundError
from ..domain.refusals import LOOKS_APART_SECONDS, gaps
from ..domain.sessions import Session, view
from ..domain.timeline import Moment, acted, buffered, in_order, moments_of, refused, unknown
from ..domain.timestamps import Micros, from_micros
from ..domain.validation import session_key
from ..runtime.telemetry import Telemetry
from ..stores.attempts import AttemptStore
from ..stores.refusals import RefusalStore
from ..stores.timeline import MOST_ACTIONS, TimelineStore
from ..stores.valkey import ValkeyStore
from .pages import MAX_PAGE, check_page

_WATCHED_AFTER_THE_END: Final = timedelta(hours=1)
"""For so long after a session's end it is told when nobody knows what was refused."""
LeftOut: TypeAlias = Literal["buffered", "staff_actions"]


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """A page of a session's timeline, in order of time.

    Attributes:
        session: as a read would show it; its answers are not for a timeline.
        left_out: what could not be looked at: drafts in Valkey, actions of staff (without the scope, or
            because there are too many).
        next_after: the revision after which the next page begins; None on the last one.
    """

    session: Session
    moments: list[Moment]
    left_out: list[LeftOut]
    next_after: int | None


class Timeline:
    """Tells what happened to a session. Raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        timeline: TimelineStore,
        refusals: RefusalStore,
        valkey: ValkeyStore,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
    ) -> None:
        self._attempts = attempts
        self._timeline = timeline
        self._refusals = refusals
        self._valkey = valkey
        self._telemetry = telemetry
        self._clock = clock

    async def page(
        self,
        session_id: str | UUID,
        *,
        after: int = -1,
        limit: int = MAX_PAGE,
        owner: Owner = None,
        with_actions: bool = True,
        at: Micros | None = None,
    ) -> TimelinePage:
        """What at most `limit` audit events after revision `after` tell, and what else happened meanwhile.

        Actions of staff that made no event of the session are among it only `with_actions`.

        Raises:
            SessionNotFoundError: there is no such session.
            ForbiddenError: it is the caller's own.
            AuditLogDamagedError: somebody made its audit log unreadable.
        """
        check_page(after, limit)
        at = self._clock() if at is None else at
        key = session_key(session_id)
        # rule: a read takes the drafts before the session
        drafts = await self._drafts(key)
        attempts = await self._attempts.get([key])
        if not attempts:
            raise SessionNotFoundError
        attempt = attempts[0]
        # rule: nobody is shown the timeline of an own session
        if isinstance(owner, Staff) and attempt.user_id == owner.subject:
            raise ForbiddenError("The timeline of your own session is for others to read.")
        found = await self._timeline.events(attempt.id, after=after, limit=limit)
        moments = [moment for event in found.events for moment in moments_of(event)]
        # What is no event is told with the events that were recorded around it.
        since = found.since
        until = None if found.is_last else found.events[-1].recorded_at
        moments += map(refused, await self._refusals.of_session(attempt.id, since, until))
        moments += await self._unknown(attempt, since, until, at)
        left_out: list[LeftOut] = []
        if found.is_last:
            if drafts is None:
                left_out.append("buffered")
            else:
                moments += buffered(attempt, drafts)
        actions = await self._timeline.actions(attempt.id, since, until) if with_actions else []
        moments += map(acted, actions)
        if not with_actions or len(actions) == MOST_ACTIONS:
            left_out.append("staff_actions")
        next_after = None if found.is_last else found.events[-1].revision
        session = view(attempt, drafts or NO_DRAFTS, at)
        return TimelinePage(session, in_order(moments), left_out, next_after)

    async def _drafts(self, key: UUID) -> Drafts | None:
        """The drafts of a session; None if they can't be read."""
        try:
            (stored,) = await self._valkey.read_many([key])
        except CacheUnavailableError as error:
            self._telemetry.degraded("cache not read", error, session_id=str(key))
            return None
        return stored.drafts

    async def _unknown(
        self, attempt: Attempt, since: datetime | None, until: datetime | None, at: Micros
    ) -> Sequence[Moment]:
        # The next look of the flush is still to come.
        now = from_micros(at) - timedelta(seconds=LOOKS_APART_SECONDS)
        last = now if attempt.ended_at is None else min(now, attempt.ended_at + _WATCHED_AFTER_THE_END)
        began_at = attempt.started_at if since is None else max(since, attempt.started_at)
        ends = last if until is None else min(last, until)
        if ends <= began_at:
            return []
        return [unknown(gap) for gap in gaps(await self._refusals.watched(began_at, ends), began_at, ends)]
