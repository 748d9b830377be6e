"""What grows with the size of a session, of a write and of the table."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import redis

from quiz_sessions.bootstrap import build_services
from tests.harness.runtime import request_event
from tests.harness.stores import Stores

from .bulk import attempts, autosave, long_ago
from .measuring import Curve, in_turn, timed
from .warm import ANSWER, call, ok, prepared

Operation = Callable[[], object]
ANSWERS = (10, 100, 500)
WRITTEN = (1, 10, 100)
ATTEMPTS = (10_000, 100_000, 1_000_000)
CALLS = 10


def measure(stores: Stores, rounds: int) -> Iterator[Curve]:
    """Each operation at each size."""
    prepared(stores)
    yield from _with_the_session(rounds)
    yield from _with_the_write(rounds)
    yield from _with_the_table(stores, rounds)


def _with_the_session(rounds: int) -> Iterator[Curve]:
    sessions = {size: _session_of(size) for size in ANSWERS}
    operations: dict[str, Callable[[str], Operation]] = {
        "cached GET": _reading,
        "committed PATCH": lambda session_id: _writing(session_id, 1),
        "autosave PATCH": lambda session_id: _writing(session_id, 1, autosave=True),
    }
    for what, operation in operations.items():
        times = _points({size: operation(session_id) for size, session_id in sessions.items()}, rounds)
        yield Curve(what, "answers in the session", times)


def _with_the_write(rounds: int) -> Iterator[Curve]:
    session_id = _session_of(100)
    for what, more in {"committed PATCH": {}, "autosave PATCH": {"autosave": True}}.items():
        times = _points({size: _writing(session_id, size, **more) for size in WRITTEN}, rounds)
        yield Curve(what, "answers in the write", times)


def _with_the_table(stores: Stores, rounds: int) -> Iterator[Curve]:
    points: dict[str, list[tuple[int, float]]] = {}
    # The handler's, whose connections belong to it.
    loop = asyncio.get_event_loop()
    there = 0
    for size in ATTEMPTS:
        _ended_attempts(stores, there, size)
        there = size
        session_id = _session_of(10)
        with stores.cache() as valkey:

            def uncached(session_id: str = session_id, valkey: redis.Redis = valkey) -> None:
                valkey.delete(f"session:{session_id}")
                _reading(session_id)()

            operations: dict[str, Operation] = {
                "start": _start,
                "uncached GET": uncached,
                "committed PATCH": _writing(session_id, 1),
            }
            for what, operation in operations.items():
                (point,) = _points({size: operation}, rounds)
                points.setdefault(what, []).append(point)
        points.setdefault("flush of 100", []).append((size, loop.run_until_complete(_flush(stores))))
    for what, curve in points.items():
        yield Curve(what, "attempts in the table", curve)


def _points(operations: Mapping[int, Operation], rounds: int) -> list[tuple[int, float]]:
    times = in_turn(*map(timed, operations.values()), rounds=rounds, calls=CALLS, warm_up=CALLS)
    return [(size, statistics.median(taken)) for size, taken in zip(operations, times, strict=True)]


def _handler() -> Callable[[Any, Any], Any]:
    from session_api.handler import handler

    return handler


def _start() -> str:
    body = {"user_id": "bench", "quiz_id": "bench"}
    session_id: str = call(_handler(), "start", body=body, expected=201)["id"]
    return session_id


def _session_of(answers: int) -> str:
    session_id = _start()
    body = {"answers": {str(number): ANSWER for number in range(answers)}}
    call(_handler(), "progress", session_id, body=body, expected=200)
    return session_id


def _reading(session_id: str) -> Operation:
    event = request_event("read", session_id)
    return lambda: ok(_handler()(event, None))


def _writing(session_id: str, answers: int, **more: object) -> Operation:
    body = {"answers": {str(number): ANSWER for number in range(answers)}, **more}
    return lambda: ok(_handler()(request_event("progress", session_id, body=body), None))


async def _flush(stores: Stores) -> float:
    ids = attempts(stores, 100, seconds=3600)
    services = build_services(stores.settings)
    times = []
    # What requests have left.
    await services.flusher.run()
    for turn in range(6):
        await autosave(services, ids, f"{ANSWER}{turn}")
        long_ago(stores)
        begun = time.perf_counter()
        report = await services.flusher.run()
        times.append((time.perf_counter() - begun) * 1000)
        assert report.sessions_flushed == len(ids), report
    await services.close()
    return statistics.median(times)


def _ended_attempts(stores: Stores, there: int, size: int) -> None:
    """Ended attempts of many users at many quizzes, with an event each, up to `size`."""
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        # Their hashes are nobody's concern here.
        connection.execute("ALTER TABLE attempt_events DISABLE TRIGGER chain_attempt_event")
        connection.execute(
            """
            WITH made AS (
                INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
                    time_limit_seconds, started_at, expires_at, ended_at, last_updated)
                SELECT gen_random_uuid(), 'user' || mod(number, 50000), 'quiz' || mod(number, 500), number,
                    'expired', 0, 3600, begun, ended, ended, ended
                FROM generate_series(%s::int, %s::int) AS number, (
                    SELECT now() - interval '2 days' AS begun, now() - interval '47 hours' AS ended
                ) AS times
                RETURNING id, started_at
            )
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, published_at)
            SELECT id, 0, 0, 'expired', '{}', started_at, started_at FROM made""",
            (there + 1, size),
        )
        connection.execute("ALTER TABLE attempt_events ENABLE TRIGGER chain_attempt_event")
        connection.execute("VACUUM ANALYZE")
