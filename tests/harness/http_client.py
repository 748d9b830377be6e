"""A client that costs little: HTTP/1.1 on connections that are kept open, for many users at once."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Hold = Callable[[], Awaitable[None]]


class LostError(Exception):
    """No reply came: the request may or may not have been carried out."""


@dataclass(frozen=True)
class Reply:
    """A reply; `head` are its first line and its headers."""

    status: int
    head: bytes
    content: bytes

    @cached_property
    def body(self) -> Any:
        """The JSON in it; {} where it is empty."""
        return json.loads(self.content) if self.content else {}

    def header(self, name: str) -> str | None:
        found = re.search(rb"\r\n%b:[ \t]*([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return None if found is None else found[1].decode("latin-1")

    @property
    def retry_after(self) -> float | None:
        """Seconds; None where the server names none."""
        named = self.header("retry-after")
        return None if named is None else float(named)


class HttpClient:
    """Requests to a port of 127.0.0.1, as many at a time as are sent.

    Attributes:
        reconnected: connections found closed before a request was sent, as a server does with idle ones.
    """

    def __init__(self, port: int, *, patience: float = 60.0, resend: bool = False) -> None:
        """`patience`: seconds for a reply.

        `resend`: once more where a connection that was kept breaks before the reply, which tells nothing of
        whether the request has been carried out.
        """
        self.reconnected = 0
        self._port = port
        self._patience = patience
        self._resend = resend
        self._idle: list[Streams] = []

    async def connect(self) -> None:
        """Open a connection before it is needed."""
        self._idle.append(await self._connection())

    async def close(self) -> None:
        while self._idle:
            await _closed(self._idle.pop())

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        hold: Hold | None = None,
    ) -> Reply:
        """Send JSON, the last byte once `hold` has returned. Raises LostError."""
        content = b"" if body is None else json.dumps(body).encode()
        typed = {} if body is None else {"Content-Type": "application/json"}
        lines = [f"{name}: {value}\r\n" for name, value in {**typed, **(headers or {})}.items()]
        message = (
            f"{method} {path} HTTP/1.1\r\nHost: quiz.test\r\n{''.join(lines)}"
            f"Content-Length: {len(content)}\r\n\r\n"
        ).encode() + content
        kept = bool(self._idle)
        try:
            return await self._exchange(message, hold)
        except LostError:
            if not (self._resend and kept):
                raise
            await self.close()
            return await self._exchange(message)

    async def _exchange(self, message: bytes, hold: Hold | None = None) -> Reply:
        streams = None
        try:
            async with asyncio.timeout(self._patience):
                streams = await self._connection()
                if hold is not None:
                    streams[1].write(message[:-1])
                    await hold()
                    message = message[-1:]
                streams[1].write(message)
                reply = await _read(streams[0])
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise LostError(f"{type(error).__name__}: {error}") from error
        else:
            if reply.header("connection") != "close":
                self._idle.append(streams)
                streams = None
            return reply
        finally:
            if streams is not None:
                streams[1].close()

    async def _connection(self) -> Streams:
        while self._idle:
            streams = self._idle.pop()
            if not streams[0].at_eof() and not streams[1].is_closing():
                return streams
            self.reconnected += 1
            await _closed(streams)
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _closed(streams: Streams) -> None:
    streams[1].close()
    with suppress(OSError):
        await streams[1].wait_closed()


async def _read(reader: asyncio.StreamReader) -> Reply:
    head = await reader.readuntil(b"\r\n\r\n")
    reply = Reply(int(head[9:12]), head, b"")
    if reply.header("transfer-encoding") != "chunked":
        content = await reader.readexactly(int(reply.header("content-length") or 0))
        return Reply(reply.status, head, content)
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return Reply(reply.status, head, b"".join(parts))
