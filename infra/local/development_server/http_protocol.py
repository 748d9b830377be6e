"""HTTP/1.1 as uvicorn speaks it, with the limits that a gateway has in front of a service.

uvicorn limits neither how long a request may take to come nor how long a reply may take to be read, and its
`limit_concurrency` refuses only who has sent a request: clients that send nothing use up all descriptors.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from session_api.front import ALWAYS
from session_api.problems import problem

SECONDS = 30.0
"""As long as API Gateway gives a request."""
_MOST_CONNECTIONS = 10_000
_MOST_AT_A_TIME = 2048


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take.

    Attributes:
        connections: how many may be open.
        at_a_time: how many are accepted before they are counted.
        seconds: how long a request may take to come, and a reply to be read.
    """

    connections: int
    at_a_time: int
    seconds: float = SECONDS

    @classmethod
    def of_this_process(cls) -> Limits:
        """Half of the descriptors that the process may have are for connections.

        Four times `at_a_time` are accepted before the first of them is refused and closed. The rest is for
        the stores, for files, and for what else the process does.
        """
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = 2 * _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft
        return cls(
            connections=min(_MOST_CONNECTIONS, descriptors // 2),
            at_a_time=max(1, min(_MOST_AT_A_TIME, descriptors // 16)),
        )


class LimitedProtocol(H11Protocol):
    """One connection. What it refuses by itself it answers with a problem, as the app does."""

    def __init__(self, *, limits: Limits, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._limits = limits
        self._comes: asyncio.TimerHandle | None = None
        self._is_read: asyncio.TimerHandle | None = None

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

    def handle_events(self) -> None:
        """Deal with what has come."""
        super().handle_events()
        self._watch()

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
        self._refuse(
            400, "bad_request", "The request can't be read: it is no HTTP/1.1, or its head is too large."
        )

    def _watch(self) -> None:
        """Give a request so many seconds until its end; they begin with the reply before it."""
        is_coming = self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing()
        if is_coming and self._comes is None:
            self._comes = self.loop.call_later(self._limits.seconds, self._come_too_late)
        elif not is_coming and self._comes is not None:
            self._comes.cancel()
            self._comes = None

    def _come_too_late(self) -> None:
        has_begun = self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]
        if has_begun:
            self._refuse(408, "request_timeout", f"A request has to come within {self._limits.seconds:g} s.")
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem, if no answer has begun, and close the connection."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        request_id = str(uuid4())
        reply = problem(status, code, detail, request_id)
        headers = [
            *self.server_state.default_headers,
            *reply.raw_headers,
            (b"x-request-id", request_id.encode()),
            *ALWAYS,
            (b"connection", b"close"),
        ]
        is_head = self.conn.our_state is h11.SEND_RESPONSE and self.scope["method"] == "HEAD"
        for event in (
            h11.Response(status_code=status, headers=headers, reason=b""),
            h11.Data(data=b"" if is_head else bytes(reply.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
