"""The flush's handler under the Lambda runtime, driven with EventBridge's event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import redis

from flush_sessions import handler as flush_handler
from quiz_sessions.bootstrap import Services
from tests.harness.runtime import Runtime, running_runtime, sample
from tests.harness.service import start
from tests.harness.stores import Stores

Connection = psycopg.Connection[dict[str, object]]
METRICS = {
    "SessionsFlushed",
    "SessionsExpired",
    "DraftsLate",
    "DirtySessions",
    "OldestDirtyAgeSeconds",
    "FlushFailures",
    "SessionsSetAside",
    "AttemptsGraded",
    "EventsPublished",
    "EventsPending",
    "OldestEventAgeSeconds",
    "EventsWithoutMonth",
    "ExportsWaiting",
    "ExportsFailed",
    "PausedAttempts",
    "OldestPauseAgeSeconds",
}


class Context:
    """Lambda's context with so much time left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


async def autosave(services: Services) -> UUID:
    session_id = await start(services, at=None)
    await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    return session_id


def answers(database: Connection, session_id: UUID) -> object:
    row = database.execute("SELECT answers FROM quiz_attempts WHERE id = %s", [session_id]).fetchone()
    assert row is not None
    return row["answers"]


@pytest.fixture
def in_process(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handler's module as a fresh environment has it, on the test stores."""
    for name, value in stores.environment().items():
        monkeypatch.setenv(name, value)
    flush_handler.services.cache_clear()
    flush_handler.runner.cache_clear()
    yield
    flush_handler.runner().run(flush_handler.services().close())
    flush_handler.runner().close()
    flush_handler.services.cache_clear()
    flush_handler.runner.cache_clear()


async def test_an_autosaved_draft_is_flushed_into_the_table(
    flush: Runtime, services: Services, database: Connection
) -> None:
    session_id = await autosave(services)
    flush.invoke(sample("schedule"))
    assert answers(database, session_id) == {"1": "A"}


async def test_the_counts_are_returned_under_the_names_of_the_metrics(
    flush: Runtime, services: Services
) -> None:
    await autosave(services)
    assert flush.invoke(sample("schedule")) == dict.fromkeys(METRICS, 0) | {"SessionsFlushed": 1}


async def test_the_metrics_are_one_line_of_embedded_metric_format(flush: Runtime, services: Services) -> None:
    await autosave(services)
    before = len(flush.log())
    flush.invoke(sample("schedule"))
    lines = [json.loads(line) for line in flush.log()[before:].splitlines() if line.startswith('{"_aws"')]
    (line,) = lines
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "QuizSessions"
    assert {metric["Name"] for metric in directive["Metrics"]} == METRICS
    assert line["SessionsFlushed"] == [1]


def test_connections_survive_from_one_flush_to_the_next(
    flush: Runtime, database: Connection, valkey: redis.Redis
) -> None:
    def connections() -> tuple[list[dict[str, object]], set[str]]:
        backends = database.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'quiz-sessions'"
        ).fetchall()
        return backends, {client["id"] for client in valkey.client_list()}

    flush.invoke(sample("schedule"))
    before = connections()
    flush.invoke(sample("schedule"))
    assert connections() == before


async def test_connections_that_broke_are_made_again(
    flush: Runtime, services: Services, database: Connection, valkey: redis.Redis
) -> None:
    flush.invoke(sample("schedule"))
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quiz-sessions'"
    )
    valkey.client_kill_filter(_type="normal", skipme=True)
    await autosave(services)
    counts = flush.invoke(sample("schedule"))
    assert (counts["SessionsFlushed"], counts["FlushFailures"]) == (1, 0)


async def test_a_runtime_complains_about_nothing(stores: Stores, services: Services, tmp_path: Path) -> None:
    await autosave(services)
    with running_runtime("flush_sessions.handler.handler", stores, tmp_path) as fresh:
        fresh.invoke(sample("schedule"))
        assert "warn" not in fresh.log().lower()


@pytest.mark.usefixtures("in_process")
def test_with_time_left_the_handler_flushes(database: Connection, draft: UUID) -> None:
    counts = flush_handler.handler(sample("schedule"), Context(30_000))
    assert (counts["SessionsFlushed"], counts["DirtySessions"]) == (1, 0)
    assert answers(database, draft) == {"1": "A"}


@pytest.mark.usefixtures("in_process")
def test_with_a_second_left_nothing_is_flushed_and_the_rest_is_counted(
    database: Connection, draft: UUID
) -> None:
    counts = flush_handler.handler(sample("schedule"), Context(1_000))
    assert (counts["SessionsFlushed"], counts["DirtySessions"]) == (0, 1)
    assert answers(database, draft) == {}


@pytest.fixture
def draft(in_process: None) -> UUID:
    """A session with an autosaved answer, made in the handler's own event loop."""
    return flush_handler.runner().run(autosave(flush_handler.services()))
