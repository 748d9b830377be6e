"""Whoever is woken by an alarm finds it in the runbook; alarms and dashboard count what there is to count."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quiz_sessions.runtime.telemetry import NAMESPACE, SERVICE
from quiz_sessions.services.flush import FlushReport
from tests.harness.templates import load

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "infra/monitoring.yaml"
TEMPLATES = [
    ROOT / "template.yaml",
    MONITORING,
    *(ROOT / f"infra/{name}.yaml" for name in ("service", "web", "webhook")),
]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
CODE = "".join(path.read_text() for part in ("layers", "functions") for path in (ROOT / part).rglob("*.py"))
EMITTED = {
    *FlushReport().metrics(),
    "AccessRefused",
    "BufferedWrites",
    "CallersLimited",
    "ErrorsSurvived",
    "EventsDelayed",
    "GatewayTimeRefused",
    "IncidentsForgotten",
    "OriginRefused",
    "PasswordsRefused",
}


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of one type, by logical id."""
    return {
        name: resource["Properties"]
        for path in TEMPLATES
        for name, resource in load(path)["Resources"].items()
        if resource["Type"] == f"AWS::CloudWatch::{kind}"
    }


ALARMS = resources("Alarm")


def metrics_of(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "MetricName" in alarm:
        yield alarm
    for query in alarm.get("Metrics", ()):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"]


def paragraphs() -> dict[str, str]:
    """Text under each third-level heading of one word; the others say how to do something."""
    parts = re.split(r"^#{2,3} (.+)$", RUNBOOK, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    third_level = re.findall(r"^### (\w+)$", RUNBOOK, flags=re.MULTILINE)
    return {heading: sections[heading].strip() for heading in third_level}


def render(value: Any, parameters: dict[str, str], conditions: dict[str, bool]) -> str:
    """What CloudFormation makes of a text with !Sub and !If."""
    match value:
        case str():
            return value
        case {"Fn::If": [condition, yes, no]}:
            return render(yes if conditions[condition] else no, parameters, conditions)
        case {"Fn::Sub": [text, variables]}:
            known = {name: render(each, parameters, conditions) for name, each in variables.items()}
            return render({"Fn::Sub": text}, parameters | known, conditions)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda name: parameters[name[1]], text)
    raise AssertionError(value)


def dashboards(*, serverless: bool = False, containers: bool = False) -> Iterator[dict[str, Any]]:
    declared = load(MONITORING)["Parameters"]
    for dashboard in resources("Dashboard").values():
        body = render(
            dashboard["DashboardBody"],
            {name: f"the-{name}" for name in (*declared, "AWS::Region")},
            {
                "HasServerlessCache": serverless,
                "HasReplicationGroup": not serverless,
                "HasGateway": not containers,
            },
        )
        yield json.loads(body)


def test_each_of_these_templates_has_alarms() -> None:
    for path in TEMPLATES:
        assert set(load(path)["Resources"]) & set(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_names_its_paragraph(name: str) -> None:
    assert f"(docs/runbook.md, {name})" in ALARMS[name]["AlarmDescription"]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_somebody_that_it_began_and_that_it_is_over(name: str) -> None:
    assert ALARMS[name]["AlarmActions"]
    assert ALARMS[name]["OKActions"]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_silence_means(name: str) -> None:
    assert ALARMS[name]["TreatMissingData"] in ("breaching", "notBreaching", "ignore", "missing")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_called_by_its_short_name(name: str) -> None:
    # Without a name CloudFormation makes one that has the logical id in it.
    assert ALARMS[name].get("AlarmName", {"Fn::Sub": name})["Fn::Sub"].endswith(name)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_has_a_paragraph(name: str) -> None:
    assert len(paragraphs().get(name, "")) > 200


@pytest.mark.parametrize("name", paragraphs())
def test_a_paragraph_has_an_alarm(name: str) -> None:
    assert name in ALARMS


def test_links_within_the_runbook_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_on_the_services_own_metrics_counts_what_it_emits(name: str) -> None:
    for metric in metrics_of(ALARMS[name]):
        if not metric["Namespace"].startswith("AWS/"):
            assert metric["Namespace"] == NAMESPACE
            assert metric["MetricName"] in EMITTED
            assert metric["Dimensions"] == [{"Name": "service", "Value": SERVICE}]


@pytest.mark.parametrize("name", sorted(EMITTED))
def test_the_code_emits_the_metric(name: str) -> None:
    assert f'"{name}"' in CODE


@pytest.mark.parametrize("serverless", [False, True])
def test_the_dashboard_shows_every_metric_that_the_service_emits(serverless: bool) -> None:
    (dashboard,) = dashboards(serverless=serverless)
    shown = [metric for widget in dashboard["widgets"] for metric in widget["properties"]["metrics"]]
    own = [metric for metric in shown if metric[0] == NAMESPACE]
    assert {metric[1] for metric in own} == EMITTED
    assert all(metric[2:4] == ["service", SERVICE] for metric in own)


@pytest.mark.parametrize(("serverless", "dimension"), [(False, "CacheClusterId"), (True, "clusterId")])
def test_the_dashboard_shows_the_cache_that_there_is(serverless: bool, dimension: str) -> None:
    (dashboard,) = dashboards(serverless=serverless)
    shown = [metric for widget in dashboard["widgets"] for metric in widget["properties"]["metrics"]]
    assert {metric[2] for metric in shown if metric[0] == "AWS/ElastiCache"} == {dimension}


@pytest.mark.parametrize(
    ("containers", "front"), [(False, {"AWS/ApiGateway", "AWS/Lambda"}), (True, {"AWS/ApplicationELB"})]
)
def test_the_dashboard_begins_with_what_serves_the_api(containers: bool, front: set[str]) -> None:
    (dashboard,) = dashboards(containers=containers)
    top = [widget["properties"]["metrics"] for widget in dashboard["widgets"] if widget["y"] == 0]
    assert len(top) == 3
    assert {metric[0] for metrics in top for metric in metrics if isinstance(metric[0], str)} == front
