"""What goes into the log and the metrics, and what must not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from quiz_sessions.domain.errors import DatabaseUnavailableError
from quiz_sessions.runtime.telemetry import Telemetry

pytestmark = pytest.mark.usefixtures("own_service")


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def broken() -> DatabaseUnavailableError:
    try:
        try:
            raise ConnectionResetError("the answer is forty-two")
        except ConnectionResetError as error:
            raise DatabaseUnavailableError from error
    except DatabaseUnavailableError as error:
        return error


def test_what_is_survived_is_logged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry().degraded("answers buffered", broken(), session_id="s")
    log, metric = printed(capsys)
    assert (log["level"], log["message"], log["session_id"]) == ("WARNING", "answers buffered", "s")
    assert log["error"] == "DatabaseUnavailableError < ConnectionResetError"
    assert metric["ErrorsSurvived"] == [1.0]


def test_a_failure_says_where_it_came_from_but_not_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry().failed("request failed", broken())
    (log,) = printed(capsys)
    assert "broken" in log["frames"][-1]
    assert "forty-two" not in json.dumps(log)


async def test_a_line_has_the_fields_that_it_was_given_and_those_of_every_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # In a task, of which Python would tell the name.
    Telemetry().info("started", session_id="s")
    (log,) = printed(capsys)
    assert set(log) == {"level", "message", "timestamp", "service", "session_id"}


def test_service_and_namespace_are_the_projects_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME")
    monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE", raising=False)
    Telemetry().count("BufferedWrites")
    (metric,) = printed(capsys)
    assert metric["service"] == "quiz-sessions"
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "QuizSessions"


@pytest.mark.parametrize("end", ["\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_ends_a_line_somewhere_ends_none_in_the_log(
    capsys: pytest.CaptureFixture[str], end: str
) -> None:
    Telemetry().info("request", path=f"/a{end}b")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"] == f"/a{end}b"


def test_service_and_namespace_can_be_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "exams")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Exams")
    telemetry = Telemetry()
    telemetry.info("started")
    telemetry.count("BufferedWrites")
    log, metric = printed(capsys)
    assert log["service"] == metric["service"] == "exams"
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Exams"


def test_the_pool_tells_what_goes_wrong_and_not_each_connection(caplog: pytest.LogCaptureFixture) -> None:
    Telemetry()
    pool = logging.getLogger("psycopg.pool")
    # By itself the driver is quiet; this is what a level set for all of it would bring.
    with caplog.at_level(logging.INFO, logger="psycopg"):
        pool.info("a connection was given out")
        pool.warning("a connection was lost")
    assert [record.message for record in caplog.records] == ["a connection was lost"]
