"""What the app's own OpenAPI document promises, held against real stores: schemathesis makes the requests."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import CacheConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from quiz_sessions.wiring import build_services
from session_api.app import create_app
from tests.conftest import Stores

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    allow_header_conformance,
]
PATIENCE_SECONDS = 30
bounded = settings(max_examples=30, derandomize=True, deadline=None, database=None)


def no_services() -> NoReturn:
    raise AssertionError("the document needs no services")


# A config of its own: none is looked for in the folders above, nothing is kept from run to run.
schema = schemathesis.openapi.from_dict(
    create_app(no_services).openapi(),
    config=SchemathesisConfig(seed=1, cache=CacheConfig(enabled=False), projects=ProjectsConfig()),
)


@pytest.fixture(scope="module")
def address(running_stores: Stores) -> Iterator[str]:
    """The app on a port of its own, in a thread with its own event loop."""
    running_stores.clear()
    services = build_services(running_stores.settings)
    server = uvicorn.Server(
        uvicorn.Config(create_app(lambda: services), lifespan="off", ws="none", log_config=None)
    )

    async def serve(listening: socket.socket) -> None:
        await server.serve(sockets=[listening])
        await services.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Requests wait at the listening socket until the server accepts them.
        thread = threading.Thread(target=lambda: asyncio.run(serve(listening)))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def started(address: str, case: schemathesis.Case[Any]) -> str:
    """A session for `case`, at a point of its life that the case itself decides, so that it repeats."""
    session = httpx.post(f"{address}/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"}).json()
    path = f"{address}/sessions/{session['id']}"
    match len(repr(case.body)) % 4:
        case 1:
            httpx.patch(f"{path}/progress", json={"question_id": 0, "answer": {"text": "A"}})
        case 2:
            httpx.patch(f"{path}/progress", json={"question_id": 0, "answer": None, "autosave": True})
        case 3:
            httpx.post(f"{path}/complete", json={"answers": {"0": 1.0}})
    return str(session["id"])


@schema.parametrize()
@bounded
def test_any_request(case: schemathesis.Case[Any], address: str) -> None:
    # GET /sessions/start is documented too: the read of a session whose id is no UUID.
    shadowed = [unsupported_method] if case.path == "/sessions/start" else []
    case.call_and_validate(base_url=address, checks=CHECKS, excluded_checks=shadowed)


@schema.include(path_regex="session_id").parametrize()
@bounded
def test_a_request_to_a_real_session(case: schemathesis.Case[Any], address: str) -> None:
    case.path_parameters = {"session_id": started(address, case)}
    case.call_and_validate(base_url=address, checks=CHECKS)
