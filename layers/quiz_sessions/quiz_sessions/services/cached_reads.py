"""Reads that need the cache alone. This module imports nothing that takes long to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from ..domain.attempts import Attempt, Owner
from ..domain.deadlines import is_overdue, shown_time_remaining
from ..domain.drafts import NO_DRAFTS
from ..domain.errors import CacheUnavailableError
from ..domain.json_values import dump_json
from ..domain.presence import Heard
from ..domain.sessions import Session, view
from ..domain.timestamps import Micros, from_micros, iso
from ..runtime.scope_rules import BY_SCOPE, ScopeRules
from ..runtime.settings import Settings
from ..stores.valkey import KEPT, KEPT_BYTES, ValkeyStore
from .backpressure import Backpressure


class Reading(NamedTuple):
    """What a reply shows of a session: its entity tag, and its members as a JSON object."""

    etag: str
    text: str


class SecondDevice(NamedTuple):
    """The owner of a session was heard from a device beside others, for the first time."""

    device: str


@dataclass(frozen=True, slots=True)
class CachedSessions:
    """A process's connection to the cache, and its view of the load.

    Attributes:
        jwt: whether callers are authenticated by verified claims; see `Settings`.
        scope_rules: how scopes are read from them.
    """

    valkey: ValkeyStore
    backpressure: Backpressure = field(default_factory=Backpressure)
    jwt: bool = False
    scope_rules: ScopeRules = BY_SCOPE

    @classmethod
    def of(cls, settings: Settings, valkey: ValkeyStore | None = None) -> CachedSessions:
        """Build it from settings, on the connection of `valkey`, else on one that it opens on first use."""
        valkey = valkey or ValkeyStore(
            settings.redis_url, settings.session_cache_ttl_seconds, cluster=settings.redis_cluster
        )
        return cls(valkey, jwt=settings.jwt, scope_rules=settings.scope_rules)

    async def read(
        self, session_id: UUID, owner: Owner, at: Micros, heard: Heard | None = None
    ) -> Reading | SecondDevice | None:
        """The session as `SessionManager.get_session` shows it; None if that needs more than the cache.

        It also needs more, once, where a second device is heard.
        """
        try:
            cached = await self.valkey.read(session_id, heard=heard)
        except CacheUnavailableError:
            # The session manager will notice as well, continue without the cache, and log it.
            return None
        if heard is not None and cached.is_second_device:
            return SecondDevice(heard.device)
        attempt = cached.attempt
        if attempt is None or not attempt.is_owned_by(owner):
            return None
        if not attempt.status.is_open or is_overdue(attempt, at):
            # What it scored, and whether that is shown, is not in the cache.
            return None
        # A section's time runs as well.
        is_timed = "entered" in attempt.progress
        if cached.fields or cached.text is None or len(cached.text) > KEPT_BYTES or is_timed:
            return _reading(view(attempt, cached.drafts, at))
        rendered = _rendered(_Cached(cached.text, attempt))
        now, remaining = iso(from_micros(at)), shown_time_remaining(attempt, at)
        moving = f'"server_time":"{now}","time_remaining":{remaining}'
        return Reading(rendered.etag, f"{rendered.before},{moving},{rendered.after}")


@dataclass(frozen=True, slots=True)
class _Cached:
    """An attempt and the text that it was read from, which stands for it."""

    text: bytes
    attempt: Attempt = field(compare=False)


class _Rendered(NamedTuple):
    """What is shown of a session without drafts, around the time and what remains of it."""

    etag: str
    before: str
    after: str


@lru_cache(maxsize=KEPT)
def _rendered(cached: _Cached) -> _Rendered:
    session = view(cached.attempt, NO_DRAFTS, 0)
    shown = list(session.to_dict().items())
    place = next(i for i, (name, _) in enumerate(shown) if name == "server_time")
    before, after = dump_json(dict(shown[:place])), dump_json(dict(shown[place + 2 :]))
    return _Rendered(str(session.etag), before[:-1], after[1:])


def _reading(session: Session) -> Reading:
    return Reading(str(session.etag), dump_json(session.to_dict()))
