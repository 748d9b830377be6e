"""Whether the service can serve: whether the stores answer and take writes, and this process goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..domain.errors import BusyError, CacheUnavailableError, DatabaseUnavailableError
from ..stores.postgres import Postgres
from ..stores.valkey import ValkeyStore

GOOD_SECONDS: Final = 5.0
"""For so long it is taken as known that writes are taken, however often a monitor asks."""
BAD_SECONDS: Final = 1.0
"""And for so long that they are not."""


class StoreState(StrEnum):
    """How a store is, as a caller may see it."""

    UP = "up"
    REFUSES_WRITES = "refuses_writes"
    DOWN = "down"


class Serving(StrEnum):
    """Whether the service can serve."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found when a store was asked.

    Attributes:
        milliseconds: how long it took to answer; None if it did not.
    """

    state: StoreState
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """How the stores are, and what follows."""

    serving: Serving
    database: Looked
    cache: Looked


class Health:
    """Asks both stores, whatever the circuit breakers say.

    Attributes:
        is_draining: whether this process is about to end, so that requests should go to another one.
    """

    def __init__(
        self, *, postgres: Postgres, valkey: ValkeyStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.is_draining = False
        self._postgres = postgres
        self._valkey = valkey
        self._clock = clock
        self._checking = asyncio.Lock()
        self._takes_writes = False
        self._known_until = float("-inf")

    async def look(self) -> Found:
        """How both stores are now.

        Whether PostgreSQL takes writes is known for some seconds; that it answers is asked each time.
        """
        database, cache = await self._database(), await self._cache()
        serving = Serving.READY
        if self.is_draining:
            serving = Serving.DRAINING
        elif database.state is not StoreState.UP:
            serving = Serving.UNAVAILABLE
        elif cache.state is not StoreState.UP:
            # Everything works, from PostgreSQL alone.
            serving = Serving.DEGRADED
        return Found(serving, database, cache)

    async def _database(self) -> Looked:
        began = self._clock()
        try:
            await self._postgres.ping()
        except BusyError:
            # It is up, and busy with other requests.
            return Looked(StoreState.UP, self._since(began))
        except DatabaseUnavailableError:
            self._known_until = float("-inf")
            return Looked(StoreState.DOWN, None)
        milliseconds = self._since(began)
        is_up = await self._are_writes_taken()
        return Looked(StoreState.UP if is_up else StoreState.REFUSES_WRITES, milliseconds)

    async def _are_writes_taken(self) -> bool:
        # One asks for all that ask meanwhile.
        async with self._checking:
            if self._clock() >= self._known_until:
                try:
                    await self._postgres.check_writes()
                    self._takes_writes = True
                except BusyError:
                    self._takes_writes = True
                except DatabaseUnavailableError:
                    self._takes_writes = False
                self._known_until = self._clock() + (GOOD_SECONDS if self._takes_writes else BAD_SECONDS)
            return self._takes_writes

    async def _cache(self) -> Looked:
        began = self._clock()
        try:
            await self._valkey.ping()
        except CacheUnavailableError:
            # One that can't write its file refuses a ping as well, and still answers what reads.
            refuses = self._valkey.refuses_writes
            return Looked(StoreState.REFUSES_WRITES if refuses else StoreState.DOWN, None)
        state = StoreState.REFUSES_WRITES if self._valkey.refuses_writes else StoreState.UP
        return Looked(state, self._since(began))

    def _since(self, began: float) -> float:
        return round((self._clock() - began) * 1000, 2)
