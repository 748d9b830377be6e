"""What lies between one browser and the service: a gateway with a record of its own, which nemesis breaks."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.harness.gateway import Request
from tests.harness.http_client import LostError, Reply
from tests.harness.students import Kind

from .history import Try
from .students import Classroom

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PATCH",
    "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key, X-Client-Id",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as the browser sent it."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def parts(self) -> list[str]:
        return self.path.split("/")[1:]

    @property
    def kind(self) -> Kind | None:
        """None for one that no student without a browser sends."""
        match self.method, self.parts:
            case "POST", ["sessions", "start"]:
                return Kind.START
            case "GET", ["sessions", _]:
                return Kind.READ
            case "PATCH", ["sessions", _, "progress"]:
                return Kind.AUTOSAVE if self.body.get("autosave") else Kind.COMMIT
            case "POST", ["sessions", _, "complete"]:
                return Kind.COMPLETE
        return None


class Network:
    """The gateway of one student's browser.

    Attributes:
        down: whether nothing gets through, replies to what is under way neither.
        loses_replies: whether the service gets what is sent, and the browser no reply.
        delay: seconds by which each request, and its reply, are late.
    """

    def __init__(self, student: str, room: Classroom, seed: str) -> None:
        self.down = self.loses_replies = False
        self.delay = 0.0
        self.port = 0
        self._student = student
        self._room = room
        self._dice = random.Random(f"{seed}/{student}/network")
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Network]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            connections = list(self._connections)
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (reply := await self._answer(await _read(reader))) is not None:
                writer.write(reply)
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            # The browser is gone, or all is over.
            pass
        finally:
            writer.close()
            self._connections.discard(task)

    async def _answer(self, received: Received) -> bytes | None:
        """What the browser is sent; None where the connection breaks instead."""
        if self.down:
            return None
        if received.method == "OPTIONS":
            return _message(Reply(204, b"", b""))
        await asyncio.sleep(self.delay)
        process = self._dice.choice(self._room.stage.apis)
        record = self._record(received, process.name)
        request = Request(
            received.method,
            received.path,
            self._student,
            self._room.stage.clock.now() if record is None else record.at,
            received.body or None,
            key=received.headers.get("idempotency-key"),
            client=received.headers.get("x-client-id"),
        )
        try:
            reply = await process.client.send(request)
        except LostError:
            return None
        await asyncio.sleep(self.delay)
        if self._is_lost():
            # A reply that never came to the student, whatever the service did.
            return None
        if record is not None:
            self._room.take(record, reply)
        return _message(reply)

    def _is_lost(self) -> bool:
        """Of a reply."""
        return self.down or self.loses_replies

    def _record(self, received: Received, process: str) -> Try | None:
        kind = received.kind
        if kind is None:
            return None
        body = received.body
        is_start = kind is Kind.START
        record = Try(
            student=self._student,
            kind=kind,
            session=None if is_start else received.parts[1],
            process=process,
            at=self._room.stage.clock.now(),
            sent=time.monotonic(),
            answers={"quiz": body["quiz_id"]} if is_start else body.get("answers", {}),
            key=received.headers.get("idempotency-key"),
            client=received.headers.get("x-client-id"),
            based_on=body.get("based_on"),
        )
        self._room.history.append(record)
        return record


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, json.loads(content or "{}"))


def _message(reply: Reply) -> bytes:
    headers = dict(CORS)
    if reply.content:
        headers["Content-Type"] = "application/json" if reply.status < 300 else "application/problem+json"
    if reply.status != 204:
        headers["Content-Length"] = str(len(reply.content))
    asked = reply.header("retry-after")
    if asked is not None:
        headers["Retry-After"] = asked
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} -\r\n{lines}\r\n".encode() + reply.content
