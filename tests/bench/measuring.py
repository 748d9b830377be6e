"""How the benchmarks measure: two contenders in turn, in one run, on the same cores."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.harness.stores import Stores, running_servers


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured of the service and of what it is held against.

    Attributes:
        what: the operation.
        against: what the same is done with on the other side.
        ours, theirs: milliseconds of each round.
        bar: the largest allowed ratio of ours to theirs, by name of a statistic; None where any will do.
        limits_ms: the largest allowed time, likewise.
    """

    what: str
    against: str
    ours: Sequence[float]
    theirs: Sequence[float]
    bar: dict[str, float | None]
    limits_ms: dict[str, float] = field(default_factory=dict)

    def figures(self) -> list[dict[str, object]]:
        """A line of the table for each bar."""
        lines: list[dict[str, object]] = []
        for name, most in self.bar.items():
            ours, theirs = STATISTICS[name](self.ours), STATISTICS[name](self.theirs)
            lines.append(
                {
                    "what": f"{self.what}, {name}",
                    "ours": f"{ours:.2f} ms",
                    "against": f"{self.against}: {theirs:.2f} ms",
                    "ratio": round(ours / theirs, 2),
                    "bar": "" if most is None else f"<= {most}",
                    "met": most is None or ours / theirs <= most,
                }
            )
        for name, most in self.limits_ms.items():
            ours = STATISTICS[name](self.ours)
            lines.append(
                {
                    "what": f"{self.what}, {name}",
                    "ours": f"{ours:.2f} ms",
                    "against": "",
                    "ratio": None,
                    "bar": f"<= {most} ms",
                    "met": ours <= most,
                }
            )
        return lines


@dataclass(frozen=True, slots=True)
class Crowd:
    """What many connections at once got from the service, and from its peer.

    Attributes:
        ours, theirs: of each round: replies a second, 99th percentile in milliseconds.
        bar: the smallest allowed ratio of our rate to theirs.
    """

    what: str
    ours: Sequence[tuple[float, float]]
    theirs: Sequence[tuple[float, float]]
    bar: float

    def figures(self) -> list[dict[str, object]]:
        """A line of the table for the rate, and one for the slowest."""
        our_rate, our_p99 = map(statistics.median, zip(*self.ours, strict=True))
        their_rate, their_p99 = map(statistics.median, zip(*self.theirs, strict=True))
        return [
            {
                "what": f"{self.what}, replies a second",
                "ours": f"{our_rate:.0f}",
                "against": f"Node: {their_rate:.0f}",
                "ratio": round(our_rate / their_rate, 2),
                "bar": f">= {self.bar}",
                "met": our_rate / their_rate >= self.bar,
            },
            {
                "what": f"{self.what}, p99",
                "ours": f"{our_p99:.1f} ms",
                "against": f"Node: {their_p99:.1f} ms",
                "ratio": round(our_p99 / their_p99, 2),
                "bar": "<= 1",
                "met": our_p99 <= their_p99,
            },
        ]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it is held against.

    Attributes:
        met: whether it is within its bar; None where there is none.
    """

    what: str
    ours: str
    against: str = ""
    bar: str = ""
    met: bool | None = None

    def figures(self) -> list[dict[str, object]]:
        """Its line of the table."""
        return [
            {
                "what": self.what,
                "ours": self.ours,
                "against": self.against,
                "ratio": None,
                "bar": self.bar,
                "met": "" if self.met is None else self.met,
            }
        ]


@dataclass(frozen=True, slots=True)
class Curve:
    """How the time of an operation grows.

    Attributes:
        over: what grows.
        points: of it and milliseconds, smallest first.
    """

    what: str
    over: str
    points: Sequence[tuple[int, float]]

    def figures(self) -> list[dict[str, object]]:
        """A line of the table for each size, each beside the smallest."""
        (least, base), *_ = self.points
        return [
            {
                "what": f"{self.what}, {size:,} {self.over}",
                "ours": f"{took:.2f} ms",
                "against": f"{least:,}: {base:.2f} ms",
                "ratio": round(took / base, 2),
                "bar": "",
                "met": "",
                "curve": [self.what, self.over, size, took],
            }
            for size, took in self.points
        ]


class Measured(Protocol):
    """What lines of the table are made of."""

    def figures(self) -> list[dict[str, object]]:
        """The lines."""


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"median": statistics.median, "p99": p99}


def in_turn(
    *contenders: Callable[[], object], rounds: int, calls: int, warm_up: int = 30
) -> list[list[float]]:
    """Milliseconds of each contender's calls: `rounds` times `calls` of the first, then of the next."""
    times: list[list[float]] = [[] for _ in contenders]
    for _ in range(warm_up):
        for contender in contenders:
            contender()
    for _ in range(rounds):
        for contender, kept in zip(contenders, times, strict=True):
            gc.collect()
            for _ in range(calls):
                begun = time.perf_counter()
                contender()
                kept.append((time.perf_counter() - begun) * 1000)
    return times


@contextmanager
def pinned_stores() -> Iterator[Stores]:
    """Both servers on the last core, durable, and this process on the first for as long."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    try:
        with running_servers(durable=True) as servers:
            os.sched_setaffinity(0, {cores[0]})
            yield servers.stores
    finally:
        os.sched_setaffinity(0, cores)


def on_all_cores() -> None:
    """This process from now on, and those that it starts, whichever of its threads does."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), range(os.cpu_count() or 1))
