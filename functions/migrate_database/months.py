"""The months of the audit log: a partition for the events of the attempts that started in each.

docs/decisions/0021 says why. Students write meanwhile: a change of the partitions waits for a lock for at
most LOCK_MILLISECONDS, because whoever comes behind it waits as well, and tries again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors, sql

from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.domain.uuid7 import lowest, moment_of
from quiz_sessions.stores.statements import load

MONTHS_AHEAD = 12
LOCK_MILLISECONDS = 50
TRIES = 200
_LOCK = 0x9812_5E56
_LAST = datetime(2100, 1, 1, tzinfo=UTC)


class MonthInUseError(Exception):
    """A month can't be detached, because its events are still needed."""


def make_months(database_url: str, now: datetime) -> list[str]:
    """Make the partitions that are missing: of this month, of the next twelve, and of events without one.

    Returns:
        the names of the partitions that were made.

    Raises:
        psycopg.Error: the database can't be reached, refuses, or is too busy for TRIES attempts.
    """
    made: list[str] = []
    with _connect(database_url) as connection:
        months = [*_following(now.astimezone(UTC), MONTHS_AHEAD + 1), *_stray(connection)]
        for month in months:
            if not _is_attached(connection, month):
                made.append(_insist(connection, partial(_make, connection, month)))
    return made


def detach_month(database_url: str, month: datetime, *, has_event_bus: bool) -> str:
    """Take the partition of a month out of the audit log; its table stays, under another name.

    Returns:
        the name of the table.

    Raises:
        MonthInUseError: an attempt of the month is open, or an event of it waits to be sent.
        psycopg.Error: as `make_months`.
    """
    with _connect(database_url) as connection:
        if _is_in_use(connection, month, has_event_bus=has_event_bus):
            raise MonthInUseError(f"Attempts of {month:%Y-%m} are open, or events of it are not published.")
        return _insist(connection, partial(_detach, connection, month))


def _connect(database_url: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(database_url, autocommit=True)
    connection.execute("SET statement_timeout = 0")
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    connection.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
    return connection


def _insist(connection: psycopg.Connection[Any], change: Callable[[], str]) -> str:
    for left in reversed(range(TRIES)):
        try:
            with connection.transaction():
                return change()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if not left:
                raise
            # Whoever queued behind this one goes first.
            time.sleep(0.05 + secrets.randbelow(200) / 1000)
    raise AssertionError("unreachable")


def _make(connection: psycopg.Connection[Any], month: datetime) -> str:
    name = _name(month)
    lower, upper = _bounds(month)
    names = {"name": sql.Identifier(name), "lower": sql.Literal(lower), "upper": sql.Literal(upper)}
    # Made as a table and attached: CREATE TABLE … PARTITION OF would wait for every open transaction.
    connection.execute(sql.SQL("CREATE TABLE {name} (LIKE attempt_events INCLUDING ALL)").format(**names))
    # What came while the month was missing moves along; nobody can write to the rest meanwhile.
    connection.execute("LOCK TABLE attempt_events_default IN ACCESS EXCLUSIVE MODE")
    connection.execute(
        sql.SQL(
            """
            WITH moved AS (
                DELETE FROM attempt_events_default
                WHERE attempt_id >= {lower} AND attempt_id < {upper} RETURNING *
            )
            INSERT INTO {name} SELECT * FROM moved"""
        ).format(**names)
    )
    connection.execute(
        sql.SQL(
            "ALTER TABLE attempt_events ATTACH PARTITION {name} FOR VALUES FROM ({lower}) TO ({upper})"
        ).format(**names)
    )
    return name


def _is_in_use(connection: psycopg.Connection[Any], month: datetime, *, has_event_bus: bool) -> bool:
    lower, upper = _bounds(month)
    found = connection.execute(
        load("month_in_use").text.encode(), {"lower": lower, "upper": upper, "has_event_bus": has_event_bus}
    ).fetchone()
    return found == (True,)


def _detach(connection: psycopg.Connection[Any], month: datetime) -> str:
    name = _name(month)
    detached = f"{name}_detached"
    connection.execute(sql.SQL("ALTER TABLE attempt_events DETACH PARTITION {}").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(detached))
    )
    return detached


def _stray(connection: psycopg.Connection[Any]) -> Iterator[datetime]:
    """The months of the events that have no partition of their own."""
    after = UUID(int=0)
    while True:
        found = connection.execute(
            """
            SELECT attempt_id FROM attempt_events_default
            WHERE attempt_id >= %s ORDER BY attempt_id LIMIT 1""",
            [after],
        ).fetchone()
        if found is None:
            return
        (month,) = _following(moment_of(found[0]), 1)
        yield month
        after = _bounds(month)[1]


def _is_attached(connection: psycopg.Connection[Any], month: datetime) -> bool:
    found = connection.execute(
        "SELECT FROM pg_inherits WHERE inhparent = 'attempt_events'::regclass AND inhrelid = to_regclass(%s)",
        [_name(month)],
    )
    return found.fetchone() is not None


def _following(moment: datetime, count: int) -> Iterator[datetime]:
    """The month of `moment` and those after it, `count` in all, by their first moments."""
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(count):
        if month < _LAST:
            yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _bounds(month: datetime) -> tuple[UUID, UUID]:
    _, following = _following(month, 2)
    return lowest(to_micros(month)), lowest(to_micros(following))


def _name(month: datetime) -> str:
    return f"attempt_events_{month:%Y_%m}"
