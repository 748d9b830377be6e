"""uvicorn as both servers run it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from .http_protocol import LimitedProtocol, Limits

_KEEP_ALIVE_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes the port now, before anything is started. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # An event loop does this only for connections that it knows to be TCP, and here it can't know. Without it
    # a reply in two pieces waits 40 ms for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def http_config(
    app: ASGIApp,
    limits: Limits,
    *,
    finish_seconds: int,
    base_path: str = "",
    keep_alive_seconds: int = _KEEP_ALIVE_SECONDS,
) -> uvicorn.Config:
    """How uvicorn serves the app, in front of whose paths `base_path` stands.

    At its end it gives requests `finish_seconds`; a connection without requests is kept for
    `keep_alive_seconds`.
    """
    return uvicorn.Config(
        app,
        http=partial(LimitedProtocol, limits=limits, base_path=base_path),  # type: ignore[arg-type]  # called as the class is
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        # Nothing asks for the client's address, and paths are relative.
        proxy_headers=False,
        timeout_graceful_shutdown=finish_seconds,
        timeout_keep_alive=keep_alive_seconds,
    )


class HttpServer(uvicorn.Server):
    """uvicorn that leaves signals to its owner and says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals: uvicorn would raise them again at its end, before its owner has done the rest."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then say so."""
        await super().startup(sockets)
        self._announce()
