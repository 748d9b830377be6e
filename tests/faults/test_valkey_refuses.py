"""A Valkey that is there and takes no writes: full, or without the replicas it was told to have."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from tests.harness.service import services_on
from tests.harness.stores import Servers, Stores
from tests.harness.valkey import RestrictedValkey

SMALL = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def small_valkey() -> Iterator[RestrictedValkey]:
    with (
        tempfile.TemporaryDirectory(prefix="quiz-faults-") as folder,
        RestrictedValkey(Path(folder), persist=False, maxmemory=SMALL) as valkey,
    ):
        yield valkey


@pytest.fixture
async def crowded(stores: Stores, small_valkey: RestrictedValkey) -> AsyncIterator[Services]:
    """A service whose Valkey has room for a hundred large answers."""
    async with services_on(Stores(stores.database_url, small_valkey.url)) as services:
        yield services


async def test_nothing_acknowledged_is_lost_when_valkey_is_full(servers: Servers, crowded: Services) -> None:
    manager = crowded.sessions
    sessions = [await manager.create_session(f"user{i}", "quiz") for i in range(60)]
    kept: dict[UUID, dict[str, str]] = {}
    durabilities = set()
    for question in range(4):
        for session in sessions:
            answer = f"{question}" * 60_000
            reply = await manager.update_answer(session.id, question, answer, autosave=True)
            kept.setdefault(session.id, {})[str(question)] = answer
            durabilities.add(reply.durability)
    for _ in range(3):
        report = await crowded.flusher.run()
    assert durabilities == {"buffered", "committed"}
    assert report.dirty_sessions == 0
    assert {session_id: servers.row(session_id)["answers"] for session_id in kept} == kept


@pytest.fixture
def unreplicated(servers: Servers) -> Iterator[None]:
    with servers.cache() as cache:
        cache.config_set("min-replicas-to-write", 1)
        yield
        cache.config_set("min-replicas-to-write", 0)


@pytest.mark.usefixtures("unreplicated")
@pytest.mark.parametrize("autosave", [False, True])
async def test_answers_are_committed_where_valkey_refuses_writes(services: Services, autosave: bool) -> None:
    session = await services.sessions.create_session("user", "quiz")
    kept = await services.sessions.update_answer(session.id, 0, "A", autosave=autosave)
    assert (kept.durability, kept.answers) == ("committed", {"0": "A"})


async def test_a_flush_survives_a_valkey_that_refuses_writes(
    servers: Servers, services: Services, request: pytest.FixtureRequest
) -> None:
    session = await services.sessions.create_session("user", "quiz")
    await services.sessions.update_answer(session.id, 0, "A", autosave=True)
    request.getfixturevalue("unreplicated")
    report = await services.flusher.run()
    assert report.sessions_flushed == 1
    assert servers.row(session.id)["answers"] == {"0": "A"}
