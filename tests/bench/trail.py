"""The audit log: long ones, and one of many months."""

from __future__ import annotations

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg

from migrate_database.months import detach_month, make_months
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.timestamps import Micros, to_micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.outbox_relay import PAGE
from quiz_sessions.stores.event_bus import CALLS_AT_ONCE, ENTRIES_A_CALL
from tests.harness.months import fill_months, months_from
from tests.harness.stores import Stores

from .measuring import Figure

LENGTHS = (10, 100, 1_000, 10_000)
LARGE = 400
MEGABYTE = {str(question): "x" * 65_000 for question in range(15)}
MONTHS = (1, 12, 36)
EVENTS = 72_000
BATCH = ENTRIES_A_CALL * CALLS_AT_ONCE
LONGEST_WAIT_MS = 100


def measure(stores: Stores, rounds: int) -> Iterator[Figure]:
    """What events cost to write, to read and to verify."""
    yield from asyncio.run(_long(stores, rounds))
    yield from asyncio.run(_many_months(stores, rounds))
    yield from asyncio.run(_detaching(stores))


async def _long(stores: Stores, rounds: int) -> list[Figure]:
    stores.clear()
    services = build_services(stores.settings)
    figures: list[Figure] = []
    for length in LENGTHS:
        session_id = await _session(services)
        for number in range(length - 1):
            await services.sessions.update_answer(session_id, number % 50, number)
        figures += await _audited(services, session_id, f"{length:,} events", min(rounds, 5))
    session_id = await _session(services)
    for number in range(LARGE):
        await services.sessions.update_answers(session_id, MEGABYTE | {"0": number})
    figures += await _audited(services, session_id, f"{LARGE} events of 1 MB", 1)
    await services.close()
    return figures


async def _audited(services: Services, session_id: UUID, what: str, rounds: int) -> list[Figure]:
    version = (await services.sessions.get_session(session_id)).version
    operations: dict[str, Callable[[], Awaitable[object]]] = {
        "verify": lambda: services.audit.verify(session_id),
        "?at_version=9": lambda: services.audit.at_version(session_id, 9),
        "?at_version= of the last but one": lambda: services.audit.at_version(session_id, version - 1),
        "a page of events": lambda: services.audit.events(session_id),
    }
    figures = []
    for name, operation in operations.items():
        times = [await _timed(operation) for _ in range(rounds)]
        tracemalloc.start()
        await operation()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        figures.append(Figure(f"{name}, {what}", f"{statistics.median(times):.1f} ms", f"{peak:.0f} MiB"))
    return figures


async def _many_months(stores: Stores, rounds: int) -> list[Figure]:
    figures = []
    now = datetime.now(UTC)
    for count in MONTHS:
        stores.clear()
        with psycopg.connect(stores.database_url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT relid::regclass::text FROM pg_partition_tree('attempt_events')"
                " WHERE isleaf AND relid::regclass::text ~ '[0-9]$' ORDER BY 1"
            ).fetchall()
            if count == 1:
                for (name,) in found[1:]:
                    connection.execute(f"DROP TABLE {name}".encode())
        for year in range(count // 12):
            make_months(stores.database_url, now + timedelta(days=365 * year))
        writes, checks = await _write_and_verify(stores, rounds)
        figures.append(Figure(f"a committed write, {count} months", f"{writes:.2f} ms"))
        figures.append(Figure(f"verify, {count} months", f"{checks:.1f} ms"))
        reads, marks = await _relayed(stores, count, now)
        figures.append(Figure(f"the relay reads {PAGE:,} messages, {count} months", f"{reads:.1f} ms"))
        figures.append(Figure(f"the relay marks {BATCH} messages, {count} months", f"{marks:.2f} ms"))
    return figures


async def _write_and_verify(stores: Stores, rounds: int) -> tuple[float, float]:
    services = build_services(stores.settings)
    session_id = await _session(services)
    # Until PostgreSQL keeps its plans.
    for number in range(50):
        await services.sessions.update_answer(session_id, 0, number)
    writes = [
        await _timed(partial(services.sessions.update_answer, session_id, 1, number))
        for number in range(rounds * 20)
    ]
    checks = [await _timed(partial(services.audit.verify, session_id)) for _ in range(rounds)]
    await services.close()
    return statistics.median(writes), statistics.median(checks)


async def _relayed(stores: Stores, count: int, now: datetime) -> tuple[float, float]:
    """With as many events that were published in all months together, and a page of waiting ones."""
    stores.clear()
    fill_months(stores, months_from(now, count), EVENTS // count, waiting=PAGE)
    services = build_services(stores.settings)
    outbox = services.stores.outbox
    messages = await outbox.messages(PAGE)
    reads = [await _timed(partial(outbox.messages, PAGE)) for _ in range(5)]
    marks = [
        await _timed(partial(outbox.mark_published, messages[start : start + BATCH]))
        for start in range(0, PAGE - BATCH, BATCH)
    ]
    await services.close()
    return statistics.median(reads), statistics.median(marks)


async def _detaching(stores: Stores) -> list[Figure]:
    stores.clear()
    services = build_services(stores.settings)
    old = datetime(2019, 5, 1, tzinfo=UTC)
    await _ended(services, to_micros(old))
    make_months(stores.database_url, datetime.now(UTC))
    ids = [await _session(services, f"user{number}") for number in range(8)]
    waits: list[float] = []
    going = True

    async def write(session_id: UUID) -> None:
        number = 0
        while going:
            number += 1
            waits.append(await _timed(partial(services.sessions.update_answer, session_id, 0, number)))

    writing = [asyncio.create_task(write(session_id)) for session_id in ids]
    await asyncio.sleep(2)
    await asyncio.to_thread(detach_month, stores.database_url, old, has_event_bus=False)
    await asyncio.sleep(1)
    await asyncio.to_thread(make_months, stores.database_url, datetime.now(UTC) + timedelta(days=1500))
    await asyncio.sleep(1)
    going = False
    await asyncio.gather(*writing)
    await services.close()
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE attempt_events_2019_05_detached")
    return [
        Figure(
            f"longest of {len(waits):,} writes while a month is detached and 13 are made",
            f"{max(waits):.0f} ms",
            f"median {statistics.median(waits):.1f} ms",
            bar=f"< {LONGEST_WAIT_MS} ms",
            met=max(waits) < LONGEST_WAIT_MS,
        )
    ]


async def _session(services: Services, user: str = "user1") -> UUID:
    return (await services.sessions.create_session(user, "trail", at=current_micros())).id


async def _ended(services: Services, at: Micros) -> None:
    session = await services.sessions.create_session("user1", "trail", at=at)
    await services.sessions.complete(session.id, at=at)


async def _timed(operation: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await operation()
    return (time.perf_counter() - begun) * 1000
