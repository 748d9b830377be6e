"""What a read needs that the cache alone can serve, and nothing that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from ..domain.deadlines import is_overdue
from ..domain.errors import CacheUnavailableError
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros
from ..runtime.settings import Settings
from ..stores.valkey import ValkeyStore
from .backpressure import Backpressure


@dataclass(frozen=True, slots=True)
class CachedSessions:
    """A process's connection to the cache, and what it knows of how busy the service is.

    Attributes:
        jwt: whether callers are known by verified claims; see `Settings`.
    """

    valkey: ValkeyStore
    backpressure: Backpressure = field(default_factory=Backpressure)
    jwt: bool = False

    @classmethod
    def of(cls, settings: Settings) -> CachedSessions:
        """Built from settings; it connects on first use."""
        valkey = ValkeyStore(
            settings.redis_url, settings.session_cache_ttl_seconds, cluster=settings.redis_cluster
        )
        return cls(valkey, jwt=settings.jwt)

    async def read(self, session_id: UUID, owner: str | None, at: Micros) -> Session | None:
        """The session as `SessionManager.get_session` shows it, or None where that has more to do."""
        try:
            cached = await self.valkey.read(session_id)
        except CacheUnavailableError:
            # The manager meets it as well, goes on without the cache, and says so.
            return None
        attempt = cached.attempt
        if attempt is None or not attempt.is_owned_by(owner) or is_overdue(attempt, at):
            return None
        return view(attempt, cached.drafts, at)
