"""How the service slows its clients down when it is busy, on real stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.runtime.clock import current_micros
from tests.harness.service import client_of, start_over_http, with_steady_backpressure
from tests.harness.stores import Stores

PAUSE = "next_autosave_after_ms"


@pytest.fixture
def steady(services: Services) -> Services:
    """A process whose pauses have no jitter."""
    return with_steady_backpressure(services)


@pytest.fixture
async def http(steady: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(steady) as client:
        yield client


async def answer(http: httpx.AsyncClient, session: dict[str, Any], **more: Any) -> httpx.Response:
    body = {"question_id": 0, "answer": "A", **more}
    return await http.patch(f"/sessions/{session['id']}/progress", json=body)


async def autosave(http: httpx.AsyncClient, session: dict[str, Any]) -> int:
    reply = await answer(http, session, autosave=True)
    assert reply.status_code == 200
    pause: int = reply.json()[PAUSE]
    return pause


async def test_start_answer_autosave_and_read_tell_the_pause(http: httpx.AsyncClient) -> None:
    session = await start_over_http(http)
    read = await http.get(f"/sessions/{session['id']}")
    replies = [session, (await answer(http, session)).json(), read.json()]
    assert [reply[PAUSE] for reply in replies] == [10_000] * 3


async def test_the_pause_grows_with_the_sessions_that_wait_for_the_flush(
    steady: Services, http: httpx.AsyncClient
) -> None:
    session = await start_over_http(http)
    for n in range(999):
        await steady.stores.valkey.put_drafts(UUID(int=n), Drafts({"0": Draft("A", current_micros())}))
    assert await autosave(http, session) == 15_000
    # Also for those who only read.
    assert (await http.get(f"/sessions/{session['id']}")).json()[PAUSE] == 15_000


async def test_the_pause_shrinks_again_once_they_are_flushed(
    steady: Services, http: httpx.AsyncClient
) -> None:
    sessions = [await start_over_http(http, f"user{n}") for n in range(40)]
    pauses = [await autosave(http, session) for session in sessions]
    assert pauses == [10_000 + 5 * n for n in range(1, 41)]
    await steady.flusher.run()
    assert await autosave(http, sessions[0]) == 10_005


async def test_the_pause_grows_with_writes_that_fail_and_shrinks_with_those_that_are_served(
    http: httpx.AsyncClient, stores: Stores
) -> None:
    session, other = await start_over_http(http), await start_over_http(http, "user2")
    with psycopg.connect(stores.database_url) as holder:
        holder.execute("SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", [session["id"]])
        failed = await answer(http, session)
    assert (failed.status_code, failed.json()["code"]) == (503, "session_busy")
    assert int(failed.headers["retry-after"]) > 0
    assert (await http.get(f"/sessions/{other['id']}")).json()[PAUSE] == 12_500
    pauses = [(await answer(http, other)).json()[PAUSE] for _ in range(3)]
    assert 12_500 > pauses[0] > pauses[1] > pauses[2] > 10_000


@pytest.mark.parametrize("problem", ["conflict", "invalid", "closed"])
async def test_what_is_refused_for_the_clients_sake_is_no_failure(
    http: httpx.AsyncClient, problem: str
) -> None:
    session, other = await start_over_http(http), await start_over_http(http, "user2")
    if problem == "closed":
        await http.post(f"/sessions/{session['id']}/complete")
    changes: dict[str, dict[str, Any]] = {
        "conflict": {"version": 7},
        "invalid": {"answer": "\x00"},
        "closed": {},
    }
    refused = await answer(http, session, **changes[problem])
    assert refused.status_code == {"conflict": 409, "invalid": 422, "closed": 409}[problem]
    assert (await http.get(f"/sessions/{other['id']}")).json()[PAUSE] == 10_000
