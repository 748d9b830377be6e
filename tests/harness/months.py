"""Months of the audit log: one that is missing, many that are full."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from quiz_sessions.domain.timestamps import to_micros
from quiz_sessions.domain.uuid7 import uuid7
from tests.harness.stores import Stores


def months_from(moment: datetime, count: int) -> list[datetime]:
    """The first moments of so many months, that of `moment` the first of them."""
    found = [moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)]
    while len(found) < count:
        found.append((found[-1] + timedelta(days=31)).replace(day=1))
    return found


def lose_month(stores: Stores, month: datetime) -> None:
    """As if it had never been made: what events it has lie in the DEFAULT partition."""
    name = f"attempt_events_{month:%Y_%m}"
    # One transaction. The events move: written anew, they would be chained anew.
    with psycopg.connect(stores.database_url) as connection:
        for statement in (
            f"ALTER TABLE attempt_events DETACH PARTITION {name}",
            "ALTER TABLE attempt_events_default DISABLE TRIGGER chain_attempt_event",
            f"INSERT INTO attempt_events_default SELECT * FROM {name}",
            "ALTER TABLE attempt_events_default ENABLE TRIGGER chain_attempt_event",
            f"DROP TABLE {name}",
        ):
            connection.execute(statement.encode())


def fill_months(stores: Stores, months: Sequence[datetime], each: int, waiting: int = 0) -> None:
    """So many ended attempts in each month, with an event that was published; of the last, some that wait."""
    ids = [
        (uuid7(to_micros(month) + number * 1000, secrets.token_bytes(10)), number)
        for month in months
        for number in range(each)
    ]
    with psycopg.connect(stores.database_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("CREATE TEMPORARY TABLE made (id uuid, number int)")
        with cursor.copy("COPY made FROM STDIN") as copy:
            for row in ids:
                copy.write_row(row)
        cursor.execute(
            """
            INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
                time_limit_seconds, started_at, expires_at, ended_at)
            SELECT id, 'user of ' || id, 'quiz', 1, 'expired', 0, 60, now(), now(), now() FROM made"""
        )
        cursor.execute(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, published_at)
            SELECT id, 0, 0, 'started', '{"expires_at": null}', now(), now() FROM made"""
        )
        cursor.execute(
            "UPDATE attempt_events SET published_at = NULL WHERE attempt_id = ANY(%s)",
            [[made for made, _ in ids[len(ids) - waiting :]]],
        )
        cursor.execute("VACUUM ANALYZE quiz_attempts, attempt_events")
