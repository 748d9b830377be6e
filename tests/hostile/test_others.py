"""Callers with a token: what is somebody else's does not exist for them, and staff's work is not theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from session_api.server.concurrency_limiter import ConcurrencyLimiter
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, services_on
from tests.harness.stores import Stores
from tests.hostile.operations import OPERATIONS, UNKNOWN, Operation, assert_refused, assert_sound, find

ClientOf = Callable[[dict[str, Any] | None], httpx.AsyncClient]


@pytest.fixture
async def client_of(stores: Stores) -> AsyncIterator[ClientOf]:
    """Clients by the claims of their token."""
    async with AsyncExitStack() as stack:
        app = app_of(await stack.enter_async_context(services_on(stores, jwt=True)))

        def client(claims: dict[str, Any] | None) -> httpx.AsyncClient:
            limiter = ConcurrencyLimiter(Gateway(app, at=0, claims=claims))
            transport = httpx.ASGITransport(limiter, raise_app_exceptions=False)
            made = httpx.AsyncClient(transport=transport, base_url="http://test")
            stack.push_async_callback(made.aclose)
            return made

        yield client


async def started(client: httpx.AsyncClient) -> dict[str, Any]:
    reply = await client.post("/sessions/start", json={"quiz_id": "quiz1"})
    assert reply.status_code == 201, reply.text
    session: dict[str, Any] = reply.json()
    return session


OF_A_SESSION = [operation for operation in OPERATIONS if "session_id" in operation.parameters]
OF_STAFF = [
    operation
    for operation in OPERATIONS
    if "reason" in (operation.body or {})
    or "accommodations" in operation.path
    or operation.path.endswith("/live")
    or (operation.path.endswith("/notices") and (operation.method == "POST" or "quiz" in operation.path))
    or (
        operation.path.endswith(("/events", "/timeline", "/verify", "/late-answers", "/incidents"))
        and operation.method == "GET"
    )
    or (operation.path == "/quizzes/{quiz_id}" and operation.method != "GET")
    or operation.path == "/quizzes"
]


@pytest.mark.parametrize("operation", OF_A_SESSION, ids=str)
async def test_somebody_elses_session_is_told_as_one_that_does_not_exist(
    client_of: ClientOf, stores: Stores, operation: Operation
) -> None:
    mine = await started(client_of({"sub": "user1"}))
    other = client_of({"sub": "user2"})
    before = stores.everything()
    found = await operation.of(mine).send(other)
    absent = await operation.at(session_id=UNKNOWN).send(other)
    assert_refused(found)
    told, same = ({**reply.json(), "request_id": ""} for reply in (found, absent))
    assert told == same
    assert found.status_code in (403, 404)
    assert stores.everything() == before


@pytest.mark.parametrize("operation", OF_STAFF, ids=str)
async def test_a_student_does_nothing_that_staff_does(
    client_of: ClientOf, stores: Stores, operation: Operation
) -> None:
    student = client_of({"sub": "user1", "scope": "openid profile quizzes:read sessions:proctors"})
    mine = await started(student)
    before = stores.everything()
    reply = await operation.of(mine).send(student)
    assert_refused(reply)
    assert reply.json()["code"] == "forbidden"
    assert stores.everything() == before


NOBODY: list[dict[str, Any] | None] = [
    None,
    {},
    {"sub": ""},
    {"sub": "a\x00b"},
    {"sub": None},
    {"sub": 7},
    {"sub": ["user1"]},
    {"sub": "u" * 129},
    {"scope": "sessions:proctor sessions:grade quizzes:write"},
]


@pytest.mark.parametrize("claims", NOBODY, ids=repr)
async def test_who_is_nobody_does_nothing(
    client_of: ClientOf, stores: Stores, claims: dict[str, Any] | None
) -> None:
    mine = await started(client_of({"sub": "user1"}))
    before = stores.everything()
    for operation in OPERATIONS:
        if not operation.path.startswith(("/health", "/.well-known")):
            reply = await operation.of(mine).send(client_of(claims))
            assert_refused(reply, str(operation))
            # A link to a file has a token of its own.
            code = "forbidden" if operation.path.endswith("/file") else "unauthenticated"
            assert reply.json()["code"] == code
    assert stores.everything() == before


async def test_a_student_starts_and_finds_for_nobody_else(client_of: ClientOf, stores: Stores) -> None:
    await started(client_of({"sub": "user1"}))
    other = client_of({"sub": "user2"})
    before = stores.everything()
    for user in ("user1", "User2", "user2 ", "user2\u200b"):
        body = {"user_id": user, "quiz_id": "quiz1"}
        assert_refused(await other.post("/sessions/start", json=body), user)
        assert_refused(await other.get("/sessions", params={"user_id": user}), user)
    assert stores.everything() == before
    assert (await other.get("/sessions", params={"quiz_id": "quiz1"})).json()["sessions"] == []


async def test_a_key_of_somebody_else_finds_nothing(client_of: ClientOf) -> None:
    start = find("/sessions/start")
    body = {"quiz_id": "quiz1"}
    first = await client_of({"sub": "user1"}).post("/sessions/start", json=body, headers=dict(start.headers))
    second = await client_of({"sub": "user2"}).post("/sessions/start", json=body, headers=dict(start.headers))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_a_cursor_of_somebody_else_shows_only_ones_own(client_of: ClientOf) -> None:
    mine, other = client_of({"sub": "user1"}), client_of({"sub": "user2"})
    own = await started(other)
    for _ in range(2):
        await started(mine)
    cursor = (await mine.get("/sessions", params={"limit": 1})).json()["next_cursor"]
    shown = (await other.get("/sessions", params={"cursor": cursor})).json()["sessions"]
    assert [each["id"] for each in shown] == [own["id"]]


async def test_a_student_does_not_see_the_answer_key(client_of: ClientOf) -> None:
    put = find("/quizzes/{quiz_id}")
    assert (await put.send(client_of({"sub": "teacher", "scope": "quizzes:write"}))).status_code == 201
    student = client_of({"sub": "user1"})
    for reply in (
        await student.get("/quizzes/quiz1"),
        await student.post("/sessions/start", json={"quiz_id": "quiz1"}),
    ):
        assert_sound(reply)
        assert reply.status_code < 300
        assert '"key"' not in reply.text
        assert '"exact"' not in reply.text
