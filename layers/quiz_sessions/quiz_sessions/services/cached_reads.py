"""Reads that need the cache alone. This module imports nothing that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from ..domain.attempts import Owner
from ..domain.deadlines import is_overdue
from ..domain.errors import CacheUnavailableError
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros
from ..runtime.settings import Settings
from ..stores.valkey import ValkeyStore
from .backpressure import Backpressure


@dataclass(frozen=True, slots=True)
class CachedSessions:
    """A process's connection to the cache, and its view of the load.

    Attributes:
        jwt: whether callers are authenticated by verified claims; see `Settings`.
    """

    valkey: ValkeyStore
    backpressure: Backpressure = field(default_factory=Backpressure)
    jwt: bool = False

    @classmethod
    def of(cls, settings: Settings) -> CachedSessions:
        """Build it from settings; it connects on first use."""
        valkey = ValkeyStore(
            settings.redis_url, settings.session_cache_ttl_seconds, cluster=settings.redis_cluster
        )
        return cls(valkey, jwt=settings.jwt)

    async def read(self, session_id: UUID, owner: Owner, at: Micros) -> Session | None:
        """The session as `SessionManager.get_session` shows it; None if that needs more than the cache."""
        try:
            cached = await self.valkey.read(session_id)
        except CacheUnavailableError:
            # The session manager will notice as well, continue without the cache, and log it.
            return None
        attempt = cached.attempt
        if attempt is None or not attempt.is_owned_by(owner):
            return None
        if not attempt.status.is_open or is_overdue(attempt, at):
            # What it scored, and whether that is shown, is not in the cache.
            return None
        return view(attempt, cached.drafts, at)
