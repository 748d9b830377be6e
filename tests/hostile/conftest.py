"""The app behind a real HTTP server, and with receipts."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from quiz_sessions.bootstrap import Services, build_services
from tests.harness.launch import served
from tests.harness.service import services_on
from tests.harness.stores import Stores

PATIENCE_SECONDS = 30
RECEIPT_KEYS = json.dumps(
    {"current": "k1", "keys": {"k1": base64.urlsafe_b64encode(bytes(range(1, 33))).decode()}}
)


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """The parts of one process on empty stores; it signs receipts."""
    async with services_on(stores, receipt_keys=RECEIPT_KEYS) as built:
        yield built


@pytest.fixture(scope="module")
def address(running_stores: Stores) -> Iterator[tuple[str, int]]:
    """Host and port of the app under a real server."""
    running_stores.clear()
    with served(build_services(running_stores.settings)) as place:
        yield place


@pytest.fixture(scope="module")
def http(address: tuple[str, int]) -> Iterator[httpx.Client]:
    """A client of that server."""
    host, port = address
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=PATIENCE_SECONDS) as client:
        yield client
