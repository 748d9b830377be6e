"""What a process and the load balancer in front of it tell each other."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BehindBalancer:
    """The app behind a load balancer, which alone reaches it.

    The caller's address is the last of X-Forwarded-For: the balancer has added that one, and what stands
    before it anybody may have written. A process that is about to end asks, with each reply, that its
    connection be left, so that none is closed under a request.
    """

    def __init__(self, app: ASGIApp, is_draining: Callable[[], bool]) -> None:
        self._app = app
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if forwarded:
            address = forwarded[-1].rpartition(b",")[2].strip().decode("latin-1")
            scope = {**scope, "client": (address, 0)}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and self._is_draining():
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, send_on)
