"""Statements that the database keeps as functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from migrate_database.handler import upgrade
from migrate_database.stored_statements import store
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Drafts
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.stores.attempts import AttemptStore, drafts_text
from quiz_sessions.stores.postgres import Postgres
from quiz_sessions.stores.statements import Statement, stored_statements
from tests.harness.stores import Stores

Connection = psycopg.Connection[dict[str, Any]]
DOUBLED = Statement(
    "doubled", "SELECT %(number)s::integer * 2 AS number, %(text)s::text AS text", stored=True
)


class Recorder(Telemetry):
    """Remembers what was survived."""

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[object] = []

    def degraded(
        self, message: str, error: BaseException, metric: str = "ErrorsSurvived", **fields: Any
    ) -> None:
        self.statements.append(fields.get("statement"))


@pytest.fixture
def telemetry() -> Recorder:
    return Recorder()


@pytest.fixture
async def postgres(stores: Stores, telemetry: Recorder) -> AsyncIterator[Postgres]:
    async def conninfo() -> str:
        return stores.database_url

    made = Postgres(conninfo, 1, lambda: None, telemetry)
    yield made
    await made.close()


@pytest.fixture
def doubled(database: Connection) -> Iterator[None]:
    store(database, [DOUBLED])
    yield
    database.execute(sql.SQL("DROP FUNCTION IF EXISTS {}").format(sql.Identifier(DOUBLED.function)))


def test_each_release_finds_its_own_function() -> None:
    names = {Statement("one", text, stored=True).function for text in ("SELECT 1", "SELECT 2", "SELECT 1")}
    assert len(names) == 2
    assert all(name.startswith("one_") and len(name) < 63 for name in names)


@pytest.mark.usefixtures("doubled")
async def test_it_is_called_with_its_parameters_by_name(postgres: Postgres, telemetry: Recorder) -> None:
    rows = await postgres.fetch(DOUBLED, {"text": "a", "number": 21, "more": None})
    assert rows == [{"number": 42, "text": "a"}]
    assert telemetry.statements == []


async def test_without_its_function_a_statement_is_sent_as_it_is_and_that_is_counted_once(
    postgres: Postgres, telemetry: Recorder
) -> None:
    for _ in range(2):
        assert await postgres.fetch(DOUBLED, {"text": "a", "number": 21}) == [{"number": 42, "text": "a"}]
    assert telemetry.statements == ["doubled"]


async def test_every_request_and_every_flush_runs_the_functions(
    postgres: Postgres, telemetry: Recorder
) -> None:
    database = AttemptStore(postgres)
    start = await database.create("user1", "quiz1", current_micros(), 60, None)
    assert start.attempt is not None
    await database.write_answers(start.attempt.id, {"1": "A"}, current_micros())
    await database.settle({start.attempt.id: Drafts()}, current_micros())
    await database.settle({start.attempt.id: Drafts()}, current_micros(), wait=True)
    await database.flush([drafts_text(start.attempt.id, Drafts())], current_micros())
    await database.finish(start.attempt.id, Status.COMPLETED, Drafts(), {}, current_micros())
    assert telemetry.statements == []


def test_a_migration_stores_what_is_missing_and_leaves_what_is_there(
    stores: Stores, database: Connection
) -> None:
    kept, dropped, *_ = stored_statements()
    (before,) = database.execute("SELECT oid FROM pg_proc WHERE proname = %s", [kept.function]).fetchall()
    database.execute(sql.SQL("DROP FUNCTION {}").format(sql.Identifier(dropped.function)))
    upgrade(stores.database_url)
    (after,) = database.execute("SELECT oid FROM pg_proc WHERE proname = %s", [kept.function]).fetchall()
    again = database.execute("SELECT FROM pg_proc WHERE proname = %s", [dropped.function]).fetchall()
    assert (after, len(again)) == (before, 1)


@pytest.mark.usefixtures("doubled")
def test_the_functions_of_another_release_stay(stores: Stores, database: Connection) -> None:
    upgrade(stores.database_url)
    assert database.execute("SELECT FROM pg_proc WHERE proname = %s", [DOUBLED.function]).fetchall()


def test_a_statement_that_postgresql_refuses_fails_the_migration(database: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        store(database, [Statement("broken", "SELECT FROM nowhere")])
