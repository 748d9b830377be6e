"""Who may do what: every route against every kind of caller, and whose attempts a caller can touch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from quiz_sessions.wiring import Services, build_services
from session_api.app import create_app
from tests.conftest import Stores
from tests.tables import Database

NOBODY: Mapping[str, str] | None = None
OWNER = {"sub": "owner"}
OTHER = {"sub": "other"}
PROCTOR = {"sub": "staff", "scope": "sessions:proctor"}
GRADER = {"sub": "staff", "scope": "openid sessions:grade"}
WRITER = {"sub": "staff", "scope": "[openid quizzes:write]"}
CALLERS = {
    "nobody": NOBODY,
    "owner": OWNER,
    "other": OTHER,
    "proctor": PROCTOR,
    "grader": GRADER,
    "writer": WRITER,
}
REASON = {"reason": "because"}
SECONDS = {"seconds": 60, **REASON}

# Method and path -> the body, and what each caller gets, in the order of CALLERS. The session is open.
ROUTES: dict[tuple[str, str], tuple[Any, list[int]]] = {
    ("POST", "/sessions/start"): ({"user_id": "owner", "quiz_id": "free"}, [401, 201, 403, 201, 403, 403]),
    ("GET", "/sessions"): (None, [401, 200, 200, 422, 422, 200]),
    ("GET", "/sessions/{session_id}"): (None, [401, 200, 404, 200, 200, 404]),
    ("GET", "/sessions/{session_id}/deadline"): (None, [401, 200, 404, 200, 200, 404]),
    ("GET", "/sessions/{session_id}/results"): (None, [401, 409, 404, 409, 409, 404]),
    ("PATCH", "/sessions/{session_id}/progress"): (
        {"question_id": 0, "answer": "A"},
        [401, 200, 404, 404, 404, 404],
    ),
    ("POST", "/sessions/{session_id}/complete"): (None, [401, 200, 404, 404, 404, 404]),
    ("POST", "/sessions/{session_id}/abandon"): (None, [401, 200, 404, 404, 404, 404]),
    ("POST", "/sessions/{session_id}/extend"): (SECONDS, [401, 403, 403, 200, 403, 403]),
    ("POST", "/sessions/{session_id}/reopen"): (SECONDS, [401, 403, 403, 409, 403, 403]),
    ("GET", "/sessions/{session_id}/late-answers"): (None, [401, 403, 403, 200, 200, 403]),
    ("POST", "/sessions/{session_id}/late-answers/{event}/accept"): (
        REASON,
        [401, 403, 403, 404, 404, 403],
    ),
    ("POST", "/sessions/{session_id}/score"): (
        {"score": 1, "max_score": 2, **REASON},
        [401, 403, 403, 403, 409, 403],
    ),
    ("GET", "/sessions/{session_id}/events"): (None, [401, 403, 403, 200, 200, 403]),
    ("GET", "/sessions/{session_id}/verify"): (None, [401, 403, 403, 200, 200, 403]),
    ("PUT", "/quizzes/{quiz_id}"): ({}, [401, 403, 403, 403, 403, 200]),
    ("GET", "/quizzes/{quiz_id}"): (None, [401, 200, 200, 200, 200, 200]),
    ("DELETE", "/quizzes/{quiz_id}"): (None, [401, 403, 403, 403, 403, 409]),
    ("POST", "/quizzes/{quiz_id}/extend"): (SECONDS, [401, 403, 403, 200, 403, 403]),
    ("POST", "/quizzes/{quiz_id}/regrade"): (REASON, [401, 403, 403, 403, 200, 403]),
    ("PUT", "/quizzes/{quiz_id}/accommodations/{user_id}"): (
        {"extra_seconds": 60, **REASON},
        [401, 403, 403, 200, 403, 403],
    ),
    ("GET", "/quizzes/{quiz_id}/accommodations/{user_id}"): (None, [401, 403, 403, 404, 403, 403]),
    ("DELETE", "/quizzes/{quiz_id}/accommodations/{user_id}"): (None, [401, 403, 403, 404, 403, 403]),
    ("POST", "/receipts/verify"): ({"receipt": "none"}, [401, 200, 200, 200, 200, 200]),
    ("GET", "/health"): (None, [200] * 6),
    ("GET", "/health/ready"): (None, [200] * 6),
}


@dataclass
class Gateway:
    """API Gateway's authorizer, which has verified what it passes on."""

    services: Services
    claims: Mapping[str, str] | None = None
    payload: str = "2.0"

    def __post_init__(self) -> None:
        self._app = create_app(lambda: self.services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorizer: Any = None
        if self.claims is not None:
            claims = {"claims": dict(self.claims)}
            authorizer = {"jwt": {**claims, "scopes": None}} if self.payload == "2.0" else claims
        event = {"requestContext": {"authorizer": authorizer} if authorizer else {}}
        await self._app({**scope, "aws.event": event}, receive, send)


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    built = build_services(replace(stores.settings, jwt=True))
    yield built
    await built.close()


@pytest.fixture
def gateway(services: Services) -> Gateway:
    return Gateway(services)


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def session_id(gateway: Gateway, http: httpx.AsyncClient) -> str:
    """An open session of the owner, at a registered quiz."""
    gateway.claims = WRITER
    await http.put("/quizzes/quiz1", json={"questions": {"0": {"grading": "exact", "key": "secret key"}}})
    gateway.claims = OWNER
    reply = await http.post("/sessions/start", json={"quiz_id": "quiz1"})
    assert (reply.status_code, reply.json()["user_id"]) == (201, "owner")
    return str(reply.json()["id"])


def routes() -> set[tuple[str, str]]:
    app = create_app(lambda: pytest.fail("the table needs no services"))
    found: set[tuple[str, str]] = set()
    pending = list(app.routes)
    while pending:
        route = pending.pop()
        if isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods or ()}
        else:
            pending += getattr(getattr(route, "original_router", None), "routes", [])
    return found


def test_every_route_has_a_line_in_the_table() -> None:
    assert routes() == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_what_each_caller_gets(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str, method: str, path: str
) -> None:
    body, expected = ROUTES[method, path]
    replies = {}
    for caller, claims in CALLERS.items():
        gateway.claims = OWNER
        started = await http.post("/sessions/start", json={"quiz_id": "quiz1"})
        url = path.format(session_id=started.json()["id"], quiz_id="quiz1", user_id="owner", event=1)
        gateway.claims = claims
        replies[caller] = await http.request(method, url, json=body)
    assert [reply.status_code for reply in replies.values()] == expected
    told = [caller for caller, reply in replies.items() if "secret key" in reply.text]
    assert told in ([], ["writer"])


async def test_without_a_token_the_reply_says_what_to_send(gateway: Gateway, http: httpx.AsyncClient) -> None:
    reply = await http.get(f"/sessions/{uuid4()}")
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": "x" * 129}, {"sub": "a\x00"}, {"scope": "a"}])
async def test_a_token_that_names_nobody_is_none(
    gateway: Gateway, http: httpx.AsyncClient, claims: dict[str, str]
) -> None:
    gateway.claims = claims
    assert (await http.get("/quizzes/quiz1")).status_code == 401


async def test_claims_of_a_rest_api_count_too(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    gateway.payload = "1.0"
    assert (await http.get(f"/sessions/{session_id}")).status_code == 200
    gateway.claims = OTHER
    assert (await http.get(f"/sessions/{session_id}")).status_code == 404


async def test_the_session_of_another_is_told_as_one_that_does_not_exist(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    gateway.claims = OTHER
    replies = [(await http.get(f"/sessions/{each}")).json() for each in (session_id, uuid4())]
    assert [{**reply, "request_id": None} for reply in replies] == [{**replies[0], "request_id": None}] * 2


@pytest.mark.parametrize("autosave", [False, True])
@pytest.mark.parametrize("cached", [False, True])
async def test_no_answer_of_another_is_kept(
    gateway: Gateway,
    http: httpx.AsyncClient,
    session_id: str,
    database: Database,
    services: Services,
    autosave: bool,
    cached: bool,
) -> None:
    if not cached:
        await services.parts.cache._redis.delete(f"session:{session_id}")
    gateway.claims = OTHER
    body = {"question_id": 0, "answer": "stolen", "autosave": autosave}
    reply = await http.patch(f"/sessions/{session_id}/progress", json=body)
    assert reply.status_code == 404
    gateway.claims = OWNER
    assert (await http.get(f"/sessions/{session_id}")).json()["answers"] == {}
    assert database.execute("SELECT version FROM quiz_attempts").fetchone() == {"version": 0}


async def test_a_list_is_of_ones_own_sessions(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    gateway.claims = OTHER
    assert (await http.get("/sessions?quiz_id=quiz1")).json()["sessions"] == []
    assert (await http.get("/sessions?user_id=owner")).status_code == 403
    gateway.claims = PROCTOR
    found = (await http.get("/sessions?user_id=owner")).json()["sessions"]
    assert [session["id"] for session in found] == [session_id]


async def test_the_idempotency_key_of_another_finds_nothing_of_theirs(
    gateway: Gateway, http: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "same"}
    gateway.claims = OWNER
    first = await http.post("/sessions/start", json={"quiz_id": "free"}, headers=key)
    gateway.claims = OTHER
    second = await http.post("/sessions/start", json={"quiz_id": "free"}, headers=key)
    assert [first.status_code, second.status_code] == [201, 201]
    assert first.json()["id"] != second.json()["id"]


async def test_who_changed_something_is_in_the_trail(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    gateway.claims = PROCTOR
    await http.post(f"/sessions/{session_id}/extend", json=SECONDS)
    events = (await http.get(f"/sessions/{session_id}/events")).json()["events"]
    assert (events[-1]["changes"]["by"], events[-1]["changes"]["reason"]) == ("staff", "because")


async def test_the_answer_key_is_for_those_who_may_write_it(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    shown = (await http.get("/quizzes/quiz1")).json()["questions"]
    assert shown == {"0": {"points": 1.0}}
    gateway.claims = WRITER
    assert (await http.get("/quizzes/quiz1")).json()["questions"]["0"]["key"] == "secret key"


async def test_without_identities_everyone_may_do_everything(stores: Stores, session_id: str) -> None:
    services = build_services(stores.settings)
    transport = httpx.ASGITransport(create_app(lambda: services))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        found = await client.get("/sessions?user_id=owner")
        extended = await client.post(f"/sessions/{session_id}/extend", json=SECONDS)
    await services.close()
    assert ([each["id"] for each in found.json()["sessions"]], extended.status_code) == ([session_id], 200)
