"""A student who takes a quiz over HTTP and keeps a ledger of what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from tests.harness.http_client import Reply
from tests.harness.ledger import Ledger

TRY_AGAIN = (0, 429, 503)
LOST = Reply(0, b"", b"")
"""In place of a reply that did not come."""


class Kind(StrEnum):
    """What a request is for."""

    START = "start"
    COMMIT = "commit"
    AUTOSAVE = "autosave"
    READ = "read"
    COMPLETE = "complete"
    ABANDON = "abandon"
    TAKEOVER = "takeover"
    """To go on with the session on this device."""
    TRESPASS = "trespass"
    """A read of another student's session."""


ENDS = {Kind.COMPLETE: "completed", Kind.ABANDON: "abandoned"}


def request_of(kind: Kind, session: object = None, **body: Any) -> tuple[str, str, dict[str, Any] | None]:
    """Method, path and body; of the body only what is not None."""
    given = {name: value for name, value in body.items() if value is not None}
    match kind:
        case Kind.START:
            return "POST", "/sessions/start", given
        case Kind.READ | Kind.TRESPASS:
            return "GET", f"/sessions/{session}", None
        case Kind.TAKEOVER:
            return "POST", f"/sessions/{session}/device", {"takeover": True}
        case Kind.COMMIT:
            return "PATCH", f"/sessions/{session}/progress", given
        case Kind.AUTOSAVE:
            return "PATCH", f"/sessions/{session}/progress", {**given, "autosave": True}
        case _:
            return "POST", f"/sessions/{session}/{kind}", given or None


class Line(Protocol):
    """How a student reaches the service; the reply is LOST where none came."""

    async def __call__(
        self, kind: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request, once."""


async def patiently(send: Callable[[], Awaitable[Reply]]) -> Reply:
    """The reply that is no "try again", waited for as the service asks."""
    while (reply := await send()).status in TRY_AGAIN:
        if reply is not LOST:
            assert reply.retry_after is not None, reply
        await asyncio.sleep(min(reply.retry_after or 0.2, 1))
    return reply


@dataclass
class Student:
    """One student at one attempt; who is patient sends each request until it is known what became of it.

    Attributes:
        client: what the student's device is called, if it says.
    """

    name: str
    line: Line
    patient: bool = True
    client: str | None = None
    ledger: Ledger = field(init=False)

    @property
    def path(self) -> str:
        return f"/sessions/{self.ledger.session_id}"

    async def start(self, quiz: str, key: str | None = None) -> Reply:
        request = request_of(Kind.START, user_id=self.name, quiz_id=quiz)
        headers = self._headers() | ({} if key is None else {"Idempotency-Key": key})

        async def send() -> Reply:
            return await self.line(Kind.START, *request, headers)

        reply = await (patiently(send) if self.patient else send())
        if reply.status in (200, 201):
            self.ledger = Ledger(UUID(reply.body["id"]), quiz, self.name)
        return reply

    async def answer(
        self, question: str, answer: Any, *, autosave: bool = False, version: int | None = None
    ) -> Reply:
        kind, answers = Kind.AUTOSAVE if autosave else Kind.COMMIT, {question: answer}
        reply = await self._send(kind, answers, question_id=question, answer=answer, version=version)
        if reply.status == 200:
            self.ledger.acknowledge(answers, reply.body)
        return reply

    async def take_over(self, client: str) -> Reply:
        """Go on with another device."""
        self.client = client
        return await self._send(Kind.TAKEOVER, {})

    async def read(self) -> Reply:
        return await self._send(Kind.READ, {})

    async def end(self, kind: Kind = Kind.COMPLETE, answers: dict[str, Any] | None = None) -> Reply:
        ledger, last = self.ledger, answers or {}
        reply = await self._send(kind, last, answers=answers)
        if reply.status == 200:
            ledger.acknowledge(last, reply.body)
            ledger.ended, ledger.end_in_doubt = ENDS[kind], False
        elif reply.status == 410:
            # Refused as too late, they may have been received in time, and count then.
            ledger.doubt(last)
        return reply

    async def _send(self, kind: Kind, given: Mapping[str, Any], **body: Any) -> Reply:
        request = request_of(kind, self.ledger.session_id, **body)

        async def send() -> Reply:
            reply = await self.line(kind, *request, self._headers())
            if reply is LOST or reply.status >= 500:
                self.ledger.doubt(given)
                self.ledger.end_in_doubt |= kind in ENDS
            return reply

        return await (patiently(send) if self.patient else send())

    def _headers(self) -> dict[str, str]:
        return {} if self.client is None else {"X-Client-Id": self.client}
