"""Who may do what: every route against every kind of caller, and whose attempts a caller can touch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from fastapi.routing import APIRoute

from development_server import ports
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.clock import current_micros
from session_api.app import create_app
from session_api.challenges import CHALLENGE
from session_api.server.authorizer import Authorizer, Verifier
from session_api.server.public_keys import Jwks
from tests.harness import tokens
from tests.harness.builders import SECOND
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, client_of, services_on, with_tokens
from tests.harness.stores import Stores

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
UNKNOWN_CALLERS = "AUTH_MODE=none"
QUERIES = {"/sessions/current": "?quiz_id=quiz1", "/exports/{export_id}/file": "?token=none"}
REASON = {"reason": "because"}
ANY_ID = "00000000-0000-4000-8000-000000000000"
SECONDS = {"seconds": 60, **REASON}

# Method and path -> the body, and what each caller gets: those of CALLERS in their order, then everyone with
# AUTH_MODE=none. The session is open.
ROUTES: dict[tuple[str, str], tuple[Any, list[int]]] = {
    ("POST", "/sessions/start"): (
        {"user_id": "owner", "quiz_id": "free"},
        [401, 201, 403, 201, 403, 403, 201],
    ),
    ("GET", "/sessions"): (None, [401, 200, 200, 422, 422, 200, 422]),
    ("GET", "/sessions/current"): (None, [401, 200, 404, 404, 404, 404, 422]),
    ("GET", "/sessions/{session_id}"): (None, [401, 200, 404, 200, 200, 404, 200]),
    ("GET", "/sessions/{session_id}/deadline"): (None, [401, 200, 404, 200, 200, 404, 200]),
    ("GET", "/sessions/{session_id}/results"): (None, [401, 409, 404, 409, 409, 404, 409]),
    ("PATCH", "/sessions/{session_id}/progress"): (
        {"question_id": 0, "answer": "A"},
        [401, 200, 404, 404, 404, 404, 200],
    ),
    ("POST", "/sessions/{session_id}/complete"): (None, [401, 200, 404, 404, 404, 404, 200]),
    # Without keys the service signs no tokens.
    ("POST", "/sessions/{session_id}/beacon-token"): (None, [401, 503, 404, 404, 404, 404, 503]),
    ("POST", "/sessions/{session_id}/beacon"): (
        {"token": "none", "answers": {"0": "A"}},
        [403, 403, 403, 403, 403, 403, 403],
    ),
    # Its quiz has no paper.
    ("GET", "/sessions/{session_id}/paper"): (None, [401, 404, 404, 404, 404, 404, 404]),
    ("POST", "/sessions/{session_id}/sections/{section}/enter"): (None, [401, 404, 404, 404, 404, 404, 404]),
    ("POST", "/sessions/{session_id}/abandon"): (None, [401, 200, 404, 404, 404, 404, 200]),
    ("POST", "/sessions/{session_id}/device"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/sessions/{session_id}/extend"): (SECONDS, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/sessions/{session_id}/reopen"): (SECONDS, [401, 403, 403, 409, 403, 403, 409]),
    ("POST", "/sessions/{session_id}/pause"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/sessions/{session_id}/resume"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/sessions/{session_id}/notices"): ({"text": "5 N"}, [401, 403, 403, 201, 403, 403, 201]),
    ("GET", "/sessions/{session_id}/notices"): (None, [401, 200, 404, 200, 200, 404, 200]),
    ("POST", "/sessions/{session_id}/notices/{notice}/read"): (None, [401, 404, 404, 403, 403, 404, 404]),
    ("POST", "/quizzes/{quiz_id}/notices"): ({"text": "5 N"}, [401, 403, 403, 200, 403, 403, 200]),
    ("GET", "/quizzes/{quiz_id}/notices"): (None, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/sessions/{session_id}/incidents"): (
        {"type": "blur"},
        [401, 204, 404, 404, 404, 404, 204],
    ),
    ("GET", "/sessions/{session_id}/incidents"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("GET", "/sessions/{session_id}/late-answers"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("POST", "/sessions/{session_id}/late-answers/{event}/accept"): (
        REASON,
        [401, 403, 403, 404, 404, 403, 404],
    ),
    ("POST", "/sessions/{session_id}/score"): (
        {"score": 1, "max_score": 2, **REASON},
        [401, 403, 403, 403, 409, 403, 409],
    ),
    ("PUT", "/sessions/{session_id}/grades"): (
        {"0": {"points": 1, "comment": "good"}},
        [401, 403, 403, 403, 409, 403, 409],
    ),
    ("GET", "/sessions/{session_id}/events"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("GET", "/sessions/{session_id}/timeline"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("GET", "/sessions/{session_id}/verify"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("PUT", "/quizzes/{quiz_id}"): ({"open_attempts": "keep"}, [401, 403, 403, 403, 403, 200, 200]),
    ("PATCH", "/quizzes/{quiz_id}"): ({"grace_seconds": 1}, [401, 403, 403, 403, 403, 200, 200]),
    ("GET", "/quizzes/{quiz_id}"): (None, [401, 200, 200, 200, 200, 200, 200]),
    ("DELETE", "/quizzes/{quiz_id}"): (None, [401, 403, 403, 403, 403, 409, 409]),
    ("GET", "/quizzes/{quiz_id}/live"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("GET", "/webhooks"): (None, [401, 403, 403, 403, 403, 200, 200]),
    # There is none.
    ("POST", "/webhooks/retry"): (REASON, [401, 403, 403, 403, 403, 409, 409]),
    ("GET", "/quizzes"): (None, [401, 403, 403, 200, 200, 200, 200]),
    ("PATCH", "/sessions/{session_id}"): ({"group": "Room 12"}, [401, 403, 403, 200, 403, 403, 200]),
    ("PUT", "/users/{user_id}/accommodations"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("GET", "/users/{user_id}/accommodations"): (None, [401, 403, 403, 404, 403, 403, 404]),
    ("DELETE", "/users/{user_id}/accommodations"): (None, [401, 403, 403, 404, 403, 403, 404]),
    ("GET", "/accommodations"): (None, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/quizzes/{quiz_id}/extend"): (SECONDS, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/quizzes/{quiz_id}/pause"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/quizzes/{quiz_id}/resume"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    ("POST", "/quizzes/{quiz_id}/complete"): (REASON, [401, 403, 403, 200, 403, 403, 200]),
    # Without a place for files there are no exports.
    ("POST", "/quizzes/{quiz_id}/exports"): (
        {"format": "csv", "what": ["attempts"]},
        [401, 403, 403, 403, 404, 403, 404],
    ),
    ("GET", "/exports/{export_id}"): (None, [401, 403, 403, 403, 404, 403, 404]),
    ("GET", "/exports/{export_id}/file"): (None, [403] * 7),
    ("GET", "/quizzes/{quiz_id}/grading"): (None, [401, 403, 403, 403, 200, 403, 200]),
    # Without tokens nobody is known, and X-Client-Id has to say who marks.
    ("POST", "/quizzes/{quiz_id}/grading/next"): ({}, [401, 403, 403, 403, 200, 403, 422]),
    ("GET", "/quizzes/{quiz_id}/statistics"): (None, [401, 403, 403, 200, 200, 403, 200]),
    ("POST", "/quizzes/{quiz_id}/regrade"): (REASON, [401, 403, 403, 403, 200, 403, 200]),
    ("PUT", "/quizzes/{quiz_id}/accommodations/{user_id}"): (
        {"extra_seconds": 60, **REASON},
        [401, 403, 403, 200, 403, 403, 200],
    ),
    ("GET", "/quizzes/{quiz_id}/accommodations/{user_id}"): (None, [401, 403, 403, 404, 403, 403, 404]),
    ("DELETE", "/quizzes/{quiz_id}/accommodations/{user_id}"): (None, [401, 403, 403, 404, 403, 403, 404]),
    ("GET", "/staff-actions"): (None, [401, 403, 403, 403, 403, 403, 200]),
    ("POST", "/receipts/verify"): ({"receipt": "none"}, [401, 200, 200, 200, 200, 200, 200]),
    ("GET", "/.well-known/jwks.json"): (None, [200] * 7),
    ("GET", "/health"): (None, [200] * 7),
    ("GET", "/health/ready"): (None, [200] * 7),
    ("GET", "/status"): (None, [401, 403, 403, 403, 403, 200, 200]),
    ("GET", "/docs"): (None, [200] * 7),
    ("GET", "/docs/problems"): (None, [200] * 7),
    ("GET", "/docs/{name}"): (None, [200] * 7),
}


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    async with services_on(stores, jwt=True) as built:
        yield built


@pytest.fixture
def gateway(services: Services) -> Gateway:
    return Gateway(app_of(services), at=0)


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gateway) as client:
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
            found |= {(method, route.path_format) for method in route.methods or ()}
        else:
            pending += getattr(getattr(route, "original_router", None), "routes", [])
    return found


def test_every_route_has_a_line_in_the_table() -> None:
    assert routes() == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_what_each_caller_gets(
    services: Services,
    gateway: Gateway,
    http: httpx.AsyncClient,
    session_id: str,
    stores: Stores,
    method: str,
    path: str,
) -> None:
    body, expected = ROUTES[method, path]
    replies = {}
    for caller in (*CALLERS, UNKNOWN_CALLERS):
        gateway.claims, gateway.app = OWNER, app_of(services)
        started = await http.post("/sessions/start", json={"quiz_id": "quiz1"})
        numbers = {"event": 1, "notice": 1, "section": 0}
        names = {
            "quiz_id": "quiz1",
            "user_id": "owner",
            "name": "swagger-ui.css",
            "export_id": ANY_ID,
            **numbers,
        }
        url = path.format(session_id=started.json()["id"], **names)
        url += QUERIES.get(path, "")
        before = stores.everything()
        gateway.claims = CALLERS.get(caller)
        if caller == UNKNOWN_CALLERS:
            gateway.app = app_of(with_tokens(services, False))
        reply = replies[caller] = await http.request(method, url, json=body)
        # Whoever is refused has changed nothing.
        assert reply.is_success or stores.everything() == before
    assert [reply.status_code for reply in replies.values()] == expected
    told = {caller for caller, reply in replies.items() if "secret key" in reply.text}
    # One who needs another scope to see the actions that set it; one who takes it away, and is told so once.
    assert told in (set(), {UNKNOWN_CALLERS}, {"writer"}, {"writer", UNKNOWN_CALLERS})


async def test_without_a_token_the_reply_says_what_to_send(gateway: Gateway, http: httpx.AsyncClient) -> None:
    reply = await http.get(f"/sessions/{uuid4()}")
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == CHALLENGE


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


HIDDEN = [
    *(
        (method, path, body)
        for (method, path), (body, expected) in ROUTES.items()
        if "{session_id}" in path and expected[2] == 404
    ),
    ("GET", "/sessions/{session_id}?at_version=0", None),
]


@pytest.mark.parametrize(("method", "path", "body"), HIDDEN)
async def test_the_session_of_another_is_told_as_one_that_does_not_exist(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str, method: str, path: str, body: Any
) -> None:
    gateway.claims = OTHER
    replies = [
        await http.request(method, path.format(session_id=each, notice=1, section=0), json=body)
        for each in (session_id, uuid4())
    ]
    one, other = (({**reply.json(), "request_id": None}, set(reply.headers)) for reply in replies)
    assert one == other
    assert one[0]["code"] == "session_not_found"


STEALING: dict[str, tuple[str, Any]] = {
    "answer": ("progress", {"question_id": 0, "answer": "stolen"}),
    "autosave": ("progress", {"question_id": 0, "answer": "stolen", "autosave": True}),
    "complete": ("complete", {"answers": {"0": "stolen"}}),
    "abandon": ("abandon", None),
}


async def steal(http: httpx.AsyncClient, session_id: object, way: str) -> httpx.Response:
    action, body = STEALING[way]
    method = "PATCH" if action == "progress" else "POST"
    return await http.request(method, f"/sessions/{session_id}/{action}", json=body)


@pytest.mark.parametrize("state", ["open", "with a draft", "overdue", "completed", "abandoned"])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("way", STEALING)
async def test_an_attempt_of_another_stays_as_it_is(
    gateway: Gateway,
    http: httpx.AsyncClient,
    services: Services,
    stores: Stores,
    valkey: redis.Redis,
    way: str,
    cached: bool,
    state: str,
) -> None:
    manager = services.sessions
    started = current_micros() - (3600 if state == "overdue" else 0) * SECOND
    session = await manager.create_session("owner", "quiz1", at=started)
    if state == "with a draft":
        await manager.update_answer(session.id, 0, "mine", autosave=True)
    elif state == "completed":
        await manager.complete(session.id)
    elif state == "abandoned":
        await manager.abandon(session.id)
    if not cached:
        valkey.delete(f"session:{session.id}")
    before = stores.everything()
    gateway.claims = OTHER
    reply = await steal(http, session.id, way)
    assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
    assert stores.everything() == before


@pytest.mark.parametrize("way", ["answer", "autosave"])
async def test_without_postgres_no_answer_of_another_is_buffered(
    gateway: Gateway,
    http: httpx.AsyncClient,
    session_id: str,
    stores: Stores,
    way: str,
) -> None:
    nowhere = f"postgresql://quiz@127.0.0.1:{ports.choose()}/quiz"
    without = build_services(replace(stores.settings, database_url=nowhere, jwt=True))
    before = stores.everything()
    gateway.app, gateway.claims = app_of(without), OTHER
    refused = await steal(http, session_id, way)
    read = await http.get(f"/sessions/{session_id}")
    after = stores.everything()
    gateway.claims = OWNER
    own = await steal(http, session_id, way)
    await without.close()
    assert [refused.status_code, read.status_code] == [404, 404]
    assert after == before
    assert (own.status_code, own.json()["durability"]) == (200, "buffered")


@pytest.mark.parametrize("claims", [OTHER, GRADER, WRITER])
async def test_nobody_but_a_proctor_starts_an_attempt_of_another(
    gateway: Gateway, http: httpx.AsyncClient, stores: Stores, claims: Mapping[str, str]
) -> None:
    gateway.claims = claims
    before = stores.everything()
    reply = await http.post("/sessions/start", json={"user_id": "owner", "quiz_id": "free"})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert stores.everything() == before


async def test_what_a_proctor_starts_for_a_student_is_the_students(
    gateway: Gateway, http: httpx.AsyncClient
) -> None:
    gateway.claims = PROCTOR
    started = await http.post("/sessions/start", json={"user_id": "owner", "quiz_id": "free"})
    gateway.claims = OWNER
    read = await http.get(f"/sessions/{started.json()['id']}")
    assert (read.status_code, read.json()["user_id"]) == (200, "owner")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("after_end", {"owner": 200, "other": 404, "proctor": 200, "grader": 200, "writer": 404}),
        ("never", {"owner": 403, "other": 404, "proctor": 200, "grader": 200, "writer": 404}),
    ],
)
async def test_who_sees_the_results_of_an_ended_session(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str, shown: str, expected: dict[str, int]
) -> None:
    await http.post(f"/sessions/{session_id}/complete", json={"answers": {"0": "secret key"}})
    gateway.claims = WRITER
    questions = {"0": {"grading": "exact", "key": "secret key"}}
    await http.put("/quizzes/quiz1", json={"questions": questions, "show_results": shown})
    found = {}
    for caller in expected:
        gateway.claims = CALLERS[caller]
        reply = await http.get(f"/sessions/{session_id}/results")
        found[caller] = reply.status_code
        assert (reply.json().get("score") == 1.0) is (reply.status_code == 200)
        assert "secret key" not in reply.text
    assert found == expected


async def test_the_version_of_another_session_is_hidden_and_that_of_ones_own_shown(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    found = {}
    for caller, claims in CALLERS.items():
        gateway.claims = claims
        found[caller] = (await http.get(f"/sessions/{session_id}?at_version=0")).status_code
    assert list(found.values()) == [401, 200, 404, 200, 200, 404]


async def test_a_list_is_of_ones_own_sessions(
    gateway: Gateway, http: httpx.AsyncClient, session_id: str
) -> None:
    gateway.claims = OTHER
    assert (await http.get("/sessions?quiz_id=quiz1")).json()["sessions"] == []
    assert (await http.get("/sessions?user_id=owner")).status_code == 403
    gateway.claims = PROCTOR
    found = (await http.get("/sessions?user_id=owner")).json()["sessions"]
    assert [session["id"] for session in found] == [session_id]


@pytest.mark.parametrize("claims", [OTHER, WRITER])
async def test_the_cursor_of_another_shows_nothing_of_theirs(
    gateway: Gateway, http: httpx.AsyncClient, claims: Mapping[str, str]
) -> None:
    for _ in range(2):
        await http_start(gateway, http, OWNER)
    cursor = (await http.get("/sessions?limit=1")).json()["next_cursor"]
    mine = await http_start(gateway, http, claims)
    assert (await http.get(f"/sessions?cursor={cursor}")).json()["sessions"] == []
    own = (await http.get(f"/sessions?quiz_id=free&user_id={claims['sub']}")).json()["sessions"]
    assert [each["id"] for each in own] == [mine]


async def http_start(gateway: Gateway, http: httpx.AsyncClient, claims: Mapping[str, str]) -> str:
    gateway.claims = claims
    return str((await http.post("/sessions/start", json={"quiz_id": "free"})).json()["id"])


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


async def test_without_identities_a_start_names_its_user(stores: Stores, services: Services) -> None:
    async with client_of(app_of(with_tokens(services, False))) as client:
        unnamed = await client.post("/sessions/start", json={"quiz_id": "free"})
        named = await client.post("/sessions/start", json={"quiz_id": "free", "user_id": "anyone"})
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "invalid_input")
    assert (named.status_code, named.json()["user_id"]) == (201, "anyone")


@pytest.mark.parametrize(
    "scopes",
    [
        {"scope": "openid sessions:proctor"},
        {"scope": ["sessions:proctor"]},
        {"scp": ["a", "sessions:proctor"]},
    ],
)
async def test_the_scopes_of_a_real_token_count(
    services: Services, folder: Path, session_id: str, scopes: dict[str, Any]
) -> None:
    jwks = tokens.write_jwks(folder / "jwks.json", first=tokens.rsa_key())
    verifier = Verifier(Jwks(jwks), tokens.ISSUER, tokens.AUDIENCE)
    async with client_of(Authorizer(app_of(services), verifier)) as client:
        found = {}
        for name, claims in {
            "owner": {"sub": "owner"},
            "other": {"sub": "other"},
            "proctor": {"sub": "staff", **scopes},
            "numbered": {"sub": 7, **scopes},
        }.items():
            token = tokens.token(tokens.claims(**claims))
            reply = await client.get(f"/sessions/{session_id}", headers={"Authorization": f"Bearer {token}"})
            found[name] = reply.status_code
    assert found == {"owner": 200, "other": 404, "proctor": 200, "numbered": 401}


async def test_without_identities_everyone_may_do_everything(stores: Stores, session_id: str) -> None:
    services = build_services(stores.settings)
    async with client_of(services) as client:
        found = await client.get("/sessions?user_id=owner")
        extended = await client.post(f"/sessions/{session_id}/extend", json=SECONDS)
    await services.close()
    assert ([each["id"] for each in found.json()["sessions"]], extended.status_code) == ([session_id], 200)
