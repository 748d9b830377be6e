"""What clients of HTTP take for granted: HEAD, ids of requests, filters that repeat, documentation."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.builders import END, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.service import start

STAFF = "sessions:proctor"


@pytest.fixture
async def known(services: Services) -> AsyncIterator[Api]:
    """The API where callers are known by their tokens."""
    async with api_of(services, jwt=True) as api:
        yield api


# HEAD


@pytest.mark.parametrize(
    "path",
    ["/health", "/.well-known/jwks.json", "/openapi.json", "/docs", "/sessions?quiz_id=quiz1", "/nowhere"],
)
async def test_head_is_get_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    head, get = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


async def test_head_of_a_session_has_its_tag(services: Services, client: httpx.AsyncClient) -> None:
    session_id = await start(services)
    head = await client.head(f"/sessions/{session_id}")
    get = await client.get(f"/sessions/{session_id}")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", get.headers["etag"])


async def test_head_where_there_is_no_get_is_another_method(client: httpx.AsyncClient) -> None:
    head = await client.head("/receipts/verify")
    assert (head.status_code, head.content, head.headers["allow"]) == (405, b"", "POST")


# Ids of requests


@pytest.mark.parametrize("sent", ["a-1_B.2", "x" * 64])
async def test_a_callers_id_of_a_request_is_kept(client: httpx.AsyncClient, sent: str) -> None:
    reply = await client.get("/nowhere", headers={"X-Request-Id": sent})
    assert (reply.headers["x-request-id"], reply.json()["request_id"]) == (sent, sent)


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "ü".encode(), 'a"b', "a,b"])
async def test_an_id_that_is_not_well_formed_is_not(client: httpx.AsyncClient, sent: str | bytes) -> None:
    reply = await client.get(
        "/nowhere", headers=[(b"X-Request-Id", sent if isinstance(sent, bytes) else sent.encode())]
    )
    UUID(reply.headers["x-request-id"])
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_a_cached_read_has_an_id_as_well(services: Services, client: httpx.AsyncClient) -> None:
    session_id = await start(services)
    reply = await client.get(f"/sessions/{session_id}", headers={"X-Request-Id": "mine"})
    assert reply.headers["x-request-id"] == "mine"


async def test_every_reply_says_that_its_type_is_not_to_be_guessed(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/docs", "/nowhere", "/openapi.json"):
        assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"


# Lists


async def test_several_statuses_may_be_named(services: Services) -> None:
    ids = [await start(services, f"user{number}") for number in range(3)]
    await services.sessions.complete(ids[0], at=START + 1)
    await services.sessions.abandon(ids[1], at=START + 1)

    async def found(*statuses: str) -> set[str]:
        query = "".join(f"&status={status}" for status in statuses)
        async with api_of(services) as api:
            page = await api("GET", f"/sessions?quiz_id=quiz1{query}", at=END + SECOND)
        return {each["status"] for each in page.json()["sessions"]}

    assert await found("completed", "abandoned") == {"completed", "abandoned"}
    assert await found() == {"completed", "abandoned", "expired"}
    assert await found("expired", "completed") == {"expired", "completed"}
    assert await found("open") == set()


async def test_open_is_both_open_statuses(client: httpx.AsyncClient) -> None:
    started = [
        (await client.post("/sessions/start", json={"user_id": user, "quiz_id": "quiz1"})).json()["id"]
        for user in ("user1", "user2", "user3")
    ]
    await client.patch(f"/sessions/{started[0]}/progress", json={"question_id": 0, "answer": "A"})
    await client.post(f"/sessions/{started[1]}/complete")
    for query in ("status=open", "status=started&status=in_progress"):
        sessions = (await client.get(f"/sessions?quiz_id=quiz1&{query}")).json()["sessions"]
        assert {session["id"] for session in sessions} == {started[0], started[2]}


async def test_an_unknown_status_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sessions?quiz_id=quiz1&status=open&status=soon")).status_code == 422


# Queries


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sessions?quiz_id=quiz1&status[]=open", "status[]"),
        ("/sessions?quiz_id=quiz1&limit=1&limit=2", "limit"),
        ("/sessions?quiz_id=quiz1&quiz_id=quiz1", "quiz_id"),
        ("/sessions?quiz_id=quiz1&Status=open", "Status"),
        ("/sessions/current?quiz_id=quiz1&user_id=user1&foo", "foo"),
        ("/sessions/{id}?version=1", "version"),
        ("/sessions/{id}?foo=1", "foo"),
        ("/sessions/{id}/deadline?foo=1", "foo"),
        ("/sessions/{id}/events?limit=1&limit=1", "limit"),
        ("/quizzes/quiz1?foo=1", "foo"),
        ("/health?foo=1", "foo"),
        ("/health/ready?foo=1", "foo"),
    ],
)
async def test_a_query_that_would_be_ignored_is_refused_by_name(
    services: Services, client: httpx.AsyncClient, path: str, name: str
) -> None:
    reply = await client.get(path.format(id=await start(services)))
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    assert [error["location"] for error in reply.json()["errors"]] == [f"query.{name}"]


async def test_a_write_refuses_such_a_query_as_well(services: Services, client: httpx.AsyncClient) -> None:
    path = f"/sessions/{await start(services)}"
    for method, address in (("POST", f"{path}/complete?version=0"), ("POST", f"{path}/beacon?token=1")):
        reply = await client.request(method, address, json={"answers": {"0": "A"}})
        assert reply.status_code == 422
        assert "query." in reply.json()["detail"]
    assert (await client.get(path)).json()["status"] == "started"


# The open session


async def test_the_open_session_of_a_user_is_found_without_starting_one(client: httpx.AsyncClient) -> None:
    query = "/sessions/current?quiz_id=quiz1&user_id=user1"
    nothing = await client.get(query)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "session_not_found")
    assert "POST /sessions/start" in nothing.json()["detail"]
    started = (await client.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"})).json()
    await client.patch(
        f"/sessions/{started['id']}/progress", json={"question_id": 0, "answer": "A", "autosave": True}
    )
    current = (await client.get(query)).json()
    assert (current["id"], current["answers"], current["durability"]) == (
        started["id"],
        {"0": "A"},
        "buffered",
    )
    await client.post(f"/sessions/{started['id']}/complete")
    assert (await client.get(query)).status_code == 404


async def test_of_several_open_sessions_the_last_is_the_current_one(client: httpx.AsyncClient) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    first = (await client.post("/sessions/start", json=body)).json()
    second = (await client.post("/sessions/start", json=body)).json()
    current = (await client.get("/sessions/current?quiz_id=quiz1&user_id=user1")).json()
    assert current["id"] == second["id"] != first["id"]


async def test_a_student_asks_for_its_own_current_session_alone(known: Api) -> None:
    known.be("student1")
    started = (await known("POST", "/sessions/start", {"quiz_id": "quiz1"})).json()
    mine = await known("GET", "/sessions/current?quiz_id=quiz1")
    assert mine.json()["id"] == started["id"]
    assert (await known("GET", "/sessions/current?quiz_id=quiz1&user_id=student2")).status_code == 403
    known.be("student2")
    assert (await known("GET", "/sessions/current?quiz_id=quiz1")).status_code == 404
    known.be("proctor1", STAFF)
    other = await known("GET", "/sessions/current?quiz_id=quiz1&user_id=student1")
    assert other.json()["id"] == started["id"]


async def test_without_tokens_the_user_has_to_be_named(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sessions/current?quiz_id=quiz1")).status_code == 422


# Documentation


async def test_the_page_of_documentation_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text) + re.findall(r"url: '([^']+)'", page.text)
    assert len(loaded) == 4
    for address in loaded:
        assert "//" not in address
        reply = await client.get(page.url.join(address))
        assert (reply.status_code, len(reply.content) > 1000) == (200, True)


async def test_no_other_file_is_served_beside_it(client: httpx.AsyncClient) -> None:
    for name in ("redoc.standalone.js", "..%2fcore.py", "core.py"):
        assert (await client.get(f"/docs/{name}")).status_code == 404
