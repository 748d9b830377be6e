"""Refused requests: noted in Valkey as they happen, and recorded by the flush.

Both are best effort. A request is never slower or otherwise for it than by one command, and what could not be
noted is known as a time of which nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..domain.errors import CacheUnavailableError, PoisonedError
from ..domain.refusals import MOST_QUESTIONS, Refusal
from ..domain.timestamps import Micros
from ..runtime.telemetry import Telemetry
from ..stores.refusals import RefusalStore
from ..stores.valkey import ValkeyStore


class Refusals:
    """Keeps what was refused, for the timeline of a session."""

    def __init__(
        self,
        *,
        refusals: RefusalStore,
        valkey: ValkeyStore,
        telemetry: Telemetry,
        clock: Callable[[], Micros],
    ) -> None:
        self._refusals = refusals
        self._valkey = valkey
        self._telemetry = telemetry
        self._clock = clock
        self._has_missed = False

    async def note(self, refusal: Refusal) -> None:
        """Note that a request was refused, if Valkey takes it."""
        short = replace(refusal, questions=list(refusal.questions)[:MOST_QUESTIONS])
        try:
            await self._valkey.note_refusal(short, missed=self._has_missed)
        except CacheUnavailableError as error:
            # The next refusal of anybody that can be noted says so.
            self._has_missed = True
            self._telemetry.degraded("refusal not noted", error, session_id=str(refusal.session_id))
        else:
            self._has_missed = False

    async def record(self, go_on: Callable[[], bool]) -> None:
        """Record what was noted, and that it was looked for.

        Raises:
            DatabaseUnavailableError, BusyError: PostgreSQL does not take it; the next run does it.
        """
        at, whole = self._clock(), True
        try:
            for shard in self._valkey.shards:
                # First: what is lost after this, the next look notices.
                whole = await self._valkey.watch_refused(shard) and whole
                async for noted in self._valkey.refusals(shard):
                    whole = await self._keep([refusal for refusal, _ in noted]) and whole
                    await self._valkey.clear_refused(shard, [field for _, field in noted])
                    if not go_on():
                        return
        except CacheUnavailableError:
            # The steps of the flush that need Valkey report that.
            await self._refusals.note_watch(at, whole=True, cache_away=True)
            return
        await self._refusals.note_watch(at, whole=whole)

    async def _keep(self, refusals: Sequence[Refusal]) -> bool:
        """Record refusals; False if PostgreSQL takes none of them, ever."""
        try:
            await self._refusals.keep(refusals)
        except PoisonedError as error:
            # Somebody has written into Valkey by hand.
            self._telemetry.failed("refusals not recorded", error)
            return False
        return True
