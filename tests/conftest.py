"""Real stores for every test that asks for them: one PostgreSQL and one Valkey for the whole run."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from development_server.postgres import Postgres
from development_server.valkey import Valkey
from migrate_database.handler import upgrade
from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.settings import Settings
from tests.shared_app import app_of

hypothesis_settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
hypothesis_settings.load_profile("default")


@dataclass(frozen=True)
class Stores:
    """Where the test servers are."""

    database_url: str
    redis_url: str

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.database_url, database_secret_arn=None, redis_url=self.redis_url)

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def clear(self) -> None:
        """Empty both."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                "TRUNCATE quiz_attempts, attempt_events, attempt_counters, quizzes, relay_lease"
            )
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()


@pytest.fixture(scope="session")
def running_stores() -> Iterator[Stores]:
    """Both servers, migrated, shared by all tests: nothing may stop them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder, "postgres"), durable=False) as postgres,
        Valkey(Path(folder, "valkey"), persist=False) as valkey,
    ):
        upgrade(postgres.url)
        # The cache is given up after a quarter of a second, and a busy machine stalls for as long: only
        # tests of that, which have servers of their own, are to meet it.
        yield Stores(postgres.url, f"{valkey.url}?socket_timeout=10&socket_connect_timeout=10")


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
    built = build_services(stores.settings)
    yield built
    await built.close()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the app."""
    transport = httpx.ASGITransport(app_of(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


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
    with redis.Redis.from_url(stores.redis_url) as connection:
        yield connection
