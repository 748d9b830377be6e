"""What a student must not learn is in no reply of any route; every field of every reply has a rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import config_key_hash
from session_api.app import create_app
from tests.harness.gateway import STAFF, Gateway
from tests.harness.service import app_of, client_of, services_on
from tests.harness.signing_keys import BEACON_KEYS
from tests.harness.stores import Stores
from tests.harness.tables import Database
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


CONFIG_KEY, PASSWORD, PAGE = "81" * 32, "quiet-please", "https://exam.example.org/take?quiz=quiz1"
SEB_HASH = config_key_hash(PAGE, CONFIG_KEY)
OTHERS = "sessions:proctor sessions:grade audit:read"
"""All that staff may have, but the right to write quizzes."""


async def test_no_route_and_no_event_shows_others_than_its_authors_what_a_quiz_asks_for(
    stores: Stores, database: Database
) -> None:
    access = {"password": PASSWORD, "networks": ["0.0.0.0/0"], "seb_config_keys": [CONFIG_KEY]}
    rules = {**RULES, "access": access, "one_device": "takeover"}
    device = {"X-SEB-Config-Key-Hash": SEB_HASH, "X-Client-Id": "the-first-tab"}
    async with services_on(stores, jwt=True, beacon_keys=BEACON_KEYS) as services:
        gateway = Gateway(app_of(services), at=0, claims=TEACHER)
        async with client_of(gateway) as http:
            await http.put("/quizzes/quiz1", json=rules)
            gateway.claims = {"sub": "user1"}
            started = await http.post(
                "/sessions/start",
                json={"quiz_id": "quiz1", "password": PASSWORD, "page_url": PAGE},
                headers=device,
            )
            path = f"/sessions/{started.json()['id']}"
            beacon = (await http.post(f"{path}/beacon-token", headers=device)).json()["token"]
            moved = await http.post(
                f"{path}/device", json={"takeover": True}, headers={**device, "X-Client-Id": "the-second-tab"}
            )
            assert moved.status_code == 200, moved.text
            gateway.claims = TEACHER
            # The keys in another order, so that both stand in the record of what was changed.
            access["seb_config_keys"] = ["82" * 32, CONFIG_KEY]
            again = await http.put("/quizzes/quiz1", json={**rules, "open_attempts": "keep"})
            assert again.status_code == 200, again.text
            gateway.claims = {"sub": "another", "scope": OTHERS}
            reads = [each for each in [*OPERATIONS, *MORE] if each.method == "GET"]
            of_session = [each.at(session_id=started.json()["id"]) for each in reads]
            told = [(str(each), (await each.send(http)).text) for each in of_session]
    told.append(("domain events", str(database.execute("SELECT * FROM attempt_events").fetchall())))
    secrets = {
        "a Config Key": CONFIG_KEY,
        "what a page sends of it": SEB_HASH,
        "the password": PASSWORD,
        "an answer key": KEY,
        "a beacon's token": beacon,
        "the name of a device": "the-second-tab",
    }
    shown = [(name, where) for where, text in told for name, each in secrets.items() if each in text]
    assert shown == []
    assert {where for where, text in told if PAGE in text or "seb_config_keys" in text} > {
        "GET /sessions/{session_id}/events",
        "GET /staff-actions",
    }, "the test has not seen the places where they would stand"


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
