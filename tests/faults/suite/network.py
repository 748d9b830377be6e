"""A TCP proxy between one process and one store, which holds up, tears and loses what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
"""The end of PostgreSQL's reply outside transactions: by now the statement has been committed."""


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
    """

    marker: bytes
    where: Where
    then: Callable[[], object] = lambda: None
    command: bytes = b""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """Listens on a free port of 127.0.0.1 and passes on to `target_port`.

    `reply_end` is how the server ends each reply; where it is None, a reply comes in one piece.

    Attributes:
        delay: seconds by which each message is late, in both directions.
    """

    def __init__(self, target_port: int, reply_end: bytes | None = None) -> None:
        self.delay = 0.0
        self._reply_end = reply_end
        self._target_port = target_port
        self._rules: list[Rule] = []
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

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
        self._rules.append(rule)
        return rule

    def forget(self) -> None:
        """Let everything through from now on."""
        self.delay = 0.0
        for rule in self._rules:
            rule.released.set()
        self._rules.clear()

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [client_out]
        replies: asyncio.Task[None] | None = None
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
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
        rule = next((rule for rule in self._rules if rule.marker in data), None)
        if rule is None:
            server_out.write(data)
            await server_out.drain()
            return True
        self._rules.remove(rule)
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
                    if self._reply_end is None:
                        await server_in.read(1 << 20)
                    else:
                        await server_in.readuntil(self._reply_end)
                rule.then()
                rule.reached.set()
                return False
            case Where.SPLIT:
                first = data.rindex(rule.command)
                server_out.write(data[:first])
                data = data[first:]
        rule.reached.set()
        await rule.released.wait()
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
