"""The schema's revisions and the function that applies them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import OperationalError

from migrate_database.handler import handler, upgrade
from tests.conftest import Stores


@pytest.fixture
def empty_database(running_stores: Stores) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(running_stores.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield make_conninfo(running_stores.database_url, dbname=name)
        connection.execute(f"DROP DATABASE {name}".encode())


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows}


def test_the_function_migrates_an_empty_database(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert handler({}, None) == {"status": "migrated"}
    assert tables(empty_database) >= {"quiz_attempts", "attempt_events", "attempt_counters"}


def test_migrating_again_changes_nothing(empty_database: str) -> None:
    upgrade(empty_database)
    before = tables(empty_database)
    upgrade(empty_database)
    assert tables(empty_database) == before


def test_simultaneous_migrations_wait_for_each_other(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [empty_database] * 4))
    assert "quiz_attempts" in tables(empty_database)


def test_a_database_that_is_not_there_fails_loudly(running_stores: Stores) -> None:
    with pytest.raises(OperationalError):
        upgrade(make_conninfo(running_stores.database_url, dbname="nowhere"))


def test_statements_are_ended_by_the_server_after_two_seconds(empty_database: str) -> None:
    upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("2s",)
        assert connection.execute("SHOW lock_timeout").fetchone() == ("1500ms",)


def test_the_expiry_scan_uses_its_partial_index(empty_database: str) -> None:
    upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT id FROM quiz_attempts WHERE status IN ('started', 'in_progress')"
            " AND expires_at < now() ORDER BY expires_at, id LIMIT 10"
        ).fetchall()
    assert any("quiz_attempts_open" in line for (line,) in plan)
