"""What goes into the log and the metrics, and what must not."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from quiz_sessions.domain.errors import (
    CacheUnavailableError,
    DatabaseUnavailableError,
    StatementFailedError,
)
from quiz_sessions.runtime.telemetry import LibraryLines, Telemetry

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


def test_the_pool_names_neither_each_connection_nor_each_that_it_did_not_get(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Telemetry()
    pool = logging.getLogger("psycopg.pool")
    # By itself the driver is quiet; this is what a level set for all of it would bring.
    with caplog.at_level(logging.INFO, logger="psycopg"):
        pool.info("a connection was given out")
        pool.warning("error connecting")
        pool.error("the pool is broken")
    assert [record.message for record in caplog.records] == ["the pool is broken"]


def test_while_a_store_is_away_each_message_is_logged_once_and_counted_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry = Telemetry()
    telemetry.cache.failed(ConnectionError("refused"), {"reason": "refused"})
    for _ in range(81):
        telemetry.degraded("cache not read", CacheUnavailableError())
    telemetry.cache.answered()
    lines = printed(capsys)
    assert [line["message"] for line in lines if "message" in line] == [
        "cache away",
        "cache not read",
        "cache back",
    ]
    assert sum(line["ErrorsSurvived"][0] for line in lines if "ErrorsSurvived" in line) == 81
    assert lines[-1]["unlogged"] == 80


def test_what_another_store_has_to_do_with_is_logged_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry()
    telemetry.cache.failed(ConnectionError("refused"), {})
    for _ in range(2):
        telemetry.degraded("expiry put off", broken())
    assert [line["message"] for line in printed(capsys) if "message" in line] == [
        "cache away",
        "expiry put off",
        "expiry put off",
    ]


def test_a_fault_of_one_statement_is_no_outage_of_the_database(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = Telemetry()
    telemetry.database.failed(ConnectionError("refused"), {})
    for _ in range(2):
        telemetry.degraded("grading put off", StatementFailedError())
    assert [line["message"] for line in printed(capsys) if "message" in line][1:] == ["grading put off"] * 2


class Told:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.levels: dict[str, float] = {}
        self.troubles: list[tuple[str, str]] = []

    def counted(self, name: str, value: float) -> None:
        self.counts[name] = self.counts.get(name, 0) + value

    def measured(self, name: str, value: float) -> None:
        self.levels[name] = value

    def went_wrong(self, level: str, what: str) -> None:
        self.troubles.append((level, what))


def test_a_watcher_is_told_what_is_counted_and_what_goes_wrong() -> None:
    told = Told()
    telemetry = Telemetry([told])
    telemetry.degraded("answers buffered", broken(), "BufferedWrites")
    telemetry.failed("request failed", None)
    telemetry.refused(503, "store_unavailable", path="/")
    telemetry.refused(404, "not_found", path="/")
    telemetry.measure({"SessionsFlushed": 2}, {"DirtySessions": 7})
    assert told.counts == {"BufferedWrites": 1, "SessionsFlushed": 2}
    assert told.levels == {"DirtySessions": 7}
    assert told.troubles == [
        ("WARNING", "answers buffered"),
        ("ERROR", "request failed"),
        ("ERROR", "reply 503 store_unavailable"),
    ]


def library_line(error: BaseException | None = None) -> dict[str, Any]:
    record = logging.LogRecord("a.library", logging.WARNING, __file__, 1, "it is %s", ("slow",), None)
    if error is not None:
        record.exc_info = type(error), error, error.__traceback__
    line: dict[str, Any] = json.loads(LibraryLines().format(record))
    return line


def test_a_line_of_a_library_has_the_form_of_our_own(capsys: pytest.CaptureFixture[str]) -> None:
    Telemetry().info("started")
    (own,) = printed(capsys)
    line = library_line()
    assert line.keys() - own.keys() == {"logger"}
    assert (line["level"], line["message"], line["logger"]) == ("WARNING", "it is slow", "a.library")
    form = re.sub("[0-9]", "0", own["timestamp"])
    assert re.sub("[0-9]", "0", line["timestamp"]) == form


def test_a_line_of_a_library_has_no_text_of_an_exception() -> None:
    line = library_line(broken())
    assert line["error"] == "DatabaseUnavailableError < ConnectionResetError"
    assert "broken" in line["frames"][-1]
    assert "forty-two" not in json.dumps(line)
