"""The direct way of plain writes: the same as the app's, or left to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from session_api.app import create_app
from session_api.direct_writes import DirectWrites
from session_api.front import Front
from session_api.strict_json import MAX_BODY_BYTES
from tests.harness.builders import LATER, START
from tests.harness.gateway import Gateway
from tests.harness.service import client_of, with_steady_backpressure
from tests.harness.tables import Database, contents

JSON = "application/json"
START_BODY: dict[str, Any] = {"user_id": "user1", "quiz_id": "quiz1"}


@pytest.fixture
def steady(services: Services) -> Services:
    """The same services, whose advice to clients is not random."""
    return with_steady_backpressure(services)


def in_front(app: ASGIApp) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    front = Front(app, lambda: ["*"], lambda: "", lambda: LATER)
    return client_of(Gateway(front, at=LATER))


async def repeats(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that says what it got."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def direct(steady: Services) -> AsyncIterator[httpx.AsyncClient]:
    """The direct way; what it leaves to the app is 299."""
    async with in_front(DirectWrites(lambda: steady, lambda: repeats)) as http:
        yield http


@pytest.fixture
async def app(steady: Services) -> AsyncIterator[httpx.AsyncClient]:
    """The app without it."""
    async with in_front(create_app(lambda: steady)) as http:
        yield http


async def started(services: Services) -> str:
    return str((await services.sessions.create_session("user1", "quiz1", at=START)).id)


def shown(reply: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """A reply without what no two sessions and no two moments share."""
    body = reply.json()
    headers = {name: value for name, value in reply.headers.items() if name != "x-request-id"}
    for name in ("id", "attempt_no", "receipt", "last_updated", "next_autosave_after_ms"):
        body.pop(name)
    if "location" in headers:
        headers["location"] = str(len(headers["location"]))
    del headers["content-length"]
    return reply.status_code, body, headers


PLAIN: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "an answer": ({"question_id": 1, "answer": {"a": [1.0, None, "Ä"]}}, {}),
    "an answer to a question with a name": ({"question_id": "essay", "answer": None}, {}),
    "answers": ({"answers": {"1": "A", "2": 10**30}}, {}),
    "at a version": ({"answers": {"1": "A"}, "version": 0, "current_question": 3}, {}),
    "what is null": ({"answers": {"1": "A"}, "version": None, "based_on": None}, {}),
    "an autosave": ({"answers": {"1": "A"}, "autosave": True}, {}),
    "of a tab": ({"answers": {"1": "A"}, "based_on": {"1": None}}, {"X-Client-Id": "tab"}),
    "with a key": ({"answers": {"1": "A"}}, {"Idempotency-Key": "k1"}),
}


@pytest.mark.parametrize(("body", "headers"), PLAIN.values(), ids=PLAIN)
async def test_a_plain_write_is_told_what_the_app_tells(
    steady: Services,
    direct: httpx.AsyncClient,
    app: httpx.AsyncClient,
    body: dict[str, Any],
    headers: dict[str, str],
) -> None:
    told = [
        await http.patch(f"/sessions/{await started(steady)}/progress", json=body, headers=headers)
        for http in (direct, app)
    ]
    assert told[0].status_code == 200
    assert shown(told[0]) == shown(told[1])


async def test_a_plain_start_is_told_what_the_app_tells(
    direct: httpx.AsyncClient, app: httpx.AsyncClient
) -> None:
    told = [await http.post("/sessions/start", json=START_BODY) for http in (direct, app)]
    assert told[0].status_code == 201
    assert told[0].headers["location"] == told[0].json()["id"]
    assert shown(told[0]) == shown(told[1])


async def test_a_start_that_is_sent_again_finds_its_attempt(direct: httpx.AsyncClient) -> None:
    first, again = [
        await direct.post("/sessions/start", json=START_BODY, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


LEFT: dict[str, tuple[bytes, dict[str, str]]] = {
    "an unknown member": (b'{"answers": {"1": "A"}, "answer_": 1}', {}),
    "both forms": (b'{"answers": {"1": "A"}, "question_id": 1, "answer": "A"}', {}),
    "neither form": (b'{"version": 1}', {}),
    "a question without an answer": (b'{"question_id": 1}', {}),
    "an answer without a question": (b'{"answer": 1}', {}),
    "a question that is no id": (b'{"question_id": 1.0, "answer": "A"}', {}),
    "a question that is true": (b'{"question_id": true, "answer": "A"}', {}),
    "a question without a name": (b'{"answers": {"": "A"}}', {}),
    "a question with a long name": (b'{"answers": {"%s": "A"}}' % (b"x" * 129), {}),
    "half of a character": (b'{"answers": {"\\ud800": "A"}}', {}),
    "answers in a list": (b'{"answers": ["A"]}', {}),
    "too many answers": (
        b'{"answers": {%s}}' % b", ".join(b'"%d": 1' % number for number in range(1001)),
        {},
    ),
    "a version in a text": (b'{"answers": {"1": "A"}, "version": "1"}', {}),
    "a version below zero": (b'{"answers": {"1": "A"}, "version": -1}', {}),
    "a version beyond all": (b'{"answers": {"1": "A"}, "version": 2147483648}', {}),
    "an autosave that is a number": (b'{"answers": {"1": "A"}, "autosave": 1}', {}),
    "an autosave that is null": (b'{"answers": {"1": "A"}, "autosave": null}', {}),
    "tags in a list": (b'{"answers": {"1": "A"}, "based_on": []}', {"X-Client-Id": "a"}),
    "a tag that is none": (b'{"answers": {"1": "A"}, "based_on": {"1": 1}}', {"X-Client-Id": "a"}),
    "a list": (b"[]", {}),
    "no JSON": (b"{", {}),
    "a key twice": (b'{"answers": {"1": "A", "1": "B"}}', {}),
    "nothing": (b"", {}),
    "too much": (b'{"answers": {"1": "%s"}}' % (b"x" * MAX_BODY_BYTES), {}),
    "If-Match": (b'{"answers": {"1": "A"}}', {"If-Match": "*"}),
    "a coding": (b'{"answers": {"1": "A"}}', {"Content-Encoding": "identity"}),
    "another type": (b'{"answers": {"1": "A"}}', {"Content-Type": "application/problem+json"}),
    "a client with an odd name": (b'{"answers": {"1": "A"}}', {"X-Client-Id": "a b"}),
    "an empty key": (b'{"answers": {"1": "A"}}', {"Idempotency-Key": ""}),
    "a long key": (b'{"answers": {"1": "A"}}', {"Idempotency-Key": "k" * 129}),
}


@pytest.mark.parametrize(("body", "headers"), LEFT.values(), ids=LEFT)
async def test_what_is_not_plain_is_left_to_the_app_whole(
    steady: Services, direct: httpx.AsyncClient, body: bytes, headers: dict[str, str]
) -> None:
    session_id = await started(steady)
    reply = await direct.patch(
        f"/sessions/{session_id}/progress", content=body, headers={"Content-Type": JSON, **headers}
    )
    assert (reply.status_code, reply.content) == (299, body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/sessions/{id}"),
        ("PATCH", "/sessions/{id}/progress?a=1"),
        ("PATCH", "/sessions/{id}/progress/"),
        ("PUT", "/sessions/{id}/progress"),
        ("POST", "/sessions/{id}/complete"),
        ("PATCH", "/sessions/start"),
        ("POST", "/sessions/start?a=1"),
    ],
)
async def test_other_requests_are_left_to_the_app(
    steady: Services, direct: httpx.AsyncClient, method: str, path: str
) -> None:
    path = path.format(id=await started(steady))
    reply = await direct.request(method, path, json={"answers": {"1": "A"}})
    assert reply.status_code == 299


async def test_two_headers_of_one_name_are_left_to_the_app(
    steady: Services, direct: httpx.AsyncClient
) -> None:
    reply = await direct.patch(
        f"/sessions/{await started(steady)}/progress",
        content=b'{"answers": {"1": "A"}}',
        headers=[("Content-Type", JSON), ("X-Client-Id", "a"), ("X-Client-Id", "b")],
    )
    assert reply.status_code == 299


async def test_the_app_answers_a_refusal_and_nothing_is_done_again(
    steady: Services, database: Database
) -> None:
    session_id = await started(steady)
    await steady.sessions.complete(session_id, at=START)
    before = contents(database)
    async with in_front(DirectWrites(lambda: steady, lambda: create_app(lambda: steady))) as http:
        refused = await http.patch(f"/sessions/{session_id}/progress", json={"answers": {"1": "A"}})
        unknown = await http.patch(f"/sessions/{uuid4()}/progress", json={"answers": {"1": "A"}})
        large = await http.patch(
            f"/sessions/{session_id}/progress", json={"question_id": 7, "answer": "x" * 70_000}
        )
    assert (refused.status_code, refused.json()["code"]) == (409, "session_closed")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")
    assert (large.status_code, large.json()["question_id"]) == (413, "7")
    assert contents(database) == before
