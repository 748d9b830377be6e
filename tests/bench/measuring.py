"""How the benchmarks measure: two contenders in turn, in one run, on the same cores."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tests.harness.stores import Stores, running_servers

Line = dict[str, object]
"""Of the table."""


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

    def figures(self) -> list[Line]:
        """A line of the table for each bar."""
        lines = []
        for name, most in self.bar.items():
            ours, theirs = STATISTICS[name](self.ours), STATISTICS[name](self.theirs)
            line = Figure(f"{self.what}, {name}", f"{ours:.2f} ms", f"{self.against}: {theirs:.2f} ms")
            bar, met = ("", True) if most is None else (f"<= {most}", ours / theirs <= most)
            lines.append(replace(line, ratio=round(ours / theirs, 2), bar=bar, met=met).line())
        for name, most in self.limits_ms.items():
            ours = STATISTICS[name](self.ours)
            what, bar = f"{self.what}, {name}", f"<= {most} ms"
            lines.append(Figure(what, f"{ours:.2f} ms", bar=bar, met=ours <= most).line())
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

    def figures(self) -> list[Line]:
        """A line of the table for the rate, and one for the slowest."""
        our_rate, our_p99 = map(statistics.median, zip(*self.ours, strict=True))
        their_rate, their_p99 = map(statistics.median, zip(*self.theirs, strict=True))
        rate, p99 = our_rate / their_rate, our_p99 / their_p99
        return [
            Figure(
                f"{self.what}, replies a second",
                f"{our_rate:.0f}",
                f"Node: {their_rate:.0f}",
                f">= {self.bar}",
                rate >= self.bar,
                round(rate, 2),
            ).line(),
            Figure(
                f"{self.what}, p99",
                f"{our_p99:.1f} ms",
                f"Node: {their_p99:.1f} ms",
                "<= 1",
                p99 <= 1,
                round(p99, 2),
            ).line(),
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
    ratio: float | None = None

    def line(self) -> Line:
        return {**asdict(self), "met": "" if self.met is None else self.met}

    def figures(self) -> list[Line]:
        """Its line of the table."""
        return [self.line()]


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

    def figures(self) -> list[Line]:
        """A line of the table for each size, each beside the smallest."""
        (least, base), *_ = self.points
        return [
            {
                **Figure(
                    f"{self.what}, {size:,} {self.over}",
                    f"{took:.2f} ms",
                    f"{least:,}: {base:.2f} ms",
                    ratio=round(took / base, 2),
                ).line(),
                "curve": [self.what, self.over, size, took],
            }
            for size, took in self.points
        ]


class Measured(Protocol):
    """What lines of the table are made of."""

    def figures(self) -> list[Line]:
        """The lines."""


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"median": statistics.median, "p99": p99}


def timed(call: Callable[[], object]) -> Callable[[int], list[float]]:
    """Milliseconds of so many calls."""

    def milliseconds(calls: int) -> list[float]:
        gc.collect()
        times = []
        for _ in range(calls):
            begun = time.perf_counter()
            call()
            times.append((time.perf_counter() - begun) * 1000)
        return times

    return milliseconds


def in_turn(
    *contenders: Callable[[int], list[float]], rounds: int, calls: int, warm_up: int = 30
) -> list[list[float]]:
    """Milliseconds of each contender's calls: `rounds` times `calls` of the first, then of the next."""
    times: list[list[float]] = [[] for _ in contenders]
    for contender in contenders:
        contender(warm_up)
    for _ in range(rounds):
        for contender, kept in zip(contenders, times, strict=True):
            kept.extend(contender(calls))
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
