"""Whether the stores answer, and whether this process goes on."""

from __future__ import annotations

from ..domain.errors import BusyError, CacheUnavailableError, DatabaseUnavailableError
from ..stores.postgres import Postgres
from ..stores.valkey import ValkeyStore


class Health:
    """Pings both stores, whatever the circuit breakers say.

    Attributes:
        is_draining: whether this process is about to end, so that requests should go to another one.
    """

    def __init__(self, *, postgres: Postgres, valkey: ValkeyStore) -> None:
        self.is_draining = False
        self._postgres = postgres
        self._valkey = valkey

    async def store_states(self) -> dict[str, bool]:
        """Whether each store answers now."""
        states = {"database": True, "cache": True}
        try:
            await self._postgres.ping()
        except BusyError:
            # It is up, and busy with other requests.
            pass
        except DatabaseUnavailableError:
            states["database"] = False
        try:
            await self._valkey.ping()
        except CacheUnavailableError:
            states["cache"] = False
        return states
