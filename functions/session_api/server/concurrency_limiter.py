"""Lets so many requests into the app at a time; the others wait their turn."""

from asyncio import Semaphore
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quiz_sessions.bootstrap import POOL_SIZE
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros

from ..strict_json import MAX_BODY_BYTES

_BEYOND_CONNECTIONS = 22
"""So many more than there are connections to PostgreSQL: those that share statements need none of their own,
and of the others each gets one soon."""


def at_once(connections: int) -> int:
    """How many requests a process serves at a time with so many connections."""
    return connections + _BEYOND_CONNECTIONS


AT_ONCE = at_once(POOL_SIZE)


class ConcurrencyLimiter:
    """First come, first served.

    On AWS an environment takes one request at a time, and the gateway keeps the others. A process that took a
    thousand at once would have them wait for ten connections, most of them for longer than it is worth.

    As the gateway does, it takes a request in whole before anybody is asked to serve it, and the reply before
    it is sent: neither a slow body nor a client that does not read occupies a place. A request was received
    when its last byte was; a body that is held back buys no time.

    GET /health, which says that the process is alive and asks no store, waits for nobody.
    """

    def __init__(
        self,
        app: ASGIApp,
        at_once: int = AT_ONCE,
        *,
        base_path: str = "",
        clock: Callable[[], Micros] = current_micros,
    ) -> None:
        """`base_path` stands in front of the API's paths; `clock` says when requests were received."""
        self._app = app
        self._clock = clock
        self._places = Semaphore(at_once)
        self._under_way = 0
        # Whoever checks the process itself, such as a load balancer, sends what comes without the front.
        self._needs_no_place = ("/health", f"{base_path}/health")

    @property
    def under_way(self) -> int:
        """How many requests are in the app."""
        return self._under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when its turn has come."""
        if scope["path"] in self._needs_no_place and scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        # rule: a request was received with its last byte
        request = await _receive_whole(receive)
        if request is None:
            return
        scope.setdefault("state", {})["at"] = self._clock()
        received, reply = [request], list[Message]()

        async def replay() -> Message:
            return received.pop() if received else await receive()

        async def keep(message: Message) -> None:
            reply.append(message)

        async with self._places:
            self._under_way += 1
            try:
                await self._app(scope, replay, keep)
            finally:
                self._under_way -= 1
        for message in reply:
            await send(message)


async def _receive_whole(receive: Receive) -> Message | None:
    """A request up to its end, or to more than the app takes; None where the client left before that."""
    # One message: a body may come byte by byte, and a message for each would take a hundred times its size.
    body = bytearray()
    more = True
    while more and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return {"type": "http.request", "body": bytes(body), "more_body": more}
