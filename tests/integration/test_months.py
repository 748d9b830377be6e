"""The months of the audit log: made ahead, made late, taken out, while students write."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from migrate_database.handler import handler, upgrade
from migrate_database.months import MonthInUseError, detach_month, make_months
from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from quiz_sessions.stores.attempts import Conditions
from quiz_sessions.stores.statements import load, numbered
from tests.harness.service import start
from tests.harness.stores import Stores

NOW = datetime.now(UTC)
MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = datetime(2019, 5, 31, 23, 59, tzinfo=UTC)


@pytest.fixture
def months(running_stores: Stores) -> Iterator[Stores]:
    """A database of the test's own, whose partitions it may change."""
    name = f"months_{uuid4().hex}"
    running_stores.clear()
    with psycopg.connect(running_stores.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        own = Stores(make_conninfo(running_stores.database_url, dbname=name), running_stores.redis_url)
        upgrade(own.database_url)
        yield own
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def partitions(stores: Stores) -> set[str]:
    found = stores.query(
        "SELECT relid::regclass::text AS name FROM pg_partition_tree('attempt_events') WHERE isleaf"
    )
    return {row["name"] for row in found}


def partition_of(stores: Stores, session_id: UUID) -> list[str]:
    found = stores.query(
        "SELECT DISTINCT tableoid::regclass::text AS name FROM attempt_events WHERE attempt_id = %s",
        session_id,
    )
    return [row["name"] for row in found]


def without_month(stores: Stores) -> int:
    return len(stores.query("SELECT FROM attempt_events_default"))


async def session_of(stores: Stores, at: Micros) -> UUID:
    """A session with an answer and its end."""
    services = build_services(stores.settings)
    session_id = await start(services, at=at)
    await services.sessions.update_answer(session_id, 0, "A", at=at)
    await services.sessions.complete(session_id, at=at)
    await services.close()
    return session_id


async def is_intact(stores: Stores, session_id: UUID) -> bool:
    services = build_services(stores.settings)
    try:
        return (await services.audit.verify(session_id)).intact
    finally:
        await services.close()


def test_a_year_of_months_is_made_ahead(months: Stores) -> None:
    made = {name for name in partitions(months) if name[-1].isdigit()}
    assert len(made) == 13
    assert f"attempt_events_{NOW:%Y_%m}" in made
    assert f"attempt_events_{NOW.year + 1}_{NOW:%m}" in made


def test_months_are_made_once(months: Stores) -> None:
    before = partitions(months)
    assert make_months(months.database_url, NOW) == []
    assert make_months(months.database_url, MONTH + timedelta(days=31)) != []
    assert partitions(months) > before


def test_every_call_of_the_function_makes_months(months: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", months.database_url)
    name = f"attempt_events_{NOW:%Y_%m}"
    with psycopg.connect(months.database_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {name}".encode())
    assert handler({}, None) == {"status": "migrated"}
    assert name in partitions(months)


async def test_events_lie_in_the_month_of_the_start(months: Stores) -> None:
    first_of_next = to_micros((MONTH + timedelta(days=31)).replace(day=1))
    one, other = await session_of(months, first_of_next - 1), await session_of(months, first_of_next)
    assert partition_of(months, one) == [f"attempt_events_{NOW:%Y_%m}"]
    assert partition_of(months, other) == [f"attempt_events_{(MONTH + timedelta(days=31)):%Y_%m}"]


async def test_an_id_of_the_far_future_has_a_place_of_its_own(months: Stores) -> None:
    later = to_micros(datetime(2100, 1, 1, tzinfo=UTC))
    assert partition_of(months, await session_of(months, later)) == ["attempt_events_above"]
    assert without_month(months) == 0


async def test_a_month_that_is_missing_loses_no_event(months: Stores) -> None:
    session_id = await session_of(months, to_micros(LONG_AGO))
    assert partition_of(months, session_id) == ["attempt_events_default"]
    services = build_services(months.settings)
    report = await services.flusher.run()
    await services.close()
    assert report.metrics()["EventsWithoutMonth"] == without_month(months) > 0
    assert await is_intact(months, session_id)


async def test_making_a_month_moves_its_events_there(months: Stores) -> None:
    old = await session_of(months, to_micros(LONG_AGO))
    older = await session_of(months, to_micros(LONG_AGO - timedelta(days=40)))
    made = make_months(months.database_url, NOW)
    assert made == ["attempt_events_2019_04", "attempt_events_2019_05"]
    assert partition_of(months, old) == ["attempt_events_2019_05"]
    assert partition_of(months, older) == ["attempt_events_2019_04"]
    assert without_month(months) == 0
    assert await is_intact(months, old)
    assert await is_intact(months, older)


async def test_a_write_is_made_once_although_its_month_came_between(months: Stores) -> None:
    at = to_micros(LONG_AGO)
    services = build_services(months.settings)
    session_id = await start(services, at=at)
    kept = await services.sessions.update_answers(session_id, {"0": "A"}, idempotency_key="key", at=at)
    make_months(months.database_url, NOW)
    again = await services.sessions.update_answers(session_id, {"0": "A"}, idempotency_key="key", at=at + 1)
    await services.close()
    assert (again.version, kept.version) == (1, 1)


async def test_a_month_is_taken_out(months: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = await session_of(months, to_micros(LONG_AGO))
    make_months(months.database_url, NOW)
    monkeypatch.setenv("DATABASE_URL", months.database_url)
    # The function has an event loop of its own.
    found = await asyncio.to_thread(handler, {"detach_month": "2019-05"}, None)
    assert found == {"status": "detached", "table": "attempt_events_2019_05_detached"}
    assert partition_of(months, session_id) == []
    assert len(months.query("SELECT FROM attempt_events_2019_05_detached")) > 0
    assert not await is_intact(months, session_id)


async def test_a_month_with_an_open_attempt_stays(months: Stores) -> None:
    services = build_services(months.settings)
    await start(services, at=to_micros(LONG_AGO))
    await services.close()
    make_months(months.database_url, NOW)
    with pytest.raises(MonthInUseError):
        detach_month(months.database_url, LONG_AGO, has_event_bus=False)


async def test_a_month_whose_events_wait_for_the_bus_stays(months: Stores) -> None:
    await session_of(months, to_micros(LONG_AGO))
    make_months(months.database_url, NOW)
    with pytest.raises(MonthInUseError):
        detach_month(months.database_url, LONG_AGO, has_event_bus=True)
    months.query("UPDATE attempt_events SET published_at = now() RETURNING 1")
    detach_month(months.database_url, LONG_AGO, has_event_bus=True)


async def test_nobody_is_refused_while_months_come_and_go(months: Stores) -> None:
    for _ in range(2):
        await session_of(months, to_micros(LONG_AGO))
    make_months(months.database_url, NOW)
    services = build_services(months.settings)
    ids = [await start(services, user=f"user{number}", at=None) for number in range(4)]
    written = 0
    going = True

    async def write(session_id: UUID) -> None:
        nonlocal written
        while going:
            await services.sessions.update_answer(session_id, 0, written)
            written += 1

    writing = [asyncio.create_task(write(session_id)) for session_id in ids]
    await asyncio.to_thread(detach_month, months.database_url, LONG_AGO, has_event_bus=False)
    await asyncio.to_thread(make_months, months.database_url, MONTH + timedelta(days=100))
    going = False
    await asyncio.gather(*writing)
    assert written > 0
    assert all([(await services.audit.verify(session_id)).intact for session_id in ids])
    await services.close()


@pytest.mark.parametrize("name", ["create_attempt", "write_answers", "finish_attempt", "settle_attempts"])
def test_what_students_wait_for_reads_events_through_functions_alone(name: str) -> None:
    """A kept plan that reads the audit log locks every month of it."""
    text = load(f"stored/{name}").text
    assert re.findall(r"(?:FROM|JOIN)\s+attempt_events\b", text) == []
    assert "INSERT INTO attempt_events" in text


async def test_a_write_opens_no_month_but_its_own(months: Stores) -> None:
    services = build_services(months.settings)
    session_id = await start(services, at=None)
    await services.close()
    at = to_micros(datetime.now(UTC))
    # A write that was sent before looks for its event.
    parameters = {
        **Conditions(key="key", payload="what it stands for").parameters(),
        "id": session_id,
        "owner": None,
        "answers": '{"0": "A"}',
        "drafts": "{}",
        "at": at,
        "at_time": from_micros(at),
        "version": None,
        "current_question": None,
        "write_id": "key:key",
        "resent": True,
    }
    numbers = numbered(load("stored/write_answers").call)
    with psycopg.connect(months.database_url, cursor_factory=psycopg.RawCursor) as connection:
        # From the sixth call on PostgreSQL keeps a plan.
        for _ in range(7):
            connection.execute(numbers.text, [parameters[name] for name in numbers.names])
            connection.rollback()
        connection.execute(numbers.text, [parameters[name] for name in numbers.names])
        locked = connection.execute(
            b"""
            SELECT DISTINCT relation::regclass::text FROM pg_locks
            WHERE pid = pg_backend_pid() AND relation IN (
                SELECT inhrelid FROM pg_inherits WHERE inhparent = 'attempt_events'::regclass
            )"""
        ).fetchall()
    assert locked == [(f"attempt_events_{NOW:%Y_%m}",)]
