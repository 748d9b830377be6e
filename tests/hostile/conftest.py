"""The app with receipts, behind the development server's limiter, which nothing may keep a place of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from quiz_sessions.bootstrap import Services, build_services
from session_api.server.concurrency_limiter import ConcurrencyLimiter
from tests.harness.launch import Served, eventually, served
from tests.harness.service import app_of, client_of, services_on
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Stores

PATIENCE_SECONDS = 30


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """The parts of one process on empty stores; it signs receipts."""
    async with services_on(stores, receipt_keys=RECEIPT_KEYS, beacon_keys=BEACON_KEYS) as built:
        yield built


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the app."""
    limiter = ConcurrencyLimiter(app_of(services))
    async with client_of(limiter) as http:
        yield http
    assert limiter.under_way == 0


@pytest.fixture(scope="module")
def server(running_stores: Stores) -> Iterator[Served]:
    """The app under a real server."""
    running_stores.clear()
    with served(build_services(running_stores.settings)) as running:
        yield running
        eventually(lambda: running.limiter.under_way == 0)


@pytest.fixture(scope="module")
def address(server: Served) -> tuple[str, int]:
    """Host and port of that server."""
    return server.host, server.port


@pytest.fixture(scope="module")
def http(server: Served) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client
