"""What a student must not learn is in no reply of any route; every field of every reply has a rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from session_api.app import create_app
from tests.harness.gateway import STAFF, Gateway
from tests.harness.service import app_of, client_of, services_on
from tests.harness.stores import Stores
from tests.hostile.fields import RULE_OF, Document, Rule, Shown
from tests.hostile.operations import OPERATIONS, Operation
from tests.integration.test_identity import ROUTES

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


OF_SESSION = {"session_id": ""}
MORE = [
    Operation("GET", "/sessions/{session_id}", parameters=OF_SESSION),
    Operation("GET", "/sessions", query={"quiz_id": "quiz1"}),
    Operation("GET", "/sessions/current", query={"quiz_id": "quiz1"}),
    Operation("POST", "/sessions/{session_id}/beacon-token", parameters=OF_SESSION),
    Operation(
        "POST", "/sessions/{session_id}/beacon", {"token": "x", "answers": {"0": "A"}}, parameters=OF_SESSION
    ),
    Operation(
        "PATCH",
        "/sessions/{session_id}/progress",
        {"answers": {"0": "A"}},
        headers={"If-Match": '"0-0"'},
        parameters=OF_SESSION,
    ),
    Operation("POST", "/sessions/{session_id}/complete", {"answers": {"0": KEY}}, parameters=OF_SESSION),
    Operation("GET", "/staff-actions"),
]
"""Reads as students make them, a repeated hand-in, a stale tag, and what `OPERATIONS` leaves out."""


@pytest.fixture(scope="module")
def document() -> Document:
    return Document(create_app(lambda: pytest.fail("the document needs no services")).openapi())


def is_kept_from_students(shown: Shown) -> bool:
    """Whether a field in a reply to a student is as its rule has it, while results are hidden."""
    match RULE_OF.get((shown.schema, shown.field)):
        case Rule.ANYONE:
            return True
        case Rule.RESULTS:
            return shown.value is None or (shown.field, shown.value) == ("grading", "pending")
        case _:
            return False


@pytest.mark.parametrize("operation", [*OPERATIONS, *MORE], ids=str)
@pytest.mark.parametrize("whose", ["own", "another's"])
async def test_no_route_shows_a_student_what_is_hidden(
    gateway: Gateway, http: httpx.AsyncClient, document: Document, operation: Operation, whose: str
) -> None:
    await http.put("/quizzes/quiz1", json=RULES)
    extra = {"extra_seconds": 60, "reason": REASON}
    await http.put("/quizzes/quiz1/accommodations/user1", json=extra)
    await http.put("/users/user1/accommodations", json=extra)
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
    if text:
        fields = document.shown(operation.method, operation.path, reply.status_code, reply.json())
        assert [shown for shown in fields if not is_kept_from_students(shown)] == []
    if whose == "another's" and "session_id" in operation.parameters:
        assert sessions["another's"] not in text.replace(operation.url, "")


def test_every_route_is_among_the_operations(document: Document) -> None:
    known = {(operation.method, operation.path) for operation in [*OPERATIONS, *MORE]}
    assert document.operations == known


def test_of_every_field_of_every_reply_it_is_decided_who_sees_it(document: Document) -> None:
    undecided = document.fields() - set(RULE_OF)
    assert not undecided, (
        f"nobody has decided who sees {sorted(undecided)}; tests/hostile/fields.py needs a row for each: "
        "whoever may see the object, or can a score, a key, a reason or another's session be told from it?"
    )
    assert set(RULE_OF) - document.fields() == set(), "these fields are in no reply any more"


def test_no_route_that_a_student_may_use_has_fields_of_staff_in_its_replies(document: Document) -> None:
    of_staff = {schema for (schema, _), rule in RULE_OF.items() if rule is Rule.STAFF}
    found = {
        operation: schemas
        for operation in document.operations
        # What the owner of an open session gets.
        if ROUTES[operation][1][1] != 403 and (schemas := document.schemas_of(*operation) & of_staff)
    }
    assert found == {}
