"""A receiver of webhooks, which answers as a test says."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

Event = tuple[UUID, int]
"""A session and the revision of one of its events."""


@dataclass(frozen=True)
class Delivery:
    """A request to the receiver, and what it was told."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def event(self) -> Event:
        data = json.loads(self.body)["data"]
        return UUID(data["session_id"]), int(data["sequence"])


@dataclass
class Receiver:
    """What a test has the receiver do, and what it has seen.

    Attributes:
        status: what an event is answered with.
        slow: the events whose answer waits for `go`.
        heard: set once there is a delivery.
    """

    status: Callable[[Event], int] = lambda event: 204
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: Callable[[Event], bool] = lambda event: False
    go: threading.Event = field(default_factory=threading.Event)
    heard: threading.Event = field(default_factory=threading.Event)
    deliveries: list[Delivery] = field(default_factory=list)
    url: str = ""

    @property
    def tried(self) -> list[Event]:
        return [delivery.event for delivery in self.deliveries]

    @property
    def taken(self) -> list[Event]:
        """What it has accepted, in that order."""
        return [delivery.event for delivery in self.deliveries if delivery.status == 204]

    @property
    def most(self) -> int:
        """How often it has accepted the same event."""
        return max(Counter(self.taken).values(), default=0)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One that waits for a next request does not keep the test from ending.
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard = Delivery(self.path, {k.lower(): v for k, v in self.headers.items()}, body, 0)
            status = receiver.status(heard.event)
            receiver.deliveries.append(Delivery(heard.path, heard.headers, body, status))
            receiver.heard.set()
            if receiver.slow(heard.event):
                receiver.go.wait(30)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}/events?token=hidden"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.go.set()
            server.shutdown()
            thread.join()
