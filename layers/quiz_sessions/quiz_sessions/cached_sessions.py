"""What a read needs that the cache alone can serve, and nothing that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from . import rules
from .cache import Cache
from .errors import CacheUnavailableError
from .load import Load
from .models import Micros, Session
from .settings import Settings


@dataclass(frozen=True, slots=True)
class CachedSessions:
    """A process's connection to the cache, and what it knows of how busy the service is.

    Attributes:
        jwt: whether callers are known by verified claims; see `Settings`.
    """

    cache: Cache
    load: Load = field(default_factory=Load)
    jwt: bool = False

    @classmethod
    def of(cls, settings: Settings) -> CachedSessions:
        """Built from settings; it connects on first use."""
        cache = Cache(settings.redis_url, settings.session_cache_ttl_seconds, cluster=settings.redis_cluster)
        return cls(cache, jwt=settings.jwt)

    async def read(self, session_id: UUID, owner: str | None, at: Micros) -> Session | None:
        """The session as `SessionManager.get_session` shows it, or None where that has more to do."""
        try:
            drafts, attempt = await self.cache.read(session_id)
        except CacheUnavailableError:
            # The manager meets it as well, goes on without the cache, and says so.
            return None
        if attempt is None or not rules.is_owned(attempt, owner) or rules.is_overdue(attempt, at):
            return None
        return rules.view(attempt, drafts, at)
