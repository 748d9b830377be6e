"""The schema's revisions and the function that applies them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import OperationalError

from migrate_database.handler import handler, upgrade
from tests.harness.stores import Stores


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
