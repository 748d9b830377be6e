"""One soak: processes, a steady load, samples, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from development_server.signing_keys import beacon_keys, receipt_keys
from tests.harness.http_client import HttpClient
from tests.harness.launch import QUIET, api_process, development_server, flusher_process
from tests.harness.ledger import check
from tests.harness.stores import Stores

from .load import Load, Measured, User, questions
from .sampling import COUNT, MEMORY, Holding, Limit, Sampler, Stored, grows, growth, quantile

FLUSH_SECONDS = 90
"""Within so many seconds of the last request nothing is dirty any more."""
CACHE_SECONDS = 60
"""How long sessions stay in the cache: so that it holds as many after a minute as it ever will."""
JUDGED_SECONDS = 300
"""A shorter run says nothing about growth: pools fill, and interpreters warm up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        rate: requests in a second; None for half of what the machine can do.
        short_limit: seconds that a quiz gives whose attempts are to run out of time.
    """

    seconds: float
    users: int = 50
    rate: float | None = None
    measure_seconds: float = 10.0
    sample_every: float = 10.0
    flush_every: float = 10.0
    short_limit: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. Latencies are of the interval before it, in milliseconds."""

    at: float
    requests: int
    p50: float
    p99: float
    holdings: dict[str, Holding]
    stored: Stored


@dataclass
class Report:
    """What came out of a run.

    Attributes:
        problems: replies that were not as they should be, and what a user saw that it should not.
        wrong: what the checker found.
        growing: what grows by more than its limit.
    """

    plan: Plan
    rate: float
    samples: list[Sample]
    requests: dict[str, int]
    attempts: int
    latencies: dict[str, dict[str, float]]
    problems: dict[str, int]
    survived: dict[str, int]
    wrong: dict[str, int]
    dirty_at_the_end: int
    growths: dict[str, float] = field(default_factory=dict)
    growing: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        found = [f"grows: {name}" for name in self.growing]
        found += [f"{count} × {name}" for name, count in self.wrong.items()]
        if self.dirty_at_the_end:
            found.append(f"{self.dirty_at_the_end} sessions are dirty at the end")
        found += [
            f"{count} × {name}"
            for name, count in self.problems.items()
            if name.endswith(": 500") or name.startswith("a read")
        ]
        return found

    def to_json(self) -> str:
        return json.dumps({**dataclasses.asdict(self), "failures": self.failures}, indent=1)


async def soak(plan: Plan, say: Callable[[str], None]) -> Report:
    """Run the plan on a service of its own."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="quiz-soak-")))
        service = await asyncio.to_thread(running.enter_context, _service(folder, plan))
        await _register_quizzes(service, plan)
        load = Load(service.ports, ["graded", "short"], random.Random(plan.seed))
        sampler = Sampler(service.pids, service.stores)
        running.callback(sampler.close)

        users = [asyncio.create_task(User(load, f"user{number}").run()) for number in range(plan.users)]
        rate = plan.rate
        if rate is None:
            await asyncio.sleep(plan.measure_seconds)
            rate = len(load.measured) / load.elapsed() / 2
            say(f"the machine serves {2 * rate:.0f} requests/s; the load is half of that")
        load.interval = plan.users / rate
        samples = await _watch(plan, load, sampler, say)
        load.ended = True
        await asyncio.gather(*users)

        await asyncio.sleep(plan.short_limit)
        await _until_clean(sampler)
        # Once more, for attempts that ended while it ran.
        await asyncio.sleep(plan.flush_every + 1)
        dirty = sampler.stored().dirty + sampler.stored().set_aside
        wrong = await asyncio.to_thread(check, service.stores, load.attempts, questions(), {"short"})
        survived = _survived(folder)
    steady = [each for each in load.measured if each.at >= samples[0].at]
    report = Report(
        plan=plan,
        rate=rate,
        samples=samples,
        requests=dict(Counter(each.kind for each in load.measured)),
        attempts=len(load.attempts),
        latencies=_latencies(steady),
        problems=dict(load.problems),
        survived=survived,
        wrong=dict(wrong),
        dirty_at_the_end=dirty,
    )
    _judge(report)
    return report


async def _watch(plan: Plan, load: Load, sampler: Sampler, say: Callable[[str], None]) -> list[Sample]:
    samples: list[Sample] = []
    seen = len(load.measured)
    until = time.monotonic() + plan.seconds
    while time.monotonic() < until:
        await asyncio.sleep(plan.sample_every)
        latencies = [each.seconds * 1000 for each in load.measured[seen:]]
        seen = len(load.measured)
        holdings, stored = await asyncio.to_thread(lambda: (sampler.holdings(), sampler.stored()))
        sample = Sample(
            load.elapsed(),
            len(latencies),
            round(quantile(latencies, 0.5), 1),
            round(quantile(latencies, 0.99), 1),
            holdings,
            stored,
        )
        samples.append(sample)
        say(line_of(sample))
    return samples


async def _until_clean(sampler: Sampler) -> None:
    deadline = time.monotonic() + FLUSH_SECONDS
    while time.monotonic() < deadline:
        if not sampler.stored().dirty:
            return
        await asyncio.sleep(0.5)


def _judge(report: Report) -> None:
    later = report.samples[len(report.samples) // 2 :]
    times = [sample.at for sample in later]
    for name, limit, values in _series(later):
        report.growths[name] = round(growth(times, values), 1)
        if times[-1] - times[0] >= JUDGED_SECONDS / 2 - report.plan.sample_every and grows(
            times, values, limit
        ):
            report.growing.append(name)


def _series(samples: Sequence[Sample]) -> Iterator[tuple[str, Limit, list[float]]]:
    for process in samples[0].holdings:
        held = [sample.holdings[process] for sample in samples]
        yield f"{process} memory", MEMORY, [each.memory for each in held]
        yield f"{process} handles", COUNT, [each.handles for each in held]
        yield f"{process} threads", COUNT, [each.threads for each in held]
        yield f"{process} postgres", COUNT, [each.postgres for each in held]
        yield f"{process} valkey", COUNT, [each.valkey for each in held]
    yield "backends", COUNT, [sample.stored.backends for sample in samples]
    yield "valkey memory", MEMORY, [sample.stored.valkey_memory for sample in samples]


def _latencies(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Of the first and of the last quarter, in milliseconds."""
    found: dict[str, dict[str, float]] = {}
    begin, end = measured[0].at, measured[-1].at
    quarter = (end - begin) / 4
    for kind in ("all", *sorted({each.kind for each in measured})):
        of_kind = [each for each in measured if kind in ("all", each.kind)]
        first = [each.seconds * 1000 for each in of_kind if each.at <= begin + quarter]
        last = [each.seconds * 1000 for each in of_kind if each.at >= end - quarter]
        found[kind] = {
            f"{name} p{percent}": round(quantile(values, percent / 100), 1)
            for name, values in (("first", first), ("last", last))
            for percent in (50, 99)
        }
    return found


def _survived(folder: Path) -> dict[str, int]:
    """What the processes logged beside requests, by message."""
    messages: Counter[str] = Counter()
    for log in folder.glob("*.log"):
        for text in log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                messages[str(json.loads(text)["message"])] += 1
    return dict(messages)


# The service


@dataclass(frozen=True)
class Service:
    ports: list[int]
    pids: dict[str, int]
    stores: Stores


@contextmanager
def _service(folder: Path, plan: Plan) -> Iterator[Service]:
    """The development server, a second and a third process of the API, and a second flusher."""
    environment = {
        "RECEIPT_KEYS": receipt_keys(folder),
        "BEACON_KEYS": beacon_keys(folder),
        "SESSION_CACHE_TTL_SECONDS": str(CACHE_SECONDS),
        **QUIET,
    }
    every = str(plan.flush_every)
    with ExitStack() as running:
        server = running.enter_context(
            development_server(folder, "--flush-every", every, environment=environment)
        )
        processes, service_ports = {"server": server.process}, [server.port]
        environment |= server.stores.environment()
        for name in ("api 2", "api 3"):
            started = api_process(folder / f"{name}.log", environment)
            processes[name], port = running.enter_context(started)
            service_ports.append(port)
        flusher = flusher_process(folder / "flusher.log", plan.flush_every * 0.7, environment)
        processes["flusher"] = running.enter_context(flusher)
        yield Service(service_ports, {name: each.pid for name, each in processes.items()}, server.stores)


async def _register_quizzes(service: Service, plan: Plan) -> None:
    client = HttpClient(service.ports[0])
    for quiz_id, limit in (("graded", 24 * 3600), ("short", plan.short_limit)):
        quiz: dict[str, Any] = {"time_limit_seconds": limit, "questions": questions()}
        reply = await client.request("PUT", f"/quizzes/{quiz_id}", quiz)
        if reply.status != 201:
            raise RuntimeError(f"the quiz was not registered: {reply.status}")
    await client.close()


# What is printed


def heading(names: Sequence[str]) -> str:
    columns = "".join(f"{name + ' MiB fd th pg vk':>26}" for name in names)
    return f"{'s':>6}{'requests':>9}{'p50':>7}{'p99':>7}{columns}{'dirty':>7}{'keys':>7}{'backends':>9}"


def line_of(sample: Sample) -> str:
    columns = "".join(
        f"{f'{held.memory / 1024:.1f} {held.handles} {held.threads} {held.postgres} {held.valkey}':>26}"
        for held in sample.holdings.values()
    )
    stored = sample.stored
    return (
        f"{sample.at:>6.0f}{sample.requests:>9}{sample.p50:>7.1f}{sample.p99:>7.1f}{columns}"
        f"{stored.dirty:>7}{stored.keys:>7}{stored.backends:>9}"
    )


def summary(report: Report) -> str:
    lines = ["", "growth over the second half (memory in KiB):"]
    lines += [f"  {name:<24}{value:>10.1f}" for name, value in report.growths.items()]
    lines += ["", f"{'ms':<10}" + "".join(f"{name:>12}" for name in next(iter(report.latencies.values())))]
    lines += [
        f"{kind:<10}" + "".join(f"{value:>12.1f}" for value in found.values())
        for kind, found in report.latencies.items()
    ]
    lines += [
        "",
        f"{sum(report.requests.values())} requests, {report.attempts} attempts, dirty at the end:"
        f" {report.dirty_at_the_end}",
        f"not served: {report.problems or 'none'}",
        f"survived: {report.survived or 'nothing'}",
        f"wrong in the tables: {report.wrong or 'nothing'}",
        "",
        *(report.failures or ["all is well"]),
    ]
    return "\n".join(lines)
