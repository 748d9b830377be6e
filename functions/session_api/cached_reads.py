"""A fast path for the most frequent request (docs/decisions/0016)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from quiz_sessions.domain.errors import InvalidInputError, UnauthenticatedError
from quiz_sessions.domain.incidents import second_device
from quiz_sessions.domain.json_values import Json, dump_json
from quiz_sessions.domain.presence import heard_reading
from quiz_sessions.domain.sessions import Session
from quiz_sessions.services.backpressure import Backpressure
from quiz_sessions.services.cached_reads import CachedSessions, Reading, SecondDevice

from .entity_tags import is_unchanged
from .gateway import is_time_refused, path_of, request_time
from .identity import GRADE, PROCTOR, authenticate

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from quiz_sessions.bootstrap import Services

UUID_PATTERN = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATH = re.compile(rf"/sessions/({UUID_PATTERN})")


@dataclass(frozen=True, slots=True)
class Shown:
    """A session as a reply shows it, perhaps with more members."""

    session: Session
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Json] = field(default_factory=dict)


class CachedReads:
    """Serves `GET /sessions/{id}` if the cache alone can; passes everything else to the app.

    It refuses nothing itself; the app decides what is wrong with a request.
    """

    def __init__(
        self,
        sessions: Callable[[], CachedSessions],
        services: Callable[[], Services],
        app: Callable[[], ASGIApp],
    ) -> None:
        """`sessions`, `services` and `app` are called at the first request that needs them."""
        self._sessions = sessions
        self._services = services
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]
        # The app counts what is odd about a request.
        if is_read and not is_time_refused(scope):
            path = _PATH.fullmatch(path_of(scope))
            reading = await self._read(UUID(path[1]), scope) if path is not None else None
            if isinstance(reading, SecondDevice) and path is not None:
                seen = second_device(reading.device)
                await self._services().incidents.observe(UUID(path[1]), seen, request_time(scope))
            elif isinstance(reading, Reading):
                pause = self._sessions().backpressure.next_autosave_after_ms()
                body = f'{reading.text[:-1]},"next_autosave_after_ms":{pause}}}'
                await _send(scope, send, reading.etag, body)
                return
        await self._app()(scope, receive, send)

    async def _read(self, session_id: UUID, scope: Scope) -> Reading | SecondDevice | None:
        sessions = self._sessions()
        clients = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-client-id"]
        if len(clients) > 1:
            return None
        try:
            caller = authenticate(scope, jwt=sessions.jwt, rules=sessions.scope_rules)
            owner = caller.owner(PROCTOR, GRADE)
            heard = heard_reading(owner, clients[0] if clients else None)
        except (UnauthenticatedError, InvalidInputError):
            return None
        return await sessions.read(session_id, owner, request_time(scope), heard)


def session_content(session: Session, backpressure: Backpressure) -> dict[str, Any]:
    """The body of a reply that shows a session, with the time of its next autosave."""
    pause = backpressure.next_autosave_after_ms() if session.status.is_open else None
    return {**session.to_dict(), "next_autosave_after_ms": pause}


async def send_session(scope: Scope, send: Send, shown: Shown, backpressure: Backpressure) -> None:
    """Send a reply that shows a session."""
    body = dump_json({**session_content(shown.session, backpressure), **shown.more})
    await _send(scope, send, str(shown.session.etag), body, status=shown.status, more=shown.headers)


async def _send(
    scope: Scope,
    send: Send,
    etag: str,
    text: str,
    *,
    status: int = 200,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Send a session; a read of what the caller knows is answered without it."""
    added = [(name.encode(), value.encode()) for name, value in more.items()]
    headers = [(b"cache-control", b"no-store"), (b"etag", f'"{etag}"'.encode()), *added]
    body = b""
    if scope["method"] == "GET" and is_unchanged(scope, etag):
        status = 304
    else:
        body = text.encode()
        headers += [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
