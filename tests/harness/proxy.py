"""A TCP proxy between a process and a store, which holds up, tears and loses what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
"""The end of PostgreSQL's reply outside transactions: by now the statement has been committed."""


class Loss(StrEnum):
    """What gets lost; the client sees its connection break either way."""

    STATEMENT = "statement"
    """It never reaches the server."""
    REPLY = "reply"
    """The server carries the statement out."""


class Where(StrEnum):
    """What is done to a message with the marker in it."""

    BEFORE = "before"
    """The connection breaks, and the server never gets the message."""
    AFTER = "after"
    """The connection breaks when the server has done what it says, and its reply is lost."""
    HOLD = "hold"
    """It waits until it is let go."""
    SPLIT = "split"
    """All but its last command goes to the server; that one waits until it is let go."""


@dataclass
class Rule:
    """Applies once, to the first message from now on that contains `marker`.

    Attributes:
        then: called when it applies, before the connection breaks.
        command: what the last command begins with, where the message is split.
        seconds: how long it is held, at most.
    """

    marker: bytes
    where: Where
    then: Callable[[], object] = lambda: None
    command: bytes = b""
    seconds: float | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes on to the store at `target_url`.

    Attributes:
        delay: seconds by which each message is late, in both directions.
        rules: those that have not applied yet.
    """

    def __init__(self, target_url: str) -> None:
        self.delay = 0.0
        self.rules: list[Rule] = []
        self._target = urlsplit(target_url)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        user = "".join(self._target.netloc.rpartition("@")[:2])
        port = self._server.sockets[0].getsockname()[1]
        return self._target._replace(netloc=f"{user}127.0.0.1:{port}").geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self.cut()

    async def cut(self) -> None:
        """Break every connection."""
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def apply(self, rule: Rule) -> Rule:
        self.rules.append(rule)
        return rule

    def lose(self, marker: bytes, *losses: Loss) -> None:
        """Of the next statements with the marker, as many as there are losses."""
        for loss in losses:
            self.apply(Rule(marker, Where.BEFORE if loss is Loss.STATEMENT else Where.AFTER))

    def lead_to(self, target_url: str) -> None:
        """New connections go there; those that are open stay."""
        self._target = urlsplit(target_url)

    def forget(self) -> None:
        """Let everything through from now on."""
        self.delay = 0.0
        for rule in self.rules:
            rule.released.set()
        self.rules.clear()

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [client_out]
        replies: asyncio.Task[None] | None = None
        try:
            server_in, server_out = await asyncio.open_connection(self._target.hostname, self._target.port)
            writers.append(server_out)
            replies = asyncio.create_task(self._copy(server_in, client_out))
            while data := await client_in.read(1 << 20):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not await self._pass(data, server_in, server_out, replies):
                    break
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, TimeoutError):
            # Broken by either side, or by `cut`.
            pass
        finally:
            if replies is not None:
                replies.cancel()
            for writer in writers:
                writer.close()
            self._connections.discard(task)

    async def _pass(
        self,
        data: bytes,
        server_in: asyncio.StreamReader,
        server_out: asyncio.StreamWriter,
        replies: asyncio.Task[None],
    ) -> bool:
        """Pass a message on; False where the connection has to end."""
        rule = next((rule for rule in self.rules if rule.marker in data), None)
        if rule is None:
            server_out.write(data)
            await server_out.drain()
            return True
        self.rules.remove(rule)
        match rule.where:
            case Where.BEFORE:
                rule.then()
                rule.reached.set()
                return False
            case Where.AFTER:
                replies.cancel()
                await asyncio.wait([replies])
                server_out.write(data)
                async with asyncio.timeout(5):
                    if self._target.scheme == "postgresql":
                        await server_in.readuntil(READY_FOR_QUERY)
                    else:
                        # Valkey's comes in one piece.
                        await server_in.read(1 << 20)
                rule.then()
                rule.reached.set()
                return False
            case Where.SPLIT:
                first = data.rindex(rule.command)
                server_out.write(data[:first])
                data = data[first:]
        rule.reached.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(rule.released.wait(), rule.seconds)
        server_out.write(data)
        await server_out.drain()
        return True

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 20):
                if self.delay:
                    await asyncio.sleep(self.delay)
                target.write(data)
                await target.drain()
            target.close()


@contextlib.asynccontextmanager
async def proxy_of(target_url: str) -> AsyncIterator[Proxy]:
    """A running proxy of the store at `target_url`."""
    proxy = Proxy(target_url)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
