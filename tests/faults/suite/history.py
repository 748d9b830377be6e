"""What happened in a run: every request with its acknowledgement, and every fault."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.harness.students import Kind


@dataclass(slots=True, kw_only=True)
class Try:
    """One request. A repeat of it, after a lost connection, is another one with the same answers.

    Attributes:
        session: None for a start.
        version: what the student insisted on.
        client: the copy of the answers that they come from; None if it does not say.
        based_on: question -> the tag that was shown when its answer was begun, or None.
        at: the gateway's time for it, in microseconds; no two of one session have the same.
        held: whether its last byte was held back until its session was over, which `at` is shortly before.
        sent, replied: by this process's monotonic clock; `replied` is None where no reply came.
        body: what a reply of 2xx held.
        code: what another reply gave as its reason.
        refused_with: the session as such a reply showed it.
    """

    student: str
    kind: Kind
    session: str | None
    process: str
    at: int
    sent: float
    answers: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    key: str | None = None
    client: str | None = None
    based_on: dict[str, str | None] | None = None
    held: bool = False
    replied: float | None = None
    status: int | None = None
    body: dict[str, Any] | None = None
    code: str | None = None
    refused_with: dict[str, Any] | None = None

    @property
    def acknowledged(self) -> bool:
        return self.body is not None

    @property
    def committed(self) -> bool:
        """Acknowledged as committed, of those that bring answers."""
        return self.body is not None and self.body["durability"] == "committed"

    def __str__(self) -> str:
        version = "" if self.version is None else f" version={self.version}"
        version += "" if self.client is None else f" from={self.client}"
        version += "" if self.based_on is None else f" based_on={self.based_on}"
        version += " held back" if self.held else ""
        reply = f"{self.status}" + ("" if self.code is None else f" {self.code}")
        if self.body is not None:
            reply += f" {self.body['durability']} v{self.body['version']}"
        return (
            f"{self.kind} {self.answers or ''}{version} at={self.at} by {self.process} "
            f"{self.sent:.3f}..{self.replied or math.nan:.3f} -> {reply}"
        )


@dataclass(slots=True, kw_only=True)
class Typed:
    """An answer that a student gave at a browser.

    Attributes:
        kept: whether the page was told that the device has it.
        promised: how safe it is, or what was typed over it, as the promise of a commit said, `promised_at`.
    """

    question: str
    value: Any
    kept: bool = False
    promised: str | None = None
    promised_at: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An answer, and how safe the page showed it to be; `at` by this process's monotonic clock."""

    question: str
    state: str
    value: Any
    at: float


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What a student at a browser knows of one session.

    Attributes:
        typed, shown: in their order.
        unsettled: what the page still showed as unsent, long after all was whole again.
    """

    session: str
    typed: list[Typed] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    unsettled: str | None = None


class Action(StrEnum):
    """What staff do in an exam room."""

    PAUSE = "pause"
    RESUME = "resume"
    HAND_IN = "complete"


@dataclass(slots=True, kw_only=True)
class Mark:
    """An answer that was given to a marker, and what became of it.

    Attributes:
        held: whether the marker had asked for it.
        given: when the marker was given it, or read it.
        etag: of the session as it was then.
        key: the Idempotency-Key of the mark.
        sent: when the mark was sent first; infinite before.
        statuses: of the replies to it; `replied` is when it was acknowledged, None if it was not.
    """

    marker: str
    session: str
    question: str
    etag: str
    key: str
    points: int
    given: float
    held: bool = True
    sent: float = math.inf
    replied: float | None = None
    statuses: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Act:
    """What staff did under one Idempotency-Key, however often they sent it.

    Attributes:
        session: None for all of the quiz.
        at: the gateway's time of each request.
        statuses: of the replies to them.
        sent: when the first one was.
        replied: when it was acknowledged; None if it was not.
        body: what the acknowledgement held.
    """

    action: Action
    quiz: str
    session: str | None
    key: str
    sent: float
    at: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    replied: float | None = None
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return (
            f"{self.action} of {self.session or self.quiz} at={self.at} {self.sent:.3f}.."
            f"{self.replied or math.nan:.3f}"
        )


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, by this process's monotonic clock."""

    begin: float
    end: float

    def touches(self, begin: float, end: float) -> bool:
        return self.begin <= end and begin <= self.end


@dataclass(slots=True)
class Weather:
    """What the stores went through.

    Attributes:
        cache_trouble: when Valkey, or a process's way to it, was not as it should be.
        database_trouble: the same of PostgreSQL.
        losses: Valkey lost what it was given in these.
        flushes: runs that met no failure.
    """

    cache_trouble: list[Span] = field(default_factory=list)
    database_trouble: list[Span] = field(default_factory=list)
    losses: list[Span] = field(default_factory=list)
    flushes: list[Span] = field(default_factory=list)

    def calm(self) -> list[Span]:
        """When the cache could be relied on: from the first clean flush after a trouble to the next one."""
        found: list[Span] = []
        since = -math.inf
        for trouble in [*sorted(self.cache_trouble, key=lambda span: span.begin), Span(math.inf, math.inf)]:
            if trouble.begin > since:
                healed = self._first_flush(since)
                if healed < trouble.begin:
                    found.append(Span(healed, trouble.begin))
            since = max(since, trouble.end)
        return found

    def _first_flush(self, since: float) -> float:
        if since == -math.inf:
            return since
        return min((flush.end for flush in self.flushes if flush.begin >= since), default=math.inf)
