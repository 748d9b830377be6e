"""Looks for owners who are silent, whenever the flush runs (see `domain.silence`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ..domain.silence import Sign, Watch
from ..domain.timestamps import EPOCH, Micros, to_micros
from ..stores.live import LiveStore
from ..stores.valkey import PRESENCES_TOGETHER, ValkeyStore
from .incidents import Incidents


class Silence:
    """Records silences as incidents. A process knows of its own looks alone.

    Attributes:
        watch: what is known of them.
    """

    def __init__(
        self, *, live: LiveStore, valkey: ValkeyStore, incidents: Incidents, clock: Callable[[], Micros]
    ) -> None:
        self._live = live
        self._valkey = valkey
        self._incidents = incidents
        self._clock = clock
        self.watch = Watch()

    async def look(self, go_on: Callable[[], bool]) -> None:
        """Record the silences that have become long; without time for all, the next look begins anew.

        Raises:
            CacheUnavailableError, DatabaseUnavailableError: a store does not answer.
        """
        at = self._clock()
        signs: list[Sign] = []
        now: Micros | None = None
        after: tuple[datetime, UUID] = (EPOCH, UUID(int=0))
        while page := await self._live.running(at, after, PRESENCES_TOGETHER):
            if not go_on():
                return
            presences = await self._valkey.presence([attempt.id for attempt in page])
            for attempt, presence in zip(page, presences, strict=True):
                # rule: nobody is silent who was never heard
                if presence is not None and presence.last_heard is not None:
                    now = presence.now if now is None else min(now, presence.now)
                    age = min(presence.now - presence.last_heard, at - to_micros(attempt.started_at))
                    signs.append(Sign(attempt.id, presence.last_heard, age))
            after = page[-1].accepts_until, page[-1].id
        if now is None:
            return
        for sign in self.watch.look(signs, now):
            if not go_on():
                return
            await self._incidents.observe_silence(sign.session_id, sign.at, at)
        self.watch.looked = now
