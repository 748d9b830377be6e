"""Real stores for every test that asks for them: one PostgreSQL and one Valkey for the whole run."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from quiz_sessions.bootstrap import Services
from tests.harness.proxy import Proxy, proxy_of
from tests.harness.service import client_of, services_on
from tests.harness.stores import Stores, running_servers

hypothesis_settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
hypothesis_settings.load_profile("default")


@pytest.fixture(scope="session")
def running_stores() -> Iterator[Stores]:
    """Both servers, migrated, shared by all tests: nothing may stop them."""
    with running_servers(persist=False) as servers:
        # The cache is given up after a quarter of a second, and a busy machine stalls for as long: only
        # tests of that, which have servers of their own, are to meet it.
        yield Stores(
            servers.postgres.url, f"{servers.valkey.url}?socket_timeout=10&socket_connect_timeout=10"
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for servers; pytest's own is closed to the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


@pytest.fixture
def stores(running_stores: Stores) -> Stores:
    """Both servers, empty."""
    running_stores.clear()
    return running_stores


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """The parts of one process on empty stores."""
    async with services_on(stores) as built:
        yield built


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the app."""
    async with client_of(services) as http:
        yield http


@pytest.fixture
async def proxy(stores: Stores) -> AsyncIterator[Proxy]:
    """A proxy in front of PostgreSQL."""
    async with proxy_of(stores.database_url) as running:
        yield running


@pytest.fixture
async def by_proxy(stores: Stores, proxy: Proxy) -> AsyncIterator[Services]:
    """The parts of one process that reaches PostgreSQL through it."""
    async with services_on(Stores(proxy.url, stores.redis_url)) as services:
        yield services


@pytest.fixture
def database(stores: Stores) -> Iterator[psycopg.Connection[dict[str, object]]]:
    """A connection of the test's own, to look into the tables and to interfere."""
    with psycopg.connect(
        stores.database_url, autocommit=True, row_factory=psycopg.rows.dict_row
    ) as connection:
        yield connection


@pytest.fixture
def valkey(stores: Stores) -> Iterator[redis.Redis]:
    """A connection of the test's own to the cache."""
    with stores.cache() as connection:
        yield connection


@pytest.fixture
def own_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger of this test's own: Powertools keeps one for each service, with its first stream."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", uuid4().hex)
