"""HTTP/1.1 as uvicorn speaks it, with the limits that a gateway has in front of a service.

uvicorn limits neither how long a request may take to come nor how long a reply may take to be read, nor the
size of a head, and its `limit_concurrency` refuses only who has sent a request: clients that send nothing use
up all descriptors. Its parser does not ask for a host.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..front import ALWAYS
from ..problems import problem

SECONDS = 30.0
"""As long as API Gateway gives a request."""
MAX_HEAD_BYTES = 65_536
_MOST_CONNECTIONS = 10_000
_UNREADABLE = "The request can't be read: it is no HTTP/1.1, or its head is too large."


class _UnreadableError(Exception):
    """The parser takes what must not be taken."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take.

    Attributes:
        connections: how many may be open.
        seconds: how long a request may take to come, and a reply to be read.
    """

    connections: int
    seconds: float = SECONDS

    @classmethod
    def of_this_process(cls) -> Limits:
        """Half of the descriptors that the process may have are for connections.

        The rest is for those that have yet to be refused, for the stores, and for files.
        """
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = 2 * _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft
        return cls(connections=min(_MOST_CONNECTIONS, descriptors // 2))


class LimitedProtocol(HttpToolsProtocol):
    """One connection. What it refuses by itself it answers with a problem, as the app does."""

    def __init__(self, *, limits: Limits, base_path: str = "", **uvicorns: Any) -> None:
        """`base_path` stands in front of the API's paths."""
        super().__init__(**uvicorns)
        self._limits = limits
        self._base_path = base_path
        self._comes: asyncio.TimerHandle | None = None
        self._is_read: asyncio.TimerHandle | None = None
        self._is_message_open = False
        self._is_head_open = False
        self._head_bytes = 0
        self._refusal: tuple[int, str, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Refuse one too many."""
        super().connection_made(transport)
        # `pause_writing` is to tell of everything that the client has not taken.
        transport.set_write_buffer_limits(0)
        if len(self.connections) > self._limits.connections:
            self._refuse(429, "too_many_requests", "Too many connections are open. Try again.")
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        for timer in (self._comes, self._is_read):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Deal with what has come."""
        if self._refusal is not None or self.transport.is_closing():
            return
        if self._is_head_open:
            # The parser keeps a header until its end, however long it is.
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("")
            return
        super().data_received(data)
        self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_message_open = self._is_head_open = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the path."""
        self._measure(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._measure(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse a head that others may read in another way."""
        self._is_head_open, self._head_bytes = False, 0
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if (
            version not in ("1.0", "1.1")
            or len(hosts) > 1
            or (not hosts and version == "1.1")
            or any(coding.lower() != b"chunked" for coding in codings)
            # The parser takes an upgrade for the end of the request; its body would become another one.
            or (self.parser.should_upgrade() and (codings or _has_length(self.headers)))
        ):
            raise _UnreadableError
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # Answered in this protocol; what comes behind it was written for another one.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request is there."""
        super().on_message_complete()
        self._is_message_open = False

    def on_response_complete(self) -> None:
        """A reply was sent."""
        super().on_response_complete()
        if self._refusal is not None and not self.pipeline:
            self._refuse(*self._refusal)

    def pause_writing(self) -> None:
        """The client has yet to take something."""
        super().pause_writing()
        if self._is_read is None:
            self._is_read = self.loop.call_later(self._limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken everything."""
        super().resume_writing()
        if self._is_read is not None:
            self._is_read.cancel()
            self._is_read = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, "bad_request", _UNREADABLE)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: who asks for another protocol is answered in this one."""

    def _measure(self, *pieces: bytes) -> None:
        self._head_bytes += sum(map(len, pieces))
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _UnreadableError

    def _is_idle(self) -> bool:
        # Before the first request there is none, whatever its type says.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _watch(self) -> None:
        """Give a request so many seconds until its end; they begin with the connection or its first byte.

        Between a reply and the next request uvicorn's keep-alive counts.
        """
        is_coming = (self._is_message_open or self._is_idle()) and not self.transport.is_closing()
        if is_coming and self._comes is None:
            self._comes = self.loop.call_later(self._limits.seconds, self._come_too_late)
        elif not is_coming and self._comes is not None:
            self._comes.cancel()
            self._comes = None

    def _come_too_late(self) -> None:
        if self._is_message_open:
            self._refuse(408, "request_timeout", f"A request has to come within {self._limits.seconds:g} s.")
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem and close the connection; a request before this one is answered first."""
        is_of_cycle = not self._is_idle() and self.cycle.more_body
        if is_of_cycle and self.cycle.response_started:
            self.transport.abort()
            return
        if not self._is_idle() and not is_of_cycle:
            self._refusal = (status, code, detail)
            return
        request_id = str(uuid4())
        reply = problem(status, code, detail, request_id, root_path=self._base_path)
        headers = [
            *self.server_state.default_headers,
            *reply.raw_headers,
            (b"x-request-id", request_id.encode()),
            *ALWAYS,
            (b"connection", b"close"),
        ]
        is_head = is_of_cycle and self.scope["method"] == "HEAD"
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join(lines) + (b"" if is_head else bytes(reply.body)))
        self.transport.close()


def _has_length(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-length" and value != b"0" for name, value in headers)
