"""What lies between a browser and the service: slow, cut, refusing, or answered by somebody else."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from .pages import serving

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Seen:
    """A request that came by: when, by `time.monotonic()`; `status` is 0 where nobody was told."""

    at: float
    method: str
    path: str
    body: bytes
    status: int


@dataclass
class Network:
    """A proxy in front of the service at `target`.

    Attributes:
        down: whether nothing gets through.
        uplink, downlink: seconds by which a request, and its reply, are late.
        loses_reply: whether the service gets a request, and its client no reply.
        cuts_reply: the same, but with half of it.
        blocks: what a firewall refuses to let through, in whatever it stands.
        holds: a text, and an event for which a request that has it waits on its way to the service.
        keeps: the same, but the reply waits on its way back.
        says: a status and the header Retry-After instead of the service's reply; None for its own.
        seen: what came by, but preflights.
    """

    target: str
    port: int = 0
    down: bool = False
    uplink: Callable[[], float] = lambda: 0.0
    downlink: Callable[[], float] = lambda: 0.0
    loses_reply: bool = False
    cuts_reply: bool = False
    says: tuple[int, str | None] | None = None
    html: bool = False
    blocks: bytes = b""
    holds: tuple[bytes, threading.Event] | None = None
    keeps: tuple[bytes, threading.Event] | None = None
    seen: list[Seen] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def writes(self, since: float = 0.0) -> list[Seen]:
        return [each for each in self.seen if each.method in ("PATCH", "POST") and each.at >= since]

    def heal(self) -> None:
        self.down = self.loses_reply = self.cuts_reply = self.html = False
        self.says = self.holds = self.keeps = None
        self.blocks = b""
        self.uplink = self.downlink = lambda: 0.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""

    def passes(self) -> None:
        network, at = self.network, time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(network.uplink())
        status = 0
        try:
            if network.down:
                self.close_connection = True
                return
            if self.command != "OPTIONS" and network.html:
                self._reply(status := 200, [("Content-Type", "text/html")], b"<h1>Please log in</h1>")
                return
            if self.command != "OPTIONS" and network.says is not None:
                status, wait = network.says
                told = [("Content-Type", "application/problem+json"), ("Access-Control-Allow-Origin", "*")]
                if wait is not None:
                    told += [("Retry-After", wait), ("Access-Control-Expose-Headers", "Retry-After")]
                self._reply(status, told, b'{"code":"from_the_network"}')
                return
            if network.blocks and network.blocks in body:
                told = [("Content-Type", "text/html"), ("Access-Control-Allow-Origin", "*")]
                self._reply(status := 403, told, b"<h1>Forbidden</h1>")
                return
            if network.holds is not None and network.holds[0] in body:
                network.holds[1].wait(60)
            status = self._forward(body, keeps=network.keeps)
        finally:
            if self.command != "OPTIONS":
                network.seen.append(Seen(at, self.command, self.path, body, status))

    def _forward(self, body: bytes, keeps: tuple[bytes, threading.Event] | None) -> int:
        network = self.network
        service = http.client.HTTPConnection(urlsplit(network.target).netloc, timeout=60)
        try:
            service.request(self.command, self.path, body or None, dict(self.headers.items()))
            reply = service.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return 0
        finally:
            service.close()
        if keeps is not None and keeps[0] in body:
            keeps[1].wait(60)
        time.sleep(network.downlink())
        if self.command != "OPTIONS" and (network.loses_reply or network.down):
            self.close_connection = True
            return 0
        headers = [(name, value) for name, value in reply.getheaders() if name.lower() not in HOP_BY_HOP]
        half = self.command != "OPTIONS" and network.cuts_reply
        self._reply(reply.status, headers, content, len(content) // 2 if half else None)
        return 0 if half else reply.status

    def _reply(
        self, status: int, headers: list[tuple[str, str]], content: bytes, cut: int | None = None
    ) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True


@contextmanager
def network_before(target: str) -> Iterator[Network]:
    """A network whose other end is the service at `target`."""
    network = Network(target)
    # http.server looks for a method of this name for each of HTTP.
    methods = {f"do_{each}": _Handler.passes for each in METHODS}
    with serving(type("_Bound", (_Handler,), {"network": network, **methods})) as port:
        network.port = port
        yield network
