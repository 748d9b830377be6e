"""A TCP proxy in front of PostgreSQL that loses what it is told to lose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import StrEnum
from urllib.parse import urlsplit

READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
"""The end of a reply outside transactions: by now the statement has been committed."""


class Loss(StrEnum):
    """What gets lost; the client sees its connection break either way."""

    STATEMENT = "statement"
    """It never reaches the server."""
    REPLY = "reply"
    """The server carries the statement out."""


class Proxy:
    """Listens on 127.0.0.1 in the running event loop.

    Attributes:
        losses: one taken off the front for each statement that contains `marker`, while there are some.
        delays: the same; seconds that the statement takes to reach the server.
    """

    def __init__(self, target_url: str) -> None:
        self.losses: list[Loss] = []
        self.delays: list[float] = []
        self.marker = b""
        self._target = urlsplit(target_url)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._target._replace(netloc=f"{self._target.username}@127.0.0.1:{port}").geturl()

    def lose(self, marker: bytes, *losses: Loss) -> None:
        self.marker = marker
        self.losses = list(losses)

    def delay(self, marker: bytes, *seconds: float) -> None:
        self.marker = marker
        self.delays = list(seconds)

    def lead_to(self, target_url: str) -> None:
        """New connections go there; those that are open stay."""
        self._target = urlsplit(target_url)

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server_in, server_out = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            client_out.close()
            self._tasks.discard(task)
            return
        replies = asyncio.create_task(_copy(server_in, client_out))
        try:
            while data := await client_in.read(1 << 20):
                loss = self.losses.pop(0) if self.losses and self.marker in data else None
                if loss is not None:
                    replies.cancel()
                    await asyncio.wait([replies])
                    if loss is Loss.REPLY:
                        server_out.write(data)
                        async with asyncio.timeout(5):
                            await server_in.readuntil(READY_FOR_QUERY)
                    return
                if self.delays and self.marker in data:
                    await asyncio.sleep(self.delays.pop(0))
                server_out.write(data)
                await server_out.drain()
        except OSError:
            pass
        finally:
            replies.cancel()
            for writer in (server_out, client_out):
                writer.close()
            self._tasks.discard(task)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 20):
            target.write(data)
            await target.drain()
    target.close()


@contextlib.asynccontextmanager
async def proxy_of(target_url: str) -> AsyncIterator[Proxy]:
    """A running proxy of the PostgreSQL at `target_url`."""
    proxy = Proxy(target_url)
    proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    try:
        yield proxy
    finally:
        proxy._server.close()
        for task in list(proxy._tasks):
            task.cancel()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)
