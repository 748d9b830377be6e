"""Metrics for Prometheus: of the telemetry under its own names, and what the dashboard asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from development_server.metrics import Metrics, address_of, metric_name
from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.settings import SettingsError
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.flush import FlushReport
from tests.unit.test_runbook import CODE, EMITTED

DASHBOARD = Path(__file__).parents[2] / "infra/local/grafana/quiz-sessions.json"
LEVELS = FlushReport().levels()
# Of the webhook, which only a service without an event bus has; the stack has an alarm of its own for it.
COUNTED = sorted({*EMITTED, "WebhookFailed"} - LEVELS.keys())


def samples(metrics: Metrics) -> dict[str, float]:
    """Name with its labels -> value."""
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def serving(telemetry: Telemetry) -> Services:
    stores = SimpleNamespace(
        postgres=SimpleNamespace(connections=(4, 1)), valkey=SimpleNamespace(connections=3)
    )
    return cast(Services, SimpleNamespace(telemetry=telemetry, stores=stores))


def test_a_count_of_the_telemetry_is_a_counter_and_a_level_a_gauge() -> None:
    metrics = Metrics()
    telemetry = Telemetry([metrics])
    telemetry.measure({"BufferedWrites": 2}, {"OldestDirtyAgeSeconds": 1.5})
    telemetry.measure({"BufferedWrites": 3}, {"OldestDirtyAgeSeconds": 0.5})
    found = samples(metrics)
    assert found["quiz_sessions_buffered_writes_total"] == 5
    assert found["quiz_sessions_oldest_dirty_age_seconds"] == 0.5


async def test_requests_are_counted_by_method_and_status_and_nothing_that_a_caller_makes_up() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    metrics = Metrics()
    transport = httpx.ASGITransport(metrics.around(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        await http.get("/a")
        await http.request("MADE-UP", "/b")
    found = samples(metrics)
    assert found["quiz_sessions_requests_total[GET][503]"] == 1
    assert found["quiz_sessions_requests_total[other][503]"] == 1
    assert found["quiz_sessions_request_seconds_count"] == 2


def test_stores_are_looked_at_when_prometheus_asks(tmp_path: Path) -> None:
    metrics = Metrics()
    telemetry = Telemetry([metrics])
    metrics.watch(serving(telemetry), {"database": tmp_path, "cache": tmp_path / "gone"})
    telemetry.cache.failed(ConnectionError(), {})
    found = samples(metrics)
    assert (found["quiz_sessions_store_up[database]"], found["quiz_sessions_store_up[cache]"]) == (1, 0)
    assert found["quiz_sessions_connections_in_use[database]"] == 1
    assert (
        found["quiz_sessions_disk_total_bytes[database]"] > found["quiz_sessions_disk_free_bytes[database]"]
    )
    assert str(found["quiz_sessions_disk_free_bytes[cache]"]) == "nan"


@pytest.mark.parametrize("environment", [{}, {"METRICS_PORT": ""}, {"METRICS_HOST": "0.0.0.0"}])
def test_without_a_port_there_are_none(environment: dict[str, str]) -> None:
    assert address_of(environment) is None


def test_they_are_for_this_machine_unless_an_address_says_otherwise() -> None:
    assert address_of({"METRICS_PORT": "9464"}) == ("127.0.0.1", 9464)
    assert address_of({"METRICS_PORT": "9464", "METRICS_HOST": "10.0.0.5"}) == ("10.0.0.5", 9464)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "9464 "])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingsError, match="METRICS_PORT"):
        address_of({"METRICS_PORT": port})


# The dashboard


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


EXPRESSIONS = [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The name of every series that there can be."""
    metrics = Metrics()
    telemetry = Telemetry([metrics])
    telemetry.measure(dict.fromkeys(COUNTED, 1.0), LEVELS)
    metrics.watch(serving(telemetry), {"database": DASHBOARD.parent})
    metrics.answered("GET", 200, 0.1)
    return {name.partition("[")[0] for name in samples(metrics)}


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:quiz_sessions|process)_\w+", expression))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_dashboard_asks_for_what_there_is(expression: str, known: set[str]) -> None:
    assert names_in(expression)
    assert names_in(expression) <= known
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("name", COUNTED)
def test_the_dashboard_shows_every_count(name: str) -> None:
    assert f"{metric_name(name)}_total" in {each for text in EXPRESSIONS for each in names_in(text)}


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_the_dashboard_shows_every_level(name: str) -> None:
    assert metric_name(name) in {each for text in EXPRESSIONS for each in names_in(text)}


def test_no_two_panels_lie_on_each_other() -> None:
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels()]
    assert len(places) == len(set(places))


def test_what_the_dashboard_shows_of_the_webhook_is_emitted() -> None:
    assert '"WebhookFailed"' in CODE
