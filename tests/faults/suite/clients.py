"""The gateway: stamps requests with its time and their caller, and hands them to a process or a function."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

CONTEXT_HEADER = "x-request-context"
FLUSH_PATH = "/_flush"
PATIENCE_SECONDS = 12.0


class LostError(Exception):
    """No reply came: the request may or may not have been carried out."""


@dataclass(frozen=True, slots=True)
class Request:
    """As a caller sends it; `key` is its Idempotency-Key."""

    method: str
    path: str
    caller: str
    at: int
    body: Any = None
    scopes: str = ""
    key: str | None = None

    def context(self) -> dict[str, Any]:
        """What API Gateway says of it."""
        claims = {"sub": self.caller, "scope": self.scopes}
        return {
            "requestId": uuid4().hex,
            "timeEpoch": self.at // 1000,
            "authorizer": {"jwt": {"claims": claims, "scopes": None}},
        }

    def headers(self) -> dict[str, str]:
        headers = {"host": "quiz.test", "content-type": "application/json"}
        return headers if self.key is None else {**headers, "idempotency-key": self.key}

    def text(self) -> str:
        return "" if self.body is None else json.dumps(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]


class Client(Protocol):
    """How to reach one process of the service."""

    async def send(self, request: Request) -> Reply:
        """The reply. Raises LostError."""

    async def close(self) -> None:
        """Close the connections."""


class Gateway:
    """Its clock gives each request a millisecond of its own, so that their order is never in doubt."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        """In microseconds since 1970-01-01 UTC."""
        self._last = max(time.time_ns() // 1_000_000, self._last + 1)
        return self._last * 1000


class HttpClient:
    """HTTP/1.1 over connections that are kept: as much of it as uvicorn and the emulator speak."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, request: Request) -> Reply:
        headers = {**request.headers(), CONTEXT_HEADER: json.dumps(request.context())}
        status, body = await self.exchange(request.method, request.path, headers, request.text())
        return Reply(status, json.loads(body) if body else {})

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, bytes]:
        """Send one request. Raises LostError."""
        content = body.encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        message = f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(content)}\r\n\r\n".encode()
        writer = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await self._connection()
                writer.write(message + content)
                reply = await _read_reply(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            if writer is not None:
                writer.close()
            raise LostError(str(error)) from error
        except BaseException:
            if writer is not None:
                writer.close()
            raise
        self._idle.append((reader, writer))
        return reply

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


class FunctionClient:
    """The runtime emulator, which invokes its function once at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._path = parts.path
        self._http = HttpClient(parts.port)
        self._turn = asyncio.Lock()

    async def send(self, request: Request) -> Reply:
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": request.path,
            "rawQueryString": "",
            "headers": request.headers(),
            "requestContext": {
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.10",
                    "userAgent": "test",
                },
                "stage": "$default",
                "domainName": "quiz.test",
                **request.context(),
            },
            "body": request.text(),
            "isBase64Encoded": False,
        }
        async with self._turn:
            _, content = await self._http.exchange("POST", self._path, {"host": "test"}, json.dumps(event))
        try:
            reply = json.loads(content)
        except ValueError as error:
            raise LostError("the function was ended") from error
        if "statusCode" not in reply:
            raise LostError(str(reply.get("errorType")))
        return Reply(reply["statusCode"], json.loads(reply["body"] or "{}"))

    async def close(self) -> None:
        await self._http.close()


async def _read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return int(start.split()[1]), b"".join(parts)
    return int(start.split()[1]), await reader.readexactly(int(headers.get("content-length", 0)))
