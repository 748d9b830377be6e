"""Servers of these tests' own, which they kill and freeze; every test finds both running and empty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import httpx
import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.sessions import SessionManager
from tests.faults.suite.processes import SuiteValkey
from tests.harness.service import services_on
from tests.harness.stores import Servers, Stores, running_servers

REQUEST_SECONDS = 5
RECOVERY_SECONDS = 8
T = TypeVar("T")
SlowUpdates = Callable[..., None]


class Manner(StrEnum):
    """How a server goes away."""

    KILLED = "killed"
    """Its port refuses connections."""
    FROZEN = "frozen"
    """Connections stay open, the port takes new ones, and nothing answers."""


class Outage:
    """Takes servers away in one manner and brings them back."""

    def __init__(self, servers: Servers, manner: Manner) -> None:
        self._servers = servers
        self._manner = manner

    async def begin(self, *names: str) -> None:
        for server in self._servers.named(names):
            await asyncio.to_thread(server.kill if self._manner is Manner.KILLED else server.freeze)

    async def end(self, *names: str) -> None:
        for server in self._servers.named(names):
            await asyncio.to_thread(server.start if self._manner is Manner.KILLED else server.thaw)


class Api:
    """The service over HTTP; no request may take longer than the limit, whatever the stores do."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, method: str, path: str, body: object = None) -> httpx.Response:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await self._client.request(method, path, json=body)

    async def read(self, session_id: object) -> httpx.Response:
        return await self("GET", f"/sessions/{session_id}")

    async def answer(
        self, session_id: object, question: int, answer: object, **more: object
    ) -> httpx.Response:
        body = {"question_id": question, "answer": answer, **more}
        return await self("PATCH", f"/sessions/{session_id}/progress", body)


async def start(manager: SessionManager, user: str = "user1", at: int | None = None) -> UUID:
    return (await manager.create_session(user, "quiz1", at=at)).id


def assert_try_again(response: httpx.Response, code: str = "store_unavailable") -> None:
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["code"] == code


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """What `look` returns once it is `good`, which it has to be within a few seconds."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not good(found := await look()):
        assert time.monotonic() < deadline, f"not within {RECOVERY_SECONDS} s, last seen: {found}"
        await asyncio.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    # Valkey must come back with its drafts.
    with running_servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def both_servers() -> Iterator[Servers]:
    """Those of the fault suite, for tests that clear them themselves."""
    with running_servers(valkey=SuiteValkey) as servers:
        yield servers


@pytest.fixture
def servers(own_servers: Servers) -> Iterator[Servers]:
    own_servers.stores.clear()
    yield own_servers
    own_servers.restore()


@pytest.fixture
def stores(servers: Servers) -> Stores:
    """What `services` and `client` of the whole suite are built on here."""
    return servers.stores


@pytest.fixture(params=list(Manner))
def outage(request: pytest.FixtureRequest, servers: Servers, services: Services) -> Iterator[Outage]:
    # After the services, so that it ends before they close their connections.
    yield Outage(servers, request.param)
    servers.restore()


@pytest.fixture
def freezing(servers: Servers, services: Services) -> Iterator[Outage]:
    yield Outage(servers, Manner.FROZEN)
    servers.restore()


@pytest.fixture
async def before(servers: Servers) -> AsyncIterator[SessionManager]:
    """Another process, which prepares sessions: the one under test has no connections yet."""
    async with services_on(servers.stores) as services:
        yield services.sessions


@pytest.fixture
def api(client: httpx.AsyncClient) -> Api:
    return Api(client)


@pytest.fixture
def slow_updates(servers: Servers) -> Iterator[SlowUpdates]:
    """Makes every change of a table, or of one of its rows, take longer than a statement may."""
    with psycopg.connect(servers.postgres.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$"
        )

        def slow(table: str, only: UUID | None = None) -> None:
            condition = f"WHEN (OLD.id = '{only}')" if only else ""
            connection.execute(
                f"CREATE TRIGGER dawdle BEFORE UPDATE ON {table} FOR EACH ROW {condition}"
                " EXECUTE FUNCTION dawdle()".encode()
            )

        yield slow
        connection.execute("DROP FUNCTION dawdle CASCADE")
