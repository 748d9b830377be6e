"""Students and faults over the border of a month whose partition is not there yet, and is made meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from migrate_database.months import LOCK_MILLISECONDS, make_partition
from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.domain.uuid7 import lowest
from tests.faults.suite.processes import SuiteValkey, stage
from tests.faults.suite.run import play
from tests.harness.stores import Stores, running_servers
from tests.harness.students import Kind

SECONDS = 16
SEED = "border"


def end_the_month(stores: Stores, border: datetime) -> None:
    """Let the partition of this month end at `border`; what follows it has none."""
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with psycopg.connect(stores.database_url) as connection:
        for month in (first, (first + timedelta(days=31)).replace(day=1)):
            connection.execute(f"DROP TABLE attempt_events_{month:%Y_%m}".encode())
        make_partition(connection, f"attempt_events_{first:%Y_%m}", lowest_at(first), lowest_at(border))


def lowest_at(moment: datetime) -> UUID:
    return lowest(to_micros(moment))


def begin_the_next(stores: Stores, border: datetime) -> int:
    """Make the partition that is missing, while students write; how many events had to move."""
    for _ in range(1000):
        try:
            with psycopg.connect(stores.database_url) as connection:
                connection.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
                strays = connection.execute("SELECT count(*) FROM attempt_events_default").fetchone()
                upper = lowest_at(border + timedelta(days=28))
                make_partition(connection, "attempt_events_next", lowest_at(border), upper)
        except (errors.LockNotAvailable, errors.DeadlockDetected, errors.OperationalError):
            # Students write, or a fault has the database.
            continue
        assert strays is not None
        return int(strays[0])
    pytest.fail("the month could not be made")


async def test_what_was_acknowledged_is_kept_over_the_border_of_a_month(folder: Path) -> None:
    with running_servers(valkey=SuiteValkey) as servers:
        async with stage(servers, folder, skewed=["api2"]) as on:
            border = datetime.now(UTC) + timedelta(seconds=SECONDS / 4)
            end_the_month(servers.stores, border)
            playing = asyncio.create_task(play(on, SEED, SECONDS))
            await asyncio.sleep(SECONDS * 3 / 4)
            strays = await asyncio.to_thread(begin_the_next, servers.stores, border)
            outcome = await playing
            places = servers.query("SELECT DISTINCT tableoid::regclass::text AS name FROM attempt_events")
    assert outcome.violations == []
    assert strays > 0
    names = {place["name"] for place in places}
    assert names == {f"attempt_events_{datetime.now(UTC):%Y_%m}", "attempt_events_next"}
    acknowledged = {one.kind for one in outcome.history if one.acknowledged}
    assert acknowledged >= {Kind.START, Kind.COMMIT, Kind.AUTOSAVE, Kind.COMPLETE}
