"""Attacks that no other test tries; `attacks.py` lists all of them."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from fastapi.routing import APIRoute

from quiz_sessions.bootstrap import Services
from quiz_sessions.runtime.telemetry import Telemetry
from session_api.app import create_app, create_service
from session_api.server.authorizer import Authorizer, Verifier
from session_api.server.public_keys import Jwks
from tests.harness import tokens
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, Gateway, api_of
from tests.harness.service import app_of, client_of, flush_at, services_on
from tests.harness.signing_keys import (
    BEACON_KEYS,
    RECEIPT_KEYS,
    hmac_key,
    signed,
    signed_by_hmac,
    unsigned,
)
from tests.harness.stores import Stores
from tests.harness.tables import Database, contents, events, row
from tests.hostile.operations import OPERATIONS, Operation
from tests.integration.test_identity import ROUTES, routes

WHY = {"reason": "why"}
KEYED = {"questions": {"0": {"grading": "exact", "key": "B"}, "1": {"points": 2}}}
DOCUMENT: dict[str, Any] = create_app(lambda: pytest.fail("the document needs no services")).openapi()


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    async with services_on(stores, jwt=True, receipt_keys=RECEIPT_KEYS, beacon_keys=BEACON_KEYS) as built:
        yield built


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    async with api_of(services, jwt=True) as found:
        yield found


async def put(api: Api, quiz: str = "quiz1", **rules: Any) -> None:
    api.be("teacher", STAFF)
    reply = await api("PUT", f"/quizzes/{quiz}", {**KEYED, **rules}, at=START)
    assert reply.is_success, reply.text


async def started(api: Api, user: str = "user1") -> str:
    api.be(user)
    reply = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def handed_in(api: Api, user: str = "user1") -> str:
    session_id = await started(api, user)
    reply = await api("POST", f"/sessions/{session_id}/complete", {"answers": {"0": "B"}}, at=LATER)
    assert reply.status_code == 200, reply.text
    return session_id


def forge(valkey: redis.Redis, session_id: str, **fields: Any) -> None:
    """Change what Valkey has of a row, as somebody who can write to it."""
    name = f"session:{session_id}"
    text = valkey.get(name)
    assert text is not None
    cached = json.loads(text)
    assert fields.keys() <= cached.keys()
    valkey.set(name, json.dumps({**cached, **fields}, separators=(",", ":")))


# 1 Broken object level authorization


async def test_a_cached_row_of_another_user_ends_and_commits_nothing(
    api: Api, valkey: redis.Redis, database: Database
) -> None:
    await put(api)
    session_id = await started(api)
    before = contents(database)
    forge(valkey, session_id, user_id="user2")
    api.be("user2")
    for method, action in (("PATCH", "progress"), ("POST", "complete"), ("POST", "abandon")):
        body = None if action == "abandon" else {"answers": {"0": "stolen"}}
        reply = await api(method, f"/sessions/{session_id}/{action}", body, at=LATER)
        assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found"), action
    assert contents(database) == before


@pytest.mark.parametrize("path", ["", "/results", "?at_version=1"])
async def test_a_cached_row_of_another_user_shows_no_score(
    api: Api, valkey: redis.Redis, database: Database, path: str
) -> None:
    await put(api)
    session_id = await handed_in(api)
    before = row(database, UUID(session_id))
    forge(valkey, session_id, user_id="user2")
    api.be("user2")
    reply = await api("GET", f"/sessions/{session_id}{path}", at=LATER + SECOND)
    assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found")
    # Nor has its owner read results.
    assert row(database, UUID(session_id)) == before


# 2 Broken authentication


def without_signature() -> str:
    return tokens.token().rpartition(".")[0] + "."


BAD_TOKENS: dict[str, Callable[[], str | None]] = {
    "none": lambda: None,
    "empty": lambda: "",
    "no token": lambda: "secret",
    "expired": lambda: tokens.token(tokens.claims(iat=1, exp=2)),
    "other audience": lambda: tokens.token(tokens.claims(aud="shop")),
    "other issuer": lambda: tokens.token(tokens.claims(iss="https://login.example.org/")),
    "alg none": lambda: tokens.token(key="", algorithm="none"),
    "another key": lambda: tokens.token(key=tokens.rsa_key("another's")),
    "unknown kid": lambda: tokens.token(kid="unknown"),
    "no signature": without_signature,
}


def all_routes() -> Iterator[Operation]:
    """Every operation of the document: as good requests, where there is one in `OPERATIONS`."""
    good = {(operation.method, operation.path): operation for operation in OPERATIONS}
    values = {"session_id": "", "quiz_id": "quiz1", "user_id": "user1", "event": "1"}
    for path, methods in DOCUMENT["paths"].items():
        named = {name: value for name, value in values.items() if f"{{{name}}}" in path}
        for method in methods:
            plain = Operation(method.upper(), path, parameters=named)
            yield good.get((method.upper(), path), plain)


def is_open(operation: Operation) -> bool:
    """Whether the document says that it needs no token."""
    return bool(DOCUMENT["paths"][operation.path][operation.method.lower()].get("security") == [])


@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_a_bad_token_opens_no_route(
    services: Services, stores: Stores, folder: Path, kind: str
) -> None:
    keys = Jwks(tokens.write_jwks(folder / "jwks.json", first=tokens.rsa_key()))
    app = Authorizer(app_of(services), Verifier(keys, tokens.ISSUER, tokens.AUDIENCE))
    session = await services.sessions.create_session("student1", "quiz1")
    before = stores.everything()
    token = BAD_TOKENS[kind]()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with client_of(app) as http:
        for operation in all_routes():
            if not is_open(operation):
                sent = replace(operation, headers={**operation.headers, **headers})
                reply = await sent.of({"id": str(session.id)}).send(http)
                assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated"), operation
    assert stores.everything() == before


def test_few_routes_need_no_token() -> None:
    assert {operation.path for operation in all_routes() if is_open(operation)} == {
        "/health",
        "/.well-known/jwks.json",
        "/sessions/{session_id}/beacon",
        "/exports/{export_id}/file",
    }


HEADER = {"alg": "HS256", "kid": "k1", "typ": "beacon+jws"}
SECRET = b"s" * 32
"""Of `BEACON_KEYS`."""
FORGED_BEACONS: dict[str, Callable[[Any], str]] = {
    "alg none": lambda payload: unsigned({**HEADER, "alg": "none"}, payload) + ".",
    "no signature": lambda payload: unsigned(HEADER, payload) + ".",
    "another secret": lambda payload: signed_by_hmac(HEADER, payload, b"x" * 32),
    "an empty secret": lambda payload: signed_by_hmac(HEADER, payload, b""),
    "another algorithm": lambda payload: signed_by_hmac(
        {**HEADER, "alg": "HS512"}, payload, SECRET, "sha512"
    ),
    "unknown kid": lambda payload: signed_by_hmac({**HEADER, "kid": "k9"}, payload, SECRET),
    "no kid": lambda payload: signed_by_hmac({"alg": "HS256", "typ": "beacon+jws"}, payload, SECRET),
    "another typ": lambda payload: signed_by_hmac({**HEADER, "typ": "JWT"}, payload, SECRET),
    "a key of its own": lambda payload: signed_by_hmac(
        {**HEADER, "jwk": hmac_key(secret=b"x" * 32)}, payload, b"x" * 32
    ),
    "the key of receipts": lambda payload: signed({**HEADER, "alg": "EdDSA"}, payload),
}


@pytest.mark.parametrize("forged", FORGED_BEACONS.values(), ids=FORGED_BEACONS)
async def test_a_forged_beacon_is_refused(api: Api, stores: Stores, forged: Callable[[Any], str]) -> None:
    await put(api)
    session_id = await started(api)
    payload = {
        "session_id": session_id,
        "owner": "user1",
        "client_id": None,
        "id": "0" * 32,
        "expires_at": END,
    }
    before = stores.everything()
    path = f"/sessions/{session_id}/beacon"
    reply = await api("POST", path, {"token": forged(payload), "answers": {"0": "forged"}}, at=LATER)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert stores.everything() == before
    # It was the signature alone.
    genuine = signed_by_hmac(HEADER, payload, SECRET)
    reply = await api("POST", path, {"token": genuine, "answers": {"0": "B"}}, at=LATER)
    assert reply.status_code == 204


# 3 Broken object property level authorization


async def test_the_refusal_of_a_beacon_shows_nothing_of_the_session(api: Api) -> None:
    await put(api, show_results="never")
    session_id = await started(api)
    path = f"/sessions/{session_id}"
    token = (await api("POST", f"{path}/beacon-token", at=LATER)).json()["token"]
    await api("POST", f"{path}/complete", {"answers": {"0": "B"}}, at=LATER)
    reply = await api("POST", f"{path}/beacon", {"token": token, "answers": {"0": "C"}}, at=LATER + SECOND)
    assert (reply.status_code, reply.json()["code"]) == (409, "session_closed")
    assert reply.json().keys() == {"type", "title", "status", "detail", "code", "request_id"}


async def test_a_filter_tells_no_more_of_a_score_than_is_shown(api: Api) -> None:
    await put(api, show_results="never")
    waits = await started(api)
    await api("POST", f"/sessions/{waits}/complete", {"answers": {"1": "an essay"}}, at=LATER)
    done = await handed_in(api)
    found = (await api("GET", "/sessions?grading=pending", at=LATER + SECOND)).json()["sessions"]
    assert {(each["id"], each["grading"]) for each in found} == {(waits, "pending"), (done, "pending")}
    api.be("teacher", STAFF)
    found = (await api("GET", "/sessions?quiz_id=quiz1&grading=pending", at=LATER + SECOND)).json()[
        "sessions"
    ]
    assert [each["id"] for each in found] == [waits]


async def test_staff_see_no_more_of_a_score_of_their_own_than_a_student(api: Api, database: Database) -> None:
    await put(api, show_results="never")
    session_id = await handed_in(api)
    path = f"/sessions/{session_id}"
    api.be("user1", STAFF)
    at = LATER + SECOND
    late = {"answers": {"0": "C"}}
    replies = [
        await api("GET", path, at=at),
        await api("GET", f"{path}?at_version=1", at=at),
        await api("POST", f"{path}/complete", at=at),
        await api("POST", f"{path}/complete", late, at=at),
        await api(
            "POST", f"{path}/late-answers/{len(events(database, UUID(session_id))) - 1}/accept", WHY, at=at
        ),
        await api("PUT", f"{path}/grades?reason=why", {"1": None}, at=at),
        await api("GET", "/sessions?user_id=user1", at=at),
        await api("GET", "/sessions?quiz_id=quiz1&grading=pending", at=at),
    ]
    for reply in replies:
        body = reply.json()
        shown = body.get("session") or (body["sessions"][0] if "sessions" in body else body)
        assert (shown["score"], shown["max_score"], shown["grading"]) == (None, None, "pending"), reply.url
    assert (await api("GET", f"{path}/results", at=at)).json()["code"] == "results_hidden"
    assert (await api("GET", f"{path}/events", at=at)).json()["code"] == "forbidden"
    assert "results_read" not in events(database, UUID(session_id))
    api.be("teacher", STAFF)
    assert (await api("GET", path, at=at)).json()["grading"] == "done"


@pytest.mark.parametrize("path", ["", "/results"])
async def test_that_staff_were_shown_a_score_of_their_own_is_recorded(
    api: Api, database: Database, path: str
) -> None:
    await put(api, show_results="after_close", closes_at="2027-01-15T08:10:00Z")
    session_id = await handed_in(api, "user2")
    closed = START + 1200 * SECOND
    api.be("user1", STAFF)
    assert (await api("GET", f"/sessions/{session_id}{path}", at=closed)).json()["score"] == 1
    assert row(database, UUID(session_id))["results_read_at"] is None
    api.be("user2", STAFF)
    assert (await api("GET", f"/sessions/{session_id}{path}", at=closed)).json()["score"] == 1
    assert row(database, UUID(session_id))["results_read_at"] is not None


# 5 Broken function level authorization

ALMOST = [
    "",
    "openid profile",
    "audit:read",
    "sessions:proctors sessions:grades quizzes:writes",
    "Sessions:Proctor SESSIONS:GRADE Quizzes:Write",
    "sessions:* quizzes:* *",
    "sessions quizzes proctor grade write",
    "sessions: proctor quizzes :write",
    "sessions:proctor\u200b sessions:grade\u200b quizzes:write\u200b",
    "sessions:proctor;sessions:grade;quizzes:write",
    '"sessions:proctor" "sessions:grade" "quizzes:write"',
]


@pytest.mark.parametrize("scope", ALMOST)
async def test_what_is_almost_a_scope_is_none(
    services: Services, stores: Stores, database: Database, scope: str
) -> None:
    mine, others = [await services.sessions.create_session(user, "quiz1") for user in ("user1", "user2")]
    before = contents(database)
    async with client_of(Gateway(app_of(services), at=0, claims={"sub": "user1", "scope": scope})) as http:
        for operation in all_routes():
            of_owner = ROUTES[operation.method, operation.path][1][1]
            if operation.path in ("/staff-actions", "/webhooks", "/status") and scope == "audit:read":
                assert (await operation.send(http)).status_code == 200
            elif of_owner == 403:
                reply = await operation.of({"id": str(mine.id)}).send(http)
                assert reply.json()["code"] in ("forbidden", "invalid_input"), operation
                assert reply.status_code == 403 or operation.path.endswith("/beacon"), operation
            elif "session_id" in operation.parameters:
                reply = await operation.of({"id": str(others.id)}).send(http)
                assert (reply.status_code, reply.json()["code"]) == (404, "session_not_found"), operation
    assert contents(database) == before


# 6 Unrestricted access to sensitive flows


async def test_a_quiz_that_is_registered_again_knows_its_attempts(api: Api) -> None:
    rules: dict[str, Any] = {"max_attempts": 1, "show_results": "never"}
    await put(api, **rules)
    session_id = await handed_in(api)
    api.be("teacher", STAFF)
    assert (await api("DELETE", "/quizzes/quiz1", at=LATER)).status_code == 204
    await put(api, **rules)
    api.be("user1")
    again = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=LATER)
    assert (again.status_code, again.json()["code"]) == (409, "attempts_exhausted")
    shown = (await api("GET", f"/sessions/{session_id}", at=LATER)).json()
    assert (shown["score"], shown["grading"]) == (None, "pending")


async def test_results_wait_for_the_extra_time_of_others(api: Api) -> None:
    closes = START + 600 * SECOND
    rules: dict[str, Any] = {"show_results": "after_close", "time_limit_seconds": 60, "grace_seconds": 300}
    await put(api, **rules, closes_at="2027-01-15T08:10:00Z")
    more = {"extra_seconds": 3600, "reason": "why"}
    assert (await api("PUT", "/quizzes/quiz1/accommodations/user2", more, at=START)).status_code == 200
    session_id = await handed_in(api)
    other = await started(api, "user2")
    # An hour more, which the close cuts, and then the grace: all that the other one can have.
    last = closes + 300 * SECOND
    reply = await api("PATCH", f"/sessions/{other}/progress", {"answers": {"0": "B"}}, at=last)
    assert reply.status_code == 200
    api.be("user1")
    found = {}
    for at in (closes, last, last + 60 * SECOND - 1000, last + 60 * SECOND):
        found[at] = (await api("GET", f"/sessions/{session_id}/results", at=at)).status_code
    assert list(found.values()) == [403, 403, 403, 200]


async def test_a_cached_row_of_a_later_deadline_wins_no_time(
    services: Services, api: Api, valkey: redis.Redis, database: Database
) -> None:
    await put(api)
    for autosave in (True, False):
        session_id = await started(api)
        later = "2027-01-15T18:00:00Z"
        forge(valkey, session_id, expires_at=later, accepts_until=later)
        body = {"answers": {"0": "B"}, **({"autosave": True} if autosave else {})}
        await api("PATCH", f"/sessions/{session_id}/progress", body, at=END + SECOND)
        await flush_at(services, END + 2 * SECOND)
        stored = row(database, UUID(session_id))
        assert (stored["status"], stored["answers"]) == ("expired", {})


async def test_a_cached_row_of_another_quiz_shows_no_score(api: Api, valkey: redis.Redis) -> None:
    await put(api, "open", show_results="after_end")
    await put(api, show_results="never")
    session_id = await handed_in(api)
    forge(valkey, session_id, quiz_id="open")
    shown = (await api("GET", f"/sessions/{session_id}", at=LATER + SECOND)).json()
    assert (shown["score"], shown["max_score"], shown["grading"]) == (None, None, "pending")
    assert (await api("GET", f"/sessions/{session_id}/results", at=LATER + SECOND)).status_code == 403


# 7 Server side request forgery


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server of the attacker's that has met nobody in the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening
        with suppress(BlockingIOError):
            pytest.fail(f"called by {listening.accept()[1]}")


def address_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


async def test_no_address_that_is_sent_is_called(services: Services, listener: socket.socket) -> None:
    address = address_of(listener)
    headers = dict.fromkeys(("Origin", "Referer", "Forwarded", "X-Forwarded-Host", "Link"), address)
    async with client_of(Gateway(app_of(services), at=0, claims={"sub": "user1", "scope": STAFF})) as http:
        for operation in OPERATIONS:
            for spoiled in operation.with_each_string(address):
                sent = replace(spoiled, headers={**headers, **spoiled.headers})
                assert (await sent.send(http)).status_code < 500, spoiled


async def test_no_address_in_a_token_or_receipt_is_called(
    services: Services, folder: Path, listener: socket.socket
) -> None:
    address = address_of(listener)
    named = {"kid": address, "jku": address, "x5u": address}
    keys = Jwks(tokens.write_jwks(folder / "jwks.json", first=tokens.rsa_key()))
    app = Authorizer(app_of(services), Verifier(keys, tokens.ISSUER, tokens.AUDIENCE))
    forged = unsigned({"alg": "RS256", **named}, tokens.claims(iss=address)) + ".x"
    async with client_of(app) as http:
        reply = await http.get("/sessions", headers={"Authorization": f"Bearer {forged}"})
        assert reply.status_code == 401
        receipt = signed({"alg": "EdDSA", "typ": "receipt+jws", **named}, {"session_id": address})
        reply = await http.post(
            "/receipts/verify",
            json={"receipt": receipt},
            headers={"Authorization": f"Bearer {tokens.token()}"},
        )
        assert (reply.status_code, reply.json()["genuine"]) == (200, False)


# 8 Security misconfiguration


@pytest.mark.parametrize("claims", [None, {"sub": "teacher", "scope": STAFF}], ids=["nobody", "staff"])
async def test_options_does_nothing_on_any_route(
    services: Services, stores: Stores, claims: dict[str, str] | None
) -> None:
    session = await services.sessions.create_session("user1", "quiz1")
    before = stores.everything()
    # As the environment has it with tokens, where nothing is said of origins.
    settings = replace(services.settings, allowed_origins=())
    app = create_service(lambda: replace(services, settings=settings))
    async with client_of(Gateway(app, at=0, claims=claims)) as http:
        for operation in all_routes():
            for headers in (
                {"X-HTTP-Method-Override": operation.method},
                {"Origin": "https://evil.example.org", "Access-Control-Request-Method": operation.method},
            ):
                asked = replace(operation, method="OPTIONS", headers={**operation.headers, **headers})
                reply = await asked.of({"id": str(session.id)}).send(http)
                assert reply.status_code in (400, 405), operation
                assert "access-control-allow-origin" not in reply.headers
                assert str(session.id) not in reply.text
    assert stores.everything() == before


class Kept(Telemetry):
    """Lines of the log, kept."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def info(self, message: str, **fields: Any) -> None:
        self.lines.append(fields)


@pytest.mark.parametrize("claims", [None, {"sub": "user1"}, {"sub": "teacher", "scope": STAFF}])
async def test_no_log_line_names_a_user_of_a_path(services: Services, claims: dict[str, str] | None) -> None:
    log = Kept()
    app = create_app(lambda: services, lambda: log)
    refused = 0
    async with client_of(Gateway(app, at=0, claims=claims)) as http:
        for method in ("GET", "PUT", "DELETE", "POST", "PATCH"):
            for body in (None, {"extra_seconds": -1}, {"extra_seconds": 60, "reason": "why"}):
                path = "/quizzes/quiz1/accommodations/ann-of-the-clinic"
                refused += (await http.request(method, path, json=body)).is_error
    assert len(log.lines) == refused > 0
    assert "ann-of-the-clinic" not in str(log.lines)


# 9 Improper inventory management


def test_no_route_is_hidden() -> None:
    documented = {(operation.method, operation.path) for operation in all_routes()}
    assert routes() - documented == {
        ("GET", "/docs"),
        ("GET", "/docs/problems"),
        ("GET", "/docs/{name}"),
    }
    app = create_app(lambda: pytest.fail("the document needs no services"))
    others = [route for route in app.routes if not isinstance(route, APIRoute)]
    assert {path for route in others if (path := getattr(route, "path", None))} <= {"/openapi.json"}
