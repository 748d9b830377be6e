"""Lets so many requests into the app at a time; the others wait their turn."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.runtime.clock import current_micros

AT_ONCE = 16
"""More than the ten connections to PostgreSQL, and few enough that each gets one soon."""


class ConcurrencyLimiter:
    """First come, first served.

    On AWS an environment takes one request at a time, and the gateway keeps the others. A process that took a
    thousand at once would have them wait for ten connections, most of them for longer than it is worth.
    """

    def __init__(self, app: ASGIApp, at_once: int = AT_ONCE) -> None:
        self._app = app
        self._gate = asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when its turn has come; it was received before."""
        scope.setdefault("state", {})["at"] = current_micros()
        async with self._gate:
            await self._app(scope, receive, send)
