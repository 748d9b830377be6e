"""The app behind a real HTTP server, and with receipts."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest
import uvicorn

from quiz_sessions.bootstrap import Services, build_services
from tests.conftest import Stores
from tests.shared_app import app_of

PATIENCE_SECONDS = 30
RECEIPT_KEYS = json.dumps(
    {"current": "k1", "keys": {"k1": base64.urlsafe_b64encode(bytes(range(1, 33))).decode()}}
)


@pytest.fixture
async def services(stores: Stores) -> AsyncIterator[Services]:
    """The parts of one process on empty stores; it signs receipts."""
    built = build_services(replace(stores.settings, receipt_keys=RECEIPT_KEYS))
    yield built
    await built.close()


@pytest.fixture(scope="module")
def address(running_stores: Stores) -> Iterator[tuple[str, int]]:
    """Host and port of the app under the server that `make run` uses, in a thread with its own event loop."""
    running_stores.clear()
    services = build_services(running_stores.settings)
    server = uvicorn.Server(uvicorn.Config(app_of(services), lifespan="off", ws="none", log_config=None))

    async def serve(listening: socket.socket) -> None:
        await server.serve(sockets=[listening])
        await services.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Requests wait at the listening socket until the server accepts them.
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)))
        thread.start()
        yield listening.getsockname()[:2]
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def http(address: tuple[str, int]) -> Iterator[httpx.Client]:
    """A client of that server."""
    host, port = address
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=PATIENCE_SECONDS) as client:
        yield client
