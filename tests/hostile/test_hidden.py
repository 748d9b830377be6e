"""What a student must not learn is in no reply of any route: scores, keys, others' sessions, reasons."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from session_api.app import create_app
from tests.harness.gateway import STAFF, Gateway
from tests.harness.service import app_of, client_of, services_on
from tests.harness.stores import Stores
from tests.hostile.operations import OPERATIONS, Operation

KEY, REASON, SECRET = "the-right-answer", "a-medical-reason", "what-another-wrote"
POINTS = 7919
"""A number that is nothing else."""
TEACHER = {"sub": "teacher", "scope": STAFF}
RULES: dict[str, Any] = {
    "show_results": "never",
    "when_active": "new",
    "unknown_questions": "accept",
    "questions": {"0": {"points": POINTS, "grading": "exact", "key": KEY}},
}


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    async with services_on(stores, jwt=True) as built:
        yield built


@pytest.fixture
async def gateway(services: Services) -> Gateway:
    return Gateway(app_of(services), at=0, claims=TEACHER)


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gateway) as client:
        yield client


async def session_of(gateway: Gateway, http: httpx.AsyncClient, user: str, **answers: str) -> str:
    """One that this user has handed in."""
    gateway.claims = {"sub": user}
    started = await http.post(
        "/sessions/start", json={"quiz_id": "quiz1"}, headers={"Idempotency-Key": "key1"}
    )
    session_id = str(started.json()["id"])
    await http.post(f"/sessions/{session_id}/complete", json={"answers": answers})
    return session_id


def shown(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON text, with the name of its member."""
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from shown(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from shown(inner, name)
    else:
        yield name, value


PLAIN = [
    Operation("GET", "/sessions/{session_id}", parameters={"session_id": ""}),
    Operation("GET", "/sessions", query={"quiz_id": "quiz1"}),
]
"""Reads as students make them; those of the list have more in their query."""


@pytest.mark.parametrize("operation", [*OPERATIONS, *PLAIN], ids=str)
@pytest.mark.parametrize("whose", ["own", "another's"])
async def test_no_route_shows_a_student_what_is_hidden(
    gateway: Gateway, http: httpx.AsyncClient, operation: Operation, whose: str
) -> None:
    await http.put("/quizzes/quiz1", json=RULES)
    extra = {"extra_seconds": 60, "reason": REASON}
    await http.put("/quizzes/quiz1/accommodations/user1", json=extra)
    sessions = {
        "own": await session_of(gateway, http, "user1", **{"0": KEY}),
        "another's": await session_of(gateway, http, "user2", **{"0": SECRET}),
    }
    gateway.claims = TEACHER
    for session_id in sessions.values():
        reason = {"score": POINTS, "max_score": POINTS, "reason": REASON}
        await http.post(f"/sessions/{session_id}/score", json=reason)
    gateway.claims = {"sub": "user1"}
    reply = await operation.at(session_id=sessions[whose]).send(http)
    text = reply.text
    assert SECRET not in text
    assert REASON not in text
    if reply.headers.get("content-type", "").endswith("json"):
        for name, value in shown(json.loads(text)):
            assert not (name in ("score", "max_score") and value is not None), (name, value)
            assert name != "key", value
    if whose == "another's" and "session_id" in operation.parameters:
        assert sessions["another's"] not in text.replace(operation.url, "")


def test_every_route_is_among_the_operations() -> None:
    paths = create_app(lambda: pytest.fail("the document needs no services")).openapi()["paths"]
    known = {operation.path for operation in OPERATIONS}
    # The beacon has a token of its own; the other is a list of the caller's own.
    assert (
        set(paths) - known
        == {
            "/sessions/current",
            "/sessions/{session_id}/beacon",
            "/sessions/{session_id}/beacon-token",
            "/staff-actions",
        }
        - known
    )
