"""The months of the audit log: made ahead, made late, taken out, while students write."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from migrate_database.handler import handler, upgrade
from migrate_database.months import MonthInUseError, detach_month, make_months
from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.timestamps import Micros, to_micros
from quiz_sessions.domain.uuid7 import lowest
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.stores.attempts import Conditions, request_text
from quiz_sessions.stores.audit import AuditStore
from quiz_sessions.stores.outbox import OutboxStore
from quiz_sessions.stores.postgres import Postgres
from quiz_sessions.stores.statements import Statement, load, numbered
from tests.harness.locks import Held
from tests.harness.months import fill_months, months_from
from tests.harness.service import start
from tests.harness.stores import Stores

NOW = datetime.now(UTC)
MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = datetime(2019, 5, 31, 23, 59, tzinfo=UTC)


@contextmanager
def database_of_its_own(running_stores: Stores) -> Iterator[Stores]:
    """One whose partitions may be changed."""
    name = f"months_{uuid4().hex}"
    running_stores.clear()
    with psycopg.connect(running_stores.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        own = Stores(make_conninfo(running_stores.database_url, dbname=name), running_stores.redis_url)
        upgrade(own.database_url)
        yield own
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def months(running_stores: Stores) -> Iterator[Stores]:
    """A database of the test's own."""
    with database_of_its_own(running_stores) as own:
        yield own


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


async def test_what_the_webhook_has_given_up_keeps_no_month(months: Stores) -> None:
    await session_of(months, to_micros(LONG_AGO))
    make_months(months.database_url, NOW)
    given_up = """
        INSERT INTO webhook_deliveries (attempt_id, revision, tries, last_error, failed_at, dead_at)
        SELECT attempt_id, revision, 10, 'status 500', now(), now() FROM attempt_events
        WHERE type = %s RETURNING 1"""
    months.query(given_up, "started")
    with pytest.raises(MonthInUseError):
        detach_month(months.database_url, LONG_AGO, has_event_bus=True)
    months.query(given_up, "completed")
    detach_month(months.database_url, LONG_AGO, has_event_bus=True)


async def test_a_write_that_waits_while_its_month_is_attached_is_made(months: Stores) -> None:
    at = to_micros(LONG_AGO)
    services = build_services(months.settings)
    session_id = await start(services, at=at)
    lower, upper = (lowest(to_micros(month)) for month in months_from(LONG_AGO, 2))
    with psycopg.connect(months.database_url) as connection:
        connection.execute("CREATE TABLE made (LIKE attempt_events INCLUDING ALL)")
        connection.execute("LOCK TABLE attempt_events_default IN ACCESS EXCLUSIVE MODE")
        write = services.sessions.update_answer(session_id, 0, "A", at=at)
        writing = await Held(connection).behind(write)
        connection.execute("INSERT INTO made SELECT * FROM attempt_events_default")
        connection.execute("TRUNCATE attempt_events_default")
        bounds = f"FROM ('{lower}') TO ('{upper}')"
        connection.execute(f"ALTER TABLE attempt_events ATTACH PARTITION made FOR VALUES {bounds}".encode())
    kept = await writing
    await services.close()
    assert (kept.version, kept.durability) == (1, "committed")
    assert partition_of(months, session_id) == ["made"]
    assert await is_intact(months, session_id)


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


@pytest.mark.parametrize(
    "name", ["create_attempts", "write_answers", "finish_attempt", "settle_attempts", "flush_sessions"]
)
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
    conditions = Conditions(key="key", payload="what it stands for")
    text = request_text(session_id, {"0": "A"}, at, conditions=conditions)
    parameters = {"batch": f"[{text}]", "wait": True, "resent": True}
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


# Plans


@pytest.fixture(scope="module")
def three_years(running_stores: Stores) -> Iterator[Stores]:
    """Attempts and their events in each of 36 months, and in none; in the last some events wait."""
    with database_of_its_own(running_stores) as own:
        for year in range(3):
            make_months(own.database_url, NOW + timedelta(days=365 * year))
        fill_months(own, [LONG_AGO, *months_from(NOW, 36)], 1000, waiting=10)
        yield own


class Explaining(Postgres):
    """Keeps the plans of the statements, with all that they call."""

    plans: list[dict[str, Any]]

    async def fetch(
        self, statement: str | Statement, parameters: dict[str, Any], **options: Any
    ) -> list[dict[str, Any]]:
        assert isinstance(statement, Statement)
        told = await super().fetch(f"EXPLAIN (FORMAT JSON) {statement.text}", parameters)
        self.plans.append(told[0]["QUERY PLAN"][0]["Plan"])
        return await super().fetch(statement, parameters, **options)


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each scan of a table: how, of which, by which index."""
    if "Relation Name" in plan and plan["Node Type"] != "ModifyTable":
        yield plan["Node Type"], plan["Relation Name"], plan.get("Index Name", "")
    for inner in plan.get("Plans", ()):
        yield from scans(inner)


async def plan_of(
    stores: Stores, work: Callable[[Postgres], Awaitable[object]]
) -> list[tuple[str, str, str]]:
    """The scans of partitions in the last statement of `work`."""

    async def conninfo() -> str:
        return stores.database_url

    postgres = Explaining(conninfo, 1, lambda: None, Telemetry())
    postgres.plans = []
    await work(postgres)
    await postgres.close()
    return [scan for scan in scans(postgres.plans[-1]) if scan[1].startswith("attempt_events")]


AFTER = {"attempt_events_above", f"attempt_events_{months_from(NOW, 37)[-1]:%Y_%m}"}
"""Those that come after the last with events."""
FILLED = {"attempt_events_default", *(f"attempt_events_{month:%Y_%m}" for month in months_from(NOW, 36))}
"""Those with events. Of one without PostgreSQL knows that it has nothing to read, and reads that."""


async def test_the_relay_reads_each_month_by_its_outbox(three_years: Stores) -> None:
    found = await plan_of(three_years, lambda postgres: OutboxStore(postgres).messages(1000))
    assert {name for _, name, _ in found} == partitions(three_years)
    of_filled = {(how, index.removeprefix(name)) for how, name, index in found if name in FILLED}
    # What the index of the outbox is called in a partition.
    assert of_filled == {("Index Scan", "_attempt_id_revision_idx")}


async def test_the_relay_marks_by_an_index_of_each_month(three_years: Stores) -> None:
    async def mark(postgres: Postgres) -> None:
        outbox = OutboxStore(postgres)
        message, *_ = await outbox.messages(1)
        await outbox.mark_published([message, replace(message, attempt_id=UUID(int=0))])

    found = await plan_of(three_years, mark)
    assert {name for _, name, _ in found} == partitions(three_years) - AFTER
    assert {how for how, name, _ in found if name in FILLED} == {"Index Scan"}


async def test_the_relay_marks_events_of_one_month_in_that_one(three_years: Stores) -> None:
    async def mark(postgres: Postgres) -> None:
        outbox = OutboxStore(postgres)
        await outbox.mark_published(await outbox.messages(5))

    found = await plan_of(three_years, mark)
    assert {name for _, name, _ in found} == {f"attempt_events_{months_from(NOW, 36)[-1]:%Y_%m}"}


async def test_verify_reads_one_month_by_its_key(three_years: Stores) -> None:
    (some,) = three_years.query(
        "SELECT id FROM quiz_attempts WHERE id > %s ORDER BY id LIMIT 1", lowest(to_micros(MONTH))
    )

    async def verify(postgres: Postgres) -> None:
        assert [event.revision async for event in AuditStore(postgres).steps(some["id"])] == [0]

    found = await plan_of(three_years, verify)
    assert {name for _, name, _ in found} == {f"attempt_events_{NOW:%Y_%m}"}
    assert {how for how, _, _ in found} <= {"Index Scan", "Index Only Scan"}


async def test_a_start_a_write_and_an_end_read_no_month_as_a_whole(three_years: Stores) -> None:
    def whole() -> int:
        found = three_years.query(
            "SELECT sum(seq_scan) AS number FROM pg_stat_user_tables WHERE relname LIKE %s", "attempt_events%"
        )
        return int(found[0]["number"])

    before = whole()
    services = build_services(three_years.settings)
    session_id = await start(services, at=None)
    await services.sessions.update_answers(session_id, {"0": "A"}, idempotency_key="key")
    await services.sessions.update_answers(session_id, {"0": "A"}, idempotency_key="key")
    await services.sessions.complete(session_id)
    # Its connections hand their counts over when they end.
    await services.close()
    assert whole() == before
