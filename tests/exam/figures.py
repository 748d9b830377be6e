"""What the requests of many users met, and how long they took."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.harness.http_client import HttpClient, LostError, Reply
from tests.harness.students import LOST, TRY_AGAIN


@dataclass
class Figures:
    """What requests met, by their kind.

    Attributes:
        problems: the codes of replies that ask to try again.
        unanswered: requests whose connection ended before the reply.
        reconnected: connections found closed before a request was sent, as the server does with idle ones.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    reconnected: int = 0
    begun: float = math.inf
    ended: float = -math.inf

    def note(self, kind: str, begun: float, reply: Reply) -> None:
        """Count a reply that came now."""
        self.begun, self.ended = min(self.begun, begun), time.perf_counter()
        self.seconds.setdefault(kind, []).append(self.ended - begun)
        self.statuses[kind, reply.status] += 1
        if reply.status in TRY_AGAIN:
            self.problems[reply.body["code"]] += 1

    def lines(self) -> list[str]:
        """A table: median, 99th percentile and longest, in milliseconds, and the statuses."""
        table = []
        for kind, seconds in sorted(self.seconds.items()):
            ordered = sorted(seconds)
            p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            statuses = {status: n for (of, status), n in sorted(self.statuses.items()) if of == kind}
            table.append(
                f"{kind:<10} {len(ordered):>6}  median {ordered[len(ordered) // 2] * 1000:7.1f}  "
                f"p99 {p99 * 1000:7.1f}  max {ordered[-1] * 1000:7.1f} ms  {statuses}"
            )
        count, took = sum(map(len, self.seconds.values())), self.ended - self.begun
        return [
            *table,
            f"{count} replies in {took:.1f} s, {count / took:.0f} a second; "
            f"asked to try again {dict(self.problems)}, without a reply {self.unanswered}, "
            f"idle connections opened anew {self.reconnected}",
        ]

    def failed(self) -> int:
        """How many replies said that the server failed."""
        return sum(n for (_, status), n in self.statuses.items() if status >= 500)


class Line:
    """One user's connection, kept open; what it meets is counted."""

    def __init__(self, port: int, figures: Figures) -> None:
        self.figures = figures
        self.http = HttpClient(port)

    async def __call__(
        self, kind: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, once."""
        begun = time.perf_counter()
        try:
            reply = await self.http.request(method, path, body, headers)
        except LostError:
            self.figures.unanswered += 1
            return LOST
        self.figures.note(kind, begun, reply)
        return reply

    async def close(self) -> None:
        self.figures.reconnected += self.http.reconnected
        await self.http.close()
