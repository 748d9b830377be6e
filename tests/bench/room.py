"""An exam room that one proctor follows, while everybody in it writes."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode

from tests.harness.http_client import HttpClient
from tests.harness.stores import Stores

from .crowd import service
from .measuring import Figure, on_all_cores

QUESTIONS = 40
ANSWER = "The answer of somebody who writes a sentence of some length."
LOOK_EVERY = 3
ROOMS = ((300, 10), (5000, 30))
"""Students, and how often each writes in seconds."""
COMMITS = 6
"""One of so many writes is a commit; the others are autosaves."""
MOST_REQUESTS, MOST_BYTES, MOST_MS = 2, 150_000, 50


@dataclass(frozen=True, slots=True)
class Look:
    """What it took to see what has changed."""

    requests: int
    size: int
    times: list[float]
    rows: int


def measure(stores: Stores, rounds: int) -> Iterator[Figure]:
    """Rooms of two sizes on `make run`'s server: the first view, and then a look every three seconds."""
    on_all_cores()
    spawn = multiprocessing.get_context("spawn")
    for students, every in ROOMS:
        stores.clear()
        with service(stores) as port:
            ready, stop = spawn.Event(), spawn.Event()
            writing = spawn.Process(target=_write, args=(port, students, every, ready, stop))
            writing.start()
            try:
                ready.wait()
                first, looks = _follow(port, rounds)
            finally:
                stop.set()
                writing.join()
        yield from _figures(f"{students:,} students", students, first, looks)


def _figures(what: str, students: int, first: Look, looks: list[Look]) -> Iterator[Figure]:
    is_barred = students <= 300
    yield Figure(
        f"{what}, first view",
        f"{sum(first.times):.0f} ms",
        f"{first.requests} requests, {first.size:,} bytes",
    )
    most = max(look.requests for look in looks)
    yield _barred(f"{what}, requests a look, at most", str(most), MOST_REQUESTS, most, is_barred)
    sizes = sorted(look.size for look in looks)
    rows = median(look.rows for look in looks)
    yield _barred(f"{what}, bytes a look, at most", f"{sizes[-1]:,}", MOST_BYTES, sizes[-1], is_barred)
    yield Figure(f"{what}, bytes a look, median", f"{median(sizes):,.0f}", f"{rows:.0f} rows")
    times = [each for look in looks for each in look.times]
    slow = quantiles(times, n=20)[18]
    yield Figure(f"{what}, a request, median", f"{median(times):.1f} ms", f"{len(times)} requests")
    yield _barred(f"{what}, a request, p95", f"{slow:.1f} ms", MOST_MS, slow, is_barred)


def _barred(what: str, ours: str, bar: int, value: float, is_barred: bool) -> Figure:
    return Figure(what, ours, bar=f"<= {bar:,}", met=value <= bar) if is_barred else Figure(what, ours)


def _follow(port: int, rounds: int) -> tuple[Look, list[Look]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        first, after = _look(connection, None)
        looks = []
        for _ in range(rounds * 2):
            time.sleep(LOOK_EVERY)
            look, after = _look(connection, after)
            looks.append(look)
    return first, looks


def _look(connection: http.client.HTTPConnection, after: str | None) -> tuple[Look, str]:
    """All pages of a view."""
    times, size, rows = [], 0, 0
    while True:
        query = "" if after is None else f"?{urlencode({'after': after})}"
        begun = time.perf_counter()
        connection.request("GET", f"/quizzes/room/live{query}")
        reply = connection.getresponse()
        content = reply.read()
        times.append((time.perf_counter() - begun) * 1000)
        assert reply.status == 200, content
        body: dict[str, Any] = json.loads(content)
        size, rows = size + len(content), rows + len(body["rows"])
        after = body["next"] or body["after"]
        if body["next"] is None:
            return Look(len(times), size, times, rows), str(after)


def _write(port: int, students: int, every: int, ready: Any, stop: Any) -> None:
    """Students in a process of their own."""
    asyncio.run(_students(port, students, every, ready, stop))


async def _students(port: int, students: int, every: int, ready: Any, stop: Any) -> None:
    admin = HttpClient(port)
    questions = {str(number): {"points": 1} for number in range(QUESTIONS)}
    reply = await admin.request("PUT", "/quizzes/room", {"time_limit_seconds": 3600, "questions": questions})
    assert reply.status == 201, reply
    await admin.close()
    begin = asyncio.Semaphore(20)

    async def student(number: int) -> None:
        client = HttpClient(port, resend=True)
        named = {"X-Client-Id": f"tab{number}"}
        async with begin:
            body = {"user_id": f"student{number}", "quiz_id": "room"}
            started = await client.request("POST", "/sessions/start", body, named)
        path = f"/sessions/{started.body['id']}/progress"
        waiting.pop()
        if not waiting:
            ready.set()
        await asyncio.sleep(random.random() * every)
        turn = number
        while not stop.is_set():
            turn += 1
            change = {"answers": {str(turn % QUESTIONS): f"{ANSWER} {turn}"}, "autosave": turn % COMMITS > 0}
            begun = time.monotonic()
            written = await client.request("PATCH", path, change, named)
            assert written.status == 200, written
            await asyncio.sleep(max(0, every - (time.monotonic() - begun)))
        await client.close()

    waiting = list(range(students))
    tasks = [asyncio.create_task(student(number)) for number in range(students)]
    while not stop.is_set():
        await asyncio.sleep(0.2)
        for task in tasks:
            if task.done():
                task.result()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
