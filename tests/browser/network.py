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

from tests.harness.web_server import serving

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


@dataclass(frozen=True)
class _Reply:
    """`cut`: after how many bytes of the content the connection ends; None for none."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes
    cut: int | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""

    def passes(self) -> None:
        network, at = self.network, time.monotonic()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(network.uplink())
        reply = self._answer(body)
        status = 0 if reply is None or reply.cut is not None else reply.status
        if self.command != "OPTIONS":
            # Before its client can act upon the reply.
            network.seen.append(Seen(at, self.command, self.path, body, status))
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    def _answer(self, body: bytes) -> _Reply | None:
        network, is_preflight = self.network, self.command == "OPTIONS"
        if network.down:
            return None
        if network.html and not is_preflight:
            return _Reply(200, [("Content-Type", "text/html")], b"<h1>Please log in</h1>")
        if network.says is not None and not is_preflight:
            status, wait = network.says
            told = [("Content-Type", "application/problem+json"), ("Access-Control-Allow-Origin", "*")]
            if wait is not None:
                told += [("Retry-After", wait), ("Access-Control-Expose-Headers", "Retry-After")]
            return _Reply(status, told, b'{"code":"from_the_network"}')
        if network.blocks and network.blocks in body:
            told = [("Content-Type", "text/html"), ("Access-Control-Allow-Origin", "*")]
            return _Reply(403, told, b"<h1>Forbidden</h1>")
        if network.holds is not None and network.holds[0] in body:
            network.holds[1].wait(60)
        return self._forward(body, keeps=network.keeps)

    def _forward(self, body: bytes, keeps: tuple[bytes, threading.Event] | None) -> _Reply | None:
        network = self.network
        service = http.client.HTTPConnection(urlsplit(network.target).netloc, timeout=60)
        try:
            service.request(self.command, self.path, body or None, dict(self.headers.items()))
            reply = service.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            service.close()
        if keeps is not None and keeps[0] in body:
            keeps[1].wait(60)
        time.sleep(network.downlink())
        is_preflight = self.command == "OPTIONS"
        if not is_preflight and (network.loses_reply or network.down):
            return None
        headers = [(name, value) for name, value in reply.getheaders() if name.lower() not in HOP_BY_HOP]
        cut = len(content) // 2 if network.cuts_reply and not is_preflight else None
        return _Reply(reply.status, headers, content, cut)

    def _send(self, reply: _Reply) -> None:
        with suppress(OSError):
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if reply.status not in (204, 304):
                self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content[: reply.cut])
        if reply.cut is not None:
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
