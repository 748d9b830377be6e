"""Many sessions for minutes: students who answer, and a backlog that the flusher works off."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.runtime.clock import current_micros
from tests.harness.http_client import HttpClient
from tests.harness.stores import Stores

from .bulk import attempts, autosave, long_ago
from .crowd import service
from .measuring import Figure, on_all_cores, p99

STUDENTS = 1000
EACH_SECONDS = 10
ACTIVE_SECONDS = 300
SIMULATED = 50_000
AUTOSAVE_SECONDS = 60
"""Between two of one simulated session."""
FLUSH_EVERY = 30
SIMULATED_SECONDS = 300


def measure_active(stores: Stores, rounds: int) -> Iterator[Figure]:
    """A thousand students on `make run`'s server, each with an answer every ten seconds."""
    on_all_cores()
    with service(stores) as port:
        times, errors, missing = asyncio.run(_students(stores, port))
    what = f"{STUDENTS:,} sessions, an answer each every {EACH_SECONDS} s, {ACTIVE_SECONDS} s"
    slow = p99(times)
    yield Figure(f"{what}: p99 of {len(times):,}", f"{slow:.1f} ms", bar="< 50 ms", met=slow < 50)
    yield Figure(f"{what}: not 200", str(errors), bar="0", met=errors == 0)
    yield Figure(f"{what}: answers missing in the table", str(missing), bar="0", met=missing == 0)


async def _students(stores: Stores, port: int) -> tuple[list[float], int, int]:
    begin = asyncio.Semaphore(20)
    times: list[float] = []
    statuses: Counter[int] = Counter()
    until = 0.0

    async def student(number: int) -> tuple[str, dict[str, int]]:
        http = HttpClient(port, resend=True)
        body = {"user_id": f"student{number}", "quiz_id": "active"}
        async with begin:
            started = await http.request("POST", "/sessions/start", body)
        session_id: str = started.body["id"]
        waiting.pop()
        if not waiting:
            ready.set()
        await ready.wait()
        answers: dict[str, int] = {}
        due = time.monotonic() + random.random() * EACH_SECONDS
        while due < until:
            await asyncio.sleep(max(0, due - time.monotonic()))
            question = str(len(answers))
            answers[question] = number
            change = {"answers": {question: number}}
            begun = time.perf_counter()
            reply = await http.request("PATCH", f"/sessions/{session_id}/progress", change)
            times.append((time.perf_counter() - begun) * 1000)
            statuses[reply.status] += 1
            due += EACH_SECONDS
        await http.close()
        return session_id, answers

    waiting = list(range(STUDENTS))
    ready = asyncio.Event()
    students = [asyncio.create_task(student(number)) for number in range(STUDENTS)]
    await asyncio.sleep(0)
    until = time.monotonic() + ACTIVE_SECONDS + 10
    told = dict(await asyncio.gather(*students))
    return times, statuses.total() - statuses[200], _missing(stores, told)


def _missing(stores: Stores, told: dict[str, dict[str, Any]]) -> int:
    """How many answers the table does not have."""
    with psycopg.connect(stores.database_url) as connection:
        rows = connection.execute("SELECT id, answers FROM quiz_attempts").fetchall()
    kept = {str(session_id): answers for session_id, answers in rows}
    return sum(
        kept.get(session_id, {}).get(question) != answer
        for session_id, answers in told.items()
        for question, answer in answers.items()
    )


def measure_memory(stores: Stores, rounds: int) -> Iterator[Figure]:
    """What a process that flushes takes, with ten thousand sessions waiting and with ten times as many."""
    on_all_cores()
    grown: dict[int, float] = {}
    for size in (10_000, 100_000):
        stores.clear()
        asyncio.run(_fill(stores, attempts(stores, size, seconds=3600)))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            grown[size], seconds = pool.apply(_flush_all, (stores, size))
        yield Figure(f"memory that a flush of {size:,} adds", f"{grown[size]:.1f} MiB", f"{seconds:.1f} s")
    few, many = grown.values()
    more = many - few
    yield Figure("memory, 100,000 beside 10,000", f"{more:+.1f} MiB", bar="<= 5 MiB", met=more <= 5)


async def _fill(stores: Stores, ids: list[UUID]) -> None:
    services = build_services(stores.settings)
    await autosave(services, ids, "x" * 90)
    await services.close()
    long_ago(stores)


def _flush_all(stores: Stores, size: int) -> tuple[float, float]:
    async def run() -> tuple[float, float]:
        services = build_services(stores.settings, pool_size=1)
        await services.stores.postgres.ping()
        before, begun = memory_peak(), time.perf_counter()
        report = await services.flusher.run()
        took = time.perf_counter() - begun
        assert report.sessions_flushed == size, report
        await services.close()
        return memory_peak() - before, took

    # Its parent's until now: proc_pid_clear_refs(5), which Linux has.
    Path("/proc/self/clear_refs").write_text("5")
    return asyncio.run(run())


def memory_peak() -> float:
    """Of this process, in MiB."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure_simulation(stores: Stores, rounds: int) -> Iterator[Figure]:
    """Sessions that autosave, with the real cache; and the real flusher, in a process of its own."""
    on_all_cores()
    ids = attempts(stores, SIMULATED, seconds=7200)
    spawn = multiprocessing.get_context("spawn")
    results, stop = spawn.Queue(), spawn.Event()
    flusher = spawn.Process(target=_flush_regularly, args=(stores, stop, results))
    flusher.start()
    made, told, memory = asyncio.run(_autosaves(stores, ids))
    stop.set()
    reports = json.loads(results.get(timeout=600))
    flusher.join()
    working = [report for report in reports if report["sessions_flushed"]]
    flushed = sum(report["sessions_flushed"] for report in working)
    what = f"{SIMULATED:,} sessions, an autosave each every {AUTOSAVE_SECONDS} s"
    yield Figure(f"{what}: autosaves a second", f"{made / SIMULATED_SECONDS:.0f}")
    yield Figure(f"{what}: sessions flushed", f"{flushed:,}", f"{len(working)} runs")
    longest = max(report["seconds"] for report in working)
    yield Figure(
        f"{what}: longest run", f"{longest:.1f} s", bar=f"< {FLUSH_EVERY} s", met=longest < FLUSH_EVERY
    )
    rate = flushed / sum(report["seconds"] for report in working)
    yield Figure(f"{what}: flushed a second while it runs", f"{rate:.0f}")
    oldest = max(report["oldest"] for report in reports)
    yield Figure(f"{what}: oldest draft at the start of a run", f"{oldest:.0f} s")
    yield Figure(f"{what}: memory of Valkey at most", f"{memory / 2**20:.0f} MiB")
    missing = _missing(stores, told)
    yield Figure(f"{what}: answers missing in the table", str(missing), bar="0", met=missing == 0)


async def _autosaves(stores: Stores, ids: list[UUID]) -> tuple[int, dict[str, dict[str, Any]], int]:
    services = build_services(stores.settings)
    told: dict[str, dict[str, Any]] = {}
    made = memory = 0
    begun = time.monotonic()
    order = random.sample(ids, len(ids))
    with stores.cache() as valkey:
        while (elapsed := time.monotonic() - begun) < SIMULATED_SECONDS:
            due = int(elapsed * SIMULATED / AUTOSAVE_SECONDS)
            batch = [(order[n % SIMULATED], n // SIMULATED) for n in range(made, min(due, made + 50))]
            if not batch:
                await asyncio.sleep(0.005)
                continue
            await asyncio.gather(*(_autosave(services, session_id, turn) for session_id, turn in batch))
            for session_id, turn in batch:
                told.setdefault(str(session_id), {})[str(turn)] = f"answer {turn}"
            made += len(batch)
            if made % 5000 < len(batch):
                info: dict[str, Any] = valkey.info("memory")
                memory = max(memory, info["used_memory"])
    await services.close()
    return made, told, memory


async def _autosave(services: Services, session_id: UUID, turn: int) -> None:
    draft = Draft(f"answer {turn}", current_micros())
    await services.stores.valkey.put_drafts(session_id, Drafts({str(turn): draft}))


def _flush_regularly(stores: Stores, stop: Any, results: Any) -> None:
    async def run() -> list[dict[str, Any]]:
        services = build_services(stores.settings, pool_size=1)
        reports: list[dict[str, Any]] = []
        last = False
        while not last:
            last = stop.wait(FLUSH_EVERY)
            oldest = (await services.stores.valkey.backlog()).oldest_age_seconds
            begun = time.perf_counter()
            report = await services.flusher.run()
            reports.append({**asdict(report), "seconds": time.perf_counter() - begun, "oldest": oldest})
        await services.close()
        return reports

    results.put(json.dumps(asyncio.run(run())))
