"""Servers of these tests' own, which they kill and freeze; every test finds both running and empty."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psycopg
import pytest
import redis
from psycopg.rows import dict_row

from development_server.embedded import EmbeddedServer
from development_server.postgres import Postgres
from development_server.valkey import Valkey
from migrate_database.handler import upgrade
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.services.sessions import SessionManager
from tests.conftest import Stores

REQUEST_SECONDS = 5
RECOVERY_SECONDS = 8
T = TypeVar("T")


class Manner(StrEnum):
    """How a server goes away."""

    KILLED = "killed"
    """Its port refuses connections."""
    FROZEN = "frozen"
    """Connections stay open, the port takes new ones, and nothing answers."""


@dataclass(frozen=True)
class Servers:
    """Both servers, and a look into each past the service."""

    postgres: Postgres
    valkey: Valkey

    @property
    def stores(self) -> Stores:
        return Stores(self.postgres.url, self.valkey.url)

    def named(self, names: Sequence[str]) -> list[EmbeddedServer]:
        return [{"postgres": self.postgres, "valkey": self.valkey}[name] for name in names]

    def restore(self) -> None:
        for server in (self.postgres, self.valkey):
            server.thaw()
            server.start()

    def query(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.postgres.url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def row(self, session_id: object) -> dict[str, Any]:
        (row,) = self.query("SELECT * FROM quiz_attempts WHERE id = %s", session_id)
        return row

    def events(self, session_id: object) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM attempt_events WHERE attempt_id = %s ORDER BY revision", session_id)

    def cache(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url)

    def drafts(self, session_id: object) -> dict[bytes, bytes]:
        with self.cache() as cache:
            drafts: dict[bytes, bytes] = cache.hgetall(f"{{session:{session_id}}}:drafts")
            return drafts

    def dirty(self) -> set[UUID]:
        with self.cache() as cache:
            return {UUID(member.decode()) for member in cache.zrange("dirty:0", 0, -1)}

    def uncache(self, session_id: object) -> None:
        with self.cache() as cache:
            cache.delete(f"session:{session_id}")


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


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """What `look` returns once it is `good`, which it has to be within a few seconds."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not good(found := await look()):
        assert time.monotonic() < deadline, f"not within {RECOVERY_SECONDS} s, last seen: {found}"
        await asyncio.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    with (
        # Not pytest's folder: every start of pytest by this user closes its parent to PostgreSQL's user, and
        # a server that is started again there can't reach its data.
        tempfile.TemporaryDirectory(prefix="quiz-faults-") as folder,
        Postgres(Path(folder) / "postgres", durable=False) as postgres,
        # It must come back with its drafts.
        Valkey(Path(folder) / "valkey", persist=True) as valkey,
    ):
        upgrade(postgres.url)
        yield Servers(postgres, valkey)


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
    services = build_services(servers.stores.settings)
    yield services.sessions
    await services.close()


@pytest.fixture
def api(client: httpx.AsyncClient) -> Api:
    return Api(client)
