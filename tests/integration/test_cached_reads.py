"""The short way of a read: the same reply as the app's, or none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
import redis
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.sessions import Session
from quiz_sessions.stores.valkey import ValkeyStore
from session_api.cached_reads import CachedReads
from session_api.front import Front
from tests.harness.builders import SECOND, START
from tests.harness.gateway import Gateway
from tests.harness.service import app_of, client_of, with_steady_backpressure

Prepare = Callable[[Services], Awaitable[Session]]
LATER = START + 60 * SECOND


async def the_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says that it was asked."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def steady(services: Services) -> Services:
    """The same services, whose advice to clients is not random."""
    return with_steady_backpressure(services)


@pytest.fixture
async def short(steady: Services) -> AsyncIterator[httpx.AsyncClient]:
    """The short way; what it leaves to the app is 299."""
    async with client_at(
        in_front(CachedReads(lambda: steady.cached, lambda: steady, lambda: the_app))
    ) as http:
        yield http


def in_front(app: ASGIApp) -> Front:
    """What every process has in front of its app."""
    return Front(app, lambda: ["*"], lambda: "", lambda: LATER)


def client_at(
    app: ASGIApp, subject: str | None = None, scope: str = ""
) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return client_of(Gateway(app, at=LATER, subject=subject, scope=scope))


async def started(services: Services) -> Session:
    return await services.sessions.create_session("user1", "quiz1", at=START)


async def answered(services: Services) -> Session:
    session = await started(services)
    return await services.sessions.update_answers(session.id, {"1": "Ä", "2": [1.0, None]}, at=START + SECOND)


async def with_drafts(services: Services) -> Session:
    session = await answered(services)
    return await services.sessions.update_answer(session.id, 3, "C", autosave=True, at=START + 2 * SECOND)


async def completed(services: Services) -> Session:
    session = await answered(services)
    return await services.sessions.complete(session.id, at=START + 3 * SECOND)


@pytest.mark.parametrize("prepare", [started, answered, with_drafts])
async def test_it_replies_what_the_app_does(
    steady: Services, short: httpx.AsyncClient, prepare: Prepare
) -> None:
    session = await prepare(steady)
    async with client_at(app_of(steady)) as app:
        long = await app.get(f"/sessions/{session.id}")
    reply = await short.get(f"/sessions/{session.id}")
    assert (reply.status_code, reply.content) == (long.status_code, long.content)
    assert without_id(reply) == without_id(long)


def without_id(reply: httpx.Response) -> list[tuple[bytes, bytes]]:
    return sorted(header for header in reply.headers.raw if header[0] != b"x-request-id")


async def test_it_tells_the_time_that_is_left_when_the_gateway_received_the_request(
    steady: Services, short: httpx.AsyncClient
) -> None:
    session = await started(steady)
    reply = await short.get(f"/sessions/{session.id}")
    assert reply.json()["time_remaining"] == 1740


async def test_a_session_that_is_not_cached_is_left_to_the_app(short: httpx.AsyncClient) -> None:
    assert (await short.get(f"/sessions/{uuid4()}")).status_code == 299


async def test_a_cached_session_that_makes_no_sense_is_left_to_the_app(
    steady: Services, short: httpx.AsyncClient, valkey: redis.Redis
) -> None:
    session = await started(steady)
    valkey.set(f"session:{session.id}", json.dumps({"revision": 0}))
    assert (await short.get(f"/sessions/{session.id}")).status_code == 299


async def test_a_session_whose_time_is_over_is_left_to_the_app(
    steady: Services, short: httpx.AsyncClient
) -> None:
    session = await steady.sessions.create_session("user1", "quiz1", at=START - 3600 * SECOND)
    assert (await short.get(f"/sessions/{session.id}")).status_code == 299


async def test_a_session_that_has_ended_is_left_to_the_app_which_knows_its_score(
    steady: Services, short: httpx.AsyncClient
) -> None:
    session = await completed(steady)
    assert (await short.get(f"/sessions/{session.id}")).status_code == 299


async def test_without_valkey_everything_is_left_to_the_app(
    steady: Services, short: httpx.AsyncClient
) -> None:
    session = await started(steady)
    await steady.cached.valkey.close()
    away = replace(steady.cached, valkey=ValkeyStore("redis://127.0.0.1:1", 60))
    async with client_at(CachedReads(lambda: away, lambda: steady, lambda: the_app)) as http:
        assert (await http.get(f"/sessions/{session.id}")).status_code == 299


@pytest.mark.parametrize(
    "spelling",
    [
        lambda session_id: f"/sessions/{session_id}?at_version=0",
        lambda session_id: f"/sessions/{session_id.upper()}",
        lambda session_id: f"/sessions/{session_id}/deadline",
        lambda session_id: f"/sessions/{session_id}/",
        lambda session_id: f"/sessions/{session_id}%0a",
    ],
)
async def test_what_is_spelt_in_another_way_is_left_to_the_app(
    steady: Services, short: httpx.AsyncClient, spelling: Callable[[str], str]
) -> None:
    session = await started(steady)
    assert (await short.get(spelling(str(session.id)))).status_code == 299


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_left_to_the_app(
    steady: Services, short: httpx.AsyncClient, method: str
) -> None:
    session = await started(steady)
    assert (await short.request(method, f"/sessions/{session.id}")).status_code == 299


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"subject": "user1"}, 200),
        ({"subject": "user2"}, 299),
        ({"subject": "teacher", "scope": "sessions:proctor"}, 200),
        ({"subject": "teacher", "scope": "sessions:grade"}, 200),
        ({"subject": "teacher", "scope": "quizzes:write"}, 299),
        ({}, 299),
    ],
)
async def test_with_tokens_it_shows_a_session_to_whom_the_app_does(
    steady: Services, claims: dict[str, str], status: int
) -> None:
    session = await started(steady)
    known = replace(steady.cached, jwt=True)
    async with client_at(CachedReads(lambda: known, lambda: steady, lambda: the_app), **claims) as http:
        assert (await http.get(f"/sessions/{session.id}")).status_code == status
