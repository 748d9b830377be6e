"""The schema's revisions and the function that applies them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from migrate_database.handler import handler, upgrade
from quiz_sessions.models import from_micros
from quiz_sessions.wiring import Services, build_services
from tests.builders import SECOND, START
from tests.conftest import Stores
from tests.integration.former_release import FormerRelease


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


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What CodeDeploy was told, at an endpoint of the test's own."""
    told: list[dict[str, str]] = []

    class CodeDeploy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), CodeDeploy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEDEPLOY", f"http://127.0.0.1:{server.server_port}")
        yield told
        server.shutdown()
        thread.join()


HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}


def test_as_a_hook_it_tells_codedeploy_that_traffic_may_shift(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, reports: list[dict[str, str]]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    handler(HOOK, None)
    assert reports == [{"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": "Succeeded"}]


def test_as_a_hook_it_stops_the_deployment_when_it_fails(
    running_stores: Stores, monkeypatch: pytest.MonkeyPatch, reports: list[dict[str, str]]
) -> None:
    monkeypatch.setenv("DATABASE_URL", make_conninfo(running_stores.database_url, dbname="nowhere"))
    with pytest.raises(OperationalError):
        handler(HOOK, None)
    assert [report["status"] for report in reports] == ["Failed"]


def test_migrating_again_changes_nothing(empty_database: str) -> None:
    upgrade(empty_database)
    before = tables(empty_database)
    upgrade(empty_database)
    assert tables(empty_database) == before


def test_an_older_release_leaves_a_newer_schema_alone(empty_database: str) -> None:
    upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of-a-newer-release'")
    upgrade(empty_database)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
            "of-a-newer-release",
        )


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
            " AND accepts_until < now() ORDER BY accepts_until, id LIMIT 10"
        ).fetchall()
    assert any("quiz_attempts_overdue" in line for (line,) in plan)


# From the release before the exams


LATER = START + 10 * SECOND
END = START + 1800 * SECOND


@pytest.fixture
def former_database(empty_database: str) -> str:
    """The address of a database with the schema of revision 0001."""
    config = Config()
    config.set_main_option("script_location", "migrate_database:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(empty_database), poolclass=NullPool
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert "quizzes" not in tables(empty_database)
    return empty_database


@pytest.fixture
async def present(former_database: str, stores: Stores) -> AsyncIterator[Services]:
    """This release on that database; it works once the database is upgraded."""
    built = build_services(replace(stores.settings, database_url=former_database))
    yield built
    await built.close()


def as_started(former: FormerRelease) -> UUID:
    return former.start("user1", START)


def as_answered(former: FormerRelease) -> UUID:
    session_id = as_started(former)
    former.write(session_id, {"0": "A", "essay": {"text": "…", "numbers": [1.0, 1e23]}}, 1, LATER)
    former.write(session_id, {"0": "held up", "1": None}, 2, LATER - 1)
    return session_id


def as_completed(former: FormerRelease) -> UUID:
    session_id = as_answered(former)
    former.finish(session_id, "completed", LATER + SECOND, {"2": ("draft", LATER + 1)}, current=3)
    return session_id


def as_abandoned(former: FormerRelease) -> UUID:
    session_id = as_answered(former)
    former.finish(session_id, "abandoned", LATER + SECOND)
    return session_id


def as_expired(former: FormerRelease) -> UUID:
    session_id = as_answered(former)
    former.expire(session_id, END + 1, {"2": ("draft", END)})
    former.keep_late(session_id, {"3": ("late", END + 1)}, END + 2)
    return session_id


Stage = Callable[[FormerRelease], UUID]
each_stage = pytest.mark.parametrize(
    "stage", [as_started, as_answered, as_completed, as_abandoned, as_expired]
)
# What the former release shows of an attempt.
FORMER_COLUMNS = """id, user_id, quiz_id, attempt_no, status, current_question, current_question_at, answers,
    answer_meta, version, revision, time_remaining, started_at, expires_at, completed_at, ended_at, score,
    max_score"""


def former_rows(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute(f"SELECT {FORMER_COLUMNS} FROM quiz_attempts ORDER BY id".encode()).fetchall()


def is_chained(connection: psycopg.Connection[Any], session_id: UUID) -> bool:
    """Whether each event has the hash of all up to it, computed here and not by the database's function."""
    previous = b""
    for revision, version, kind, changes, micros, found in connection.execute(
        """
        SELECT revision, version, type, changes::text, (extract(epoch FROM at) * 1000000)::bigint, hash
        FROM attempt_events WHERE attempt_id = %s ORDER BY revision""",
        [session_id],
    ):
        text = f"{session_id}|{revision}|{version}|{kind}|{micros}|{changes}"
        previous = hashlib.sha256(previous + text.encode()).digest()
        if found != previous:
            return False
    return previous != b""


@each_stage
async def test_an_upgrade_keeps_what_the_former_release_left(
    former_database: str, present: Services, stage: Stage
) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = stage(FormerRelease(connection))
        before = former_rows(connection)
        upgrade(former_database)
        assert former_rows(connection) == before
    deadline = await present.manager.get_deadline(session_id, at=LATER)
    assert (deadline.time_limit_seconds, deadline.extension_seconds, deadline.grace_seconds) == (1800, 0, 0)
    session = await present.manager.get_session(session_id, at=LATER)
    assert session.answers == before[0][7]
    assert session.late_ms == 0


@each_stage
async def test_an_upgrade_chains_the_events_and_the_trail_tells_the_row(
    former_database: str, present: Services, stage: Stage
) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        former = FormerRelease(connection)
        other, session_id = stage(former), stage(former)
        upgrade(former_database)
        assert is_chained(connection, session_id)
        assert is_chained(connection, other)
    found = await present.records.verify(session_id)
    assert (found.intact, found.broken, found.differs) == (True, [], [])


async def test_a_change_of_what_the_former_release_recorded_is_found(
    former_database: str, present: Services
) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = as_completed(FormerRelease(connection))
        upgrade(former_database)
        connection.execute(
            "UPDATE attempt_events SET changes = jsonb_set(changes, '{answers,1}', '1') WHERE revision = 2"
        )
    assert (await present.records.verify(session_id)).broken == [2]


@pytest.mark.parametrize("column", ["time_limit_seconds", "extension_seconds", "grace_seconds", "late_ms"])
async def test_a_change_of_a_row_that_the_former_release_left_is_found(
    former_database: str, present: Services, column: str
) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = as_completed(FormerRelease(connection))
        upgrade(former_database)
        connection.execute(f"UPDATE quiz_attempts SET {column} = 7".encode())
    assert (await present.records.verify(session_id)).differs == [column]


@each_stage
async def test_the_former_release_works_on_the_new_schema(
    former_database: str, present: Services, stage: Stage
) -> None:
    upgrade(former_database)
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = stage(FormerRelease(connection))
        assert is_chained(connection, session_id)
    assert (await present.records.verify(session_id)).intact
    deadline = await present.manager.get_deadline(session_id, at=LATER)
    assert (deadline.time_limit_seconds, deadline.expires_at) == (1800, from_micros(END))


async def test_this_release_goes_on_with_an_attempt_of_the_former_and_the_former_with_it(
    former_database: str, present: Services
) -> None:
    upgrade(former_database)
    with psycopg.connect(former_database, autocommit=True) as connection:
        former = FormerRelease(connection)
        session_id = as_answered(former)
        await present.manager.update_answer(session_id, 7, "of this one", at=LATER + 1)
        former.write(session_id, {"8": "of the former"}, 9, LATER + 2)
        done = await present.manager.complete(session_id, at=LATER + 3)
    assert done.answers.keys() == {"0", "1", "essay", "7", "8"}
    assert done.current_question == 9
    assert (await present.records.verify(session_id)).intact


async def test_numbers_of_attempts_go_on(former_database: str, present: Services) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        former = FormerRelease(connection)
        former.start("user1", START)
        upgrade(former_database)
        second = await present.manager.create_session("user1", "quiz1", at=LATER)
        third = former.start("user1", LATER)
    shown = await present.manager.get_session(third, at=LATER)
    assert (second.attempt_no, shown.attempt_no) == (2, 3)


async def test_an_attempt_that_the_former_release_starts_can_be_extended_twice(
    former_database: str, present: Services
) -> None:
    upgrade(former_database)
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = FormerRelease(connection).start("user1", START)
    await present.exams.extend(session_id, 600, "a fire alarm", at=LATER)
    session = await present.exams.extend(session_id, 60, "another one", at=LATER)
    assert session.expires_at == from_micros(END + 660 * SECOND)
    deadline = await present.manager.get_deadline(session_id, at=LATER)
    assert (deadline.time_limit_seconds, deadline.extension_seconds) == (1800, 660)
    assert (await present.records.verify(session_id)).intact


async def test_late_answers_that_the_former_release_kept_can_be_accepted(
    former_database: str, present: Services
) -> None:
    with psycopg.connect(former_database, autocommit=True) as connection:
        session_id = as_expired(FormerRelease(connection))
        upgrade(former_database)
    (late,) = await present.exams.late_answers(session_id)
    session = await present.exams.accept_late_answer(session_id, late.event, "it was us", at=END + SECOND)
    assert (session.answers["3"], session.late_ms) == ("late", 1)
    assert (await present.records.verify(session_id)).intact
