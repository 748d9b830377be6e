"""An HTTP client that costs little, for many users at once, and what it measured."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

REPLY_SECONDS = 60.0
TRY_AGAIN = (429, 503)


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
    """What requests met, by their kind.

    Attributes:
        problems: the codes of replies that ask to try again.
        retries: requests sent once more, after such a reply or none.
        unanswered: requests whose connection ended before the reply.
        reconnected: connections found closed before a request was sent, as the server does with idle ones.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    unanswered: int = 0
    reconnected: int = 0
    begun: float = math.inf
    ended: float = -math.inf

    def note(self, kind: str, begun: float, reply: Reply) -> None:
        """Count a reply that came now."""
        self.begun, self.ended = min(self.begun, begun), time.perf_counter()
        self.seconds.setdefault(kind, []).append(self.ended - begun)
        self.statuses[kind, reply.status] += 1
        if reply.status in TRY_AGAIN:
            self.problems[reply.body["code"]] += 1

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
        count, took = sum(map(len, self.seconds.values())), self.ended - self.begun
        return [
            *table,
            f"{count} replies in {took:.1f} s, {count / took:.0f} a second; retries {self.retries}, "
            f"asked to try again {dict(self.problems)}, without a reply {self.unanswered}, "
            f"idle connections opened anew {self.reconnected}",
        ]

    def failed(self) -> int:
        """How many replies said that the server failed."""
        return sum(n for (_, status), n in self.statuses.items() if status >= 500)


class User:
    """One user's connection, kept open."""

    def __init__(self, host: str, port: int, figures: Figures) -> None:
        self._host = host
        self._port = port
        self.figures = figures
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        """Open the connection before it is needed, or anew where the server has closed it."""
        if self._streams is not None and self._streams[0].at_eof():
            self.figures.reconnected += 1
            await self.close()
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
            self.figures.unanswered += 1
            await self.close()
            raise NoReplyError from error
        self.figures.note(kind, begun, reply)
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
