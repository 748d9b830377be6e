"""What the app's own OpenAPI document promises, held against real stores: schemathesis makes the requests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn
from uuid import uuid4

import httpx
import pytest
import requests
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    CacheConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from quiz_sessions.bootstrap import build_services
from session_api.app import create_app
from tests.harness.launch import served
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    allow_header_conformance,
]
PATIENCE_SECONDS = 30


def no_services() -> NoReturn:
    raise AssertionError("the document needs no services")


def loaded(project: ProjectConfig | None = None) -> OpenApiSchema:
    """The app's document. Its config is its own: none is looked for in the folders above, nothing is kept."""
    config = SchemathesisConfig(
        seed=1, cache=CacheConfig(enabled=False), projects=ProjectsConfig(default=project)
    )
    return schemathesis.openapi.from_dict(create_app(no_services).openapi(), config=config)


def bounded(examples: int) -> settings:
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None)


anything = loaded()
# What is wrong with a request does not depend on what stands behind its path, so these are right.
allowed = loaded(
    ProjectConfig(
        generation=GenerationConfig(modes=[GenerationMode.POSITIVE], allow_x00=False),
        phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=False)),
    )
)


@pytest.fixture(scope="module")
def address(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a port of its own, in a thread with its own event loop."""
    running_stores.clear()
    settings = replace(
        running_stores.settings,
        receipt_keys=RECEIPT_KEYS,
        beacon_keys=BEACON_KEYS,
        export_folder=tmp_path_factory.mktemp("exports"),
    )
    with served(build_services(settings)) as server:
        yield server.url


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    """What prepares requests, and fails where it can't."""

    def check(reply: httpx.Response) -> None:
        # An answer that comes too late is refused, and kept.
        assert reply.status_code == 410 or reply.is_success, reply.read()

    with httpx.Client(base_url=address, event_hooks={"response": [check]}) as client:
        yield client


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    """What sends them; a connection of its own for each would take most of the time."""
    with requests.Session() as session:
        yield session


QUIZ: dict[str, Any] = {
    "grace_seconds": 60,
    "questions": {
        "0": {"grading": "exact", "key": {"text": "A"}, "points": 2},
        "1": {"grading": "numeric", "key": 1.5},
        "essay": {"points": 5},
    },
}
PAST = "2020-01-01T00:00:00Z"
WHY = {"reason": "a fire alarm"}
STAGES = [
    "started",
    "answered",
    "completed",
    "without key",
    "abandoned",
    "expired",
    "reopened",
    "graded anew",
]


def prepared(http: httpx.Client, stage: str) -> dict[str, Any]:
    """What paths name: a quiz of its own, and a session at it at this stage of its life."""
    quiz, user = f"quiz-{uuid4()}", "user1"
    http.put(f"/quizzes/{quiz}", json={} if stage == "without key" else QUIZ)
    if stage in ("answered", "reopened"):
        http.put(f"/quizzes/{quiz}/accommodations/{user}", json={"extra_seconds": 600, **WHY})
    started = http.post("/sessions/start", json={"user_id": user, "quiz_id": quiz}).json()
    session, receipt = started["id"], started["receipt"]
    path = f"/sessions/{session}"
    notice = http.post(f"{path}/notices", json={"text": "It must read 5 N."}).json()["id"]
    if stage != "started":
        reply = http.patch(f"{path}/progress", json={"question_id": 0, "answer": {"text": "A"}})
        receipt = reply.json()["receipt"]
    event = 0
    match stage:
        case "answered":
            http.patch(f"{path}/progress", json={"question_id": "essay", "answer": None, "autosave": True})
        case "completed" | "without key":
            http.post(f"{path}/complete", json={"answers": {"1": 1.5}})
        case "abandoned":
            http.post(f"{path}/abandon")
        case "expired" | "reopened" | "graded anew":
            # Open attempts are over at once, and an answer comes too late.
            http.put(f"/quizzes/{quiz}", json={**QUIZ, "grace_seconds": 0, "closes_at": PAST})
            http.patch(f"{path}/progress", json={"question_id": 1, "answer": 1.5})
            (late,) = http.get(f"{path}/late-answers").json()["late_answers"]
            event = late["event"]
    match stage:
        case "reopened":
            http.put(f"/quizzes/{quiz}", json=QUIZ)
            http.post(f"{path}/reopen", json={"seconds": 600, **WHY})
        case "graded anew":
            http.post(f"{path}/late-answers/{event}/accept", json=WHY)
            http.put(f"/quizzes/{quiz}", json={"questions": {"1": QUIZ["questions"]["1"]}})
    export = http.post(f"/quizzes/{quiz}/exports", json={"format": "csv", "what": ["attempts"]}).json()["id"]
    return {
        "quiz_id": quiz,
        "export_id": export,
        "user_id": user,
        "session_id": session,
        "event": event,
        "notice": notice,
        "section": 0,
        "receipt": receipt,
    }


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema has 60.0 for an integer; the API asks for 60."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in body.items()
    }


@anything.parametrize()
@bounded(8)
def test_any_request(case: schemathesis.Case[Any], address: str, connection: requests.Session) -> None:
    # /sessions/{session_id} has other methods, and takes this for an id that is no UUID.
    shadowed = [unsupported_method] if case.path in ("/sessions/start", "/sessions/current") else []
    case.call_and_validate(base_url=address, session=connection, checks=CHECKS, excluded_checks=shadowed)


@pytest.fixture(scope="module")
def readable(http: httpx.Client) -> dict[str, dict[str, Any]]:
    """What there is at each stage, for those who only read."""
    return {stage: prepared(http, stage) for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES)
@allowed.include(path_regex="{").parametrize()
@bounded(2)
def test_a_request_to_what_is_there(
    case: schemathesis.Case[Any],
    address: str,
    http: httpx.Client,
    connection: requests.Session,
    readable: dict[str, dict[str, Any]],
    stage: str,
) -> None:
    known = readable[stage] if case.method == "GET" else prepared(http, stage)
    if isinstance(case.body, dict):
        case.body = whole(case.body)
    case.path_parameters = {name: value for name, value in known.items() if f"{{{name}}}" in case.path}
    case.call_and_validate(base_url=address, session=connection, checks=CHECKS)


@pytest.mark.parametrize("stage", STAGES)
@allowed.include(path="/receipts/verify").parametrize()
@bounded(2)
def test_a_receipt_of_ours(
    case: schemathesis.Case[Any], address: str, http: httpx.Client, connection: requests.Session, stage: str
) -> None:
    assert isinstance(case.body, dict)
    case.body = {**case.body, "receipt": prepared(http, stage)["receipt"]}
    reply = case.call_and_validate(base_url=address, session=connection, checks=CHECKS)
    assert reply.status_code == 422 or reply.json()["genuine"]


@pytest.mark.parametrize("by", ["user_id", "quiz_id"])
@allowed.include(method="GET", path="/sessions").parametrize()
@bounded(10)
def test_a_search_that_finds(
    case: schemathesis.Case[Any],
    address: str,
    connection: requests.Session,
    readable: dict[str, dict[str, Any]],
    by: str,
) -> None:
    case.query = {**case.query, by: readable["started"][by]}
    case.call_and_validate(base_url=address, session=connection, checks=CHECKS)
