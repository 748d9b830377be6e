"""What importing a handler does, and what its first request, of which the most frequent one needs little."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.runtime import request_event
from tests.harness.stores import Stores

# The Redis client looks whether there is a cryptography, which is quick; what takes long is below it.
CRYPTOGRAPHY = "cryptography.hazmat"
SLOW = {"boto3", "aws_xray_sdk", "sqlalchemy", "alembic", "pydantic_settings", "httpx", CRYPTOGRAPHY}
FOR_WRITES = {"fastapi", "starlette", "pydantic", "psycopg", "psycopg_pool", "aws_lambda_powertools"}

PROGRAM = """
import json, sys
from importlib import import_module

connected = []
sys.addaudithook(lambda event, args: connected.append(args) if event == "socket.connect" else None)
module = import_module(sys.argv[1])
assert not connected, connected
assert module.services.cache_info().currsize == 0
exec(sys.argv[2])
print(json.dumps(sorted(sys.modules)))
"""


def imported(
    module: str, then: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """In an environment with no other setting; a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, module, then],
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def modules(process: subprocess.CompletedProcess[str]) -> set[str]:
    assert (process.returncode, process.stderr) == (0, "")
    return set(json.loads(process.stdout))


@pytest.mark.parametrize("module", ["session_api.handler", "flush_sessions.handler"])
def test_importing_a_handler_needs_no_setting_opens_no_connection_and_nothing_slow(module: str) -> None:
    assert not modules(imported(module)) & SLOW


def test_the_whole_api_needs_nothing_slow() -> None:
    found = modules(imported("session_api.handler", "module.app(); import quiz_sessions.bootstrap"))
    assert found > FOR_WRITES
    assert not found & SLOW


@pytest.mark.parametrize(
    ("origin", "needed"),
    [({}, set()), ({"origin": "https://quiz.example"}, {"starlette"})],
    ids=["the client of an app", "a page of another origin"],
)
async def test_a_cached_read_needs_nothing_of_what_writes_need(
    services: Services, stores: Stores, origin: dict[str, str], needed: set[str]
) -> None:
    session = await services.sessions.create_session("user1", "quiz1")
    request = request_event("read", str(session.id))
    headers = {name: value for name, value in request["headers"].items() if name.lower() != "origin"}
    event = json.dumps({**request, "headers": {**headers, **origin}})
    read = f"""
import asyncio
assert module.handler(json.loads({event!r}), None)["statusCode"] == 200
asyncio.get_event_loop().run_until_complete(module.cached_sessions().valkey.close())
asyncio.get_event_loop().close()
"""
    found = modules(imported("session_api.handler", read, stores.environment()))
    assert found & (SLOW | FOR_WRITES) == needed


def test_a_snapshot_holds_everything_and_neither_settings_nor_clients() -> None:
    then = "module.import_everything(); assert not connected and not module.services.cache_info().currsize"
    found = modules(
        imported("session_api.handler", f"{then}; assert not module.settings.cache_info().currsize")
    )
    assert found > FOR_WRITES | {"boto3", CRYPTOGRAPHY}
