"""An HTTP client that costs little, for many users at once, and what it measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

REPLY_SECONDS = 60.0


class NoReplyError(Exception):
    """The connection ended before the reply: the request may or may not have been carried out."""


@dataclass(frozen=True)
class Reply:
    """A reply with JSON in it.

    Attributes:
        retry_after: seconds, None where the server names none.
    """

    status: int
    body: dict[str, Any]
    retry_after: float | None


@dataclass
class Figures:
    """What requests met, by their kind."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    unanswered: int = 0

    def lines(self) -> list[str]:
        """A table: median, 99th percentile and longest, in milliseconds, and the statuses."""
        table = []
        for kind, seconds in sorted(self.seconds.items()):
            ordered = sorted(seconds)
            p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            statuses = {status: n for (of, status), n in sorted(self.statuses.items()) if of == kind}
            table.append(
                f"{kind:<10} {len(ordered):>6}  median {ordered[len(ordered) // 2] * 1000:7.1f}  "
                f"p99 {p99 * 1000:7.1f}  max {ordered[-1] * 1000:7.1f} ms  {statuses}"
            )
        return [*table, f"without a reply: {self.unanswered}"]

    def failed(self) -> int:
        """How many replies said that the server failed."""
        return sum(n for (_, status), n in self.statuses.items() if status >= 500)


class User:
    """One user's connection, kept open."""

    def __init__(self, host: str, port: int, figures: Figures) -> None:
        self._host = host
        self._port = port
        self._figures = figures
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        """Open the connection before it is needed."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def send(self, kind: str, method: str, path: str, body: object = None) -> Reply:
        """One request, once.

        Raises:
            NoReplyError: the connection ended first.
        """
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: exam\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await self.connect()
                assert self._streams is not None
                reader, writer = self._streams
                writer.write(head.encode() + content)
                reply = await _read(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self._figures.unanswered += 1
            await self.close()
            raise NoReplyError from error
        self._figures.seconds.setdefault(kind, []).append(time.perf_counter() - begun)
        self._figures.statuses[kind, reply.status] += 1
        return reply


async def _read(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    retry_after = headers.get("retry-after")
    return Reply(
        int(head[0].split()[1]),
        json.loads(content) if content else {},
        None if retry_after is None else float(retry_after),
    )
