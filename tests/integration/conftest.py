"""The API on real stores: behind a gateway, and as a session that is spoken to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import redis

from quiz_sessions.bootstrap import Services
from tests.harness.gateway import Api, Gateway, api_of
from tests.harness.service import app_of, client_of
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.integration.contract import Progress, Store, started


@pytest.fixture
async def session(client: httpx.AsyncClient) -> Progress:
    """A session just started."""
    return await started(client)


@pytest.fixture
def gateway(services: Services) -> Gateway:
    return Gateway(app_of(services), request_id="from-the-gateway")


@pytest.fixture
async def timed(gateway: Gateway) -> AsyncIterator[Progress]:
    """A session started at the gateway's time."""
    async with client_of(gateway) as http:
        yield await started(http)


@pytest.fixture
def store(stores: Stores, database: Database, valkey: redis.Redis) -> Store:
    return Store(stores, database, valkey)


@pytest.fixture
async def api(services: Services) -> AsyncIterator[Api]:
    async with api_of(services) as found:
        yield found
