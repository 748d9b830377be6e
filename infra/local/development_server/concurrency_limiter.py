"""Lets so many requests into the app at a time; the others wait their turn."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quiz_sessions.runtime.clock import current_micros
from session_api.strict_json import MAX_BODY_BYTES

AT_ONCE = 16
"""More than the ten connections to PostgreSQL, and few enough that each gets one soon."""


class ConcurrencyLimiter:
    """First come, first served.

    On AWS an environment takes one request at a time, and the gateway keeps the others. A process that took a
    thousand at once would have them wait for ten connections, most of them for longer than it is worth.

    As the gateway does, it takes a request in whole before anybody is asked to serve it: a slow body occupies
    no place. It was received when its last byte was; a body that is held back buys no time.
    """

    def __init__(self, app: ASGIApp, at_once: int = AT_ONCE) -> None:
        self._app = app
        self._gate = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when its turn has come."""
        received = await _receive_whole(receive)
        scope.setdefault("state", {})["at"] = current_micros()

        async def replay() -> Message:
            return received.popleft() if received else await receive()

        async with self._gate:
            await self._app(scope, replay, send)


async def _receive_whole(receive: Receive) -> deque[Message]:
    """The messages of a request up to its end, or to more than the app takes."""
    messages: deque[Message] = deque()
    size = 0
    while size <= MAX_BODY_BYTES:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            break
    return messages
