"""`quiz-sessions drain`: it ends when nothing is buffered, or says what is."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from one_machine.drain import drained
from one_machine.machine import CommandError
from quiz_sessions.bootstrap import Services
from tests.harness.machine import done, run, serving
from tests.harness.stores import Stores
from tests.integration.contract import Progress


def test_beside_a_running_service_it_commits_what_is_buffered(folder: Path) -> None:
    with serving(folder / "data") as service:
        session = service.start("user1")
        assert service.answer(session, "0", "typed", autosave=True)["durability"] == "buffered"
        assert "nothing is buffered: 1 sessions were flushed" in done("drain", "--data", folder / "data")
        shown = service.request("GET", session)
        assert (shown["answers"], shown["buffered_questions"]) == ({"0": "typed"}, [])
        assert "nothing is buffered: 0 sessions were flushed" in done("drain", "--data", folder / "data")


def test_after_a_service_that_was_killed_it_starts_the_stores_itself(folder: Path) -> None:
    with serving(folder / "data") as service:
        session = service.start("user1")
        service.answer(session, "0", "typed", autosave=True)
        service.process.kill()
    assert "1 sessions were flushed" in done("drain", "--data", folder / "data")
    with serving(folder / "data") as service:
        assert service.request("GET", session)["buffered_questions"] == []


def test_a_store_that_is_away_is_told(folder: Path, stores: Stores) -> None:
    away = {**stores.environment(), "DATABASE_URL": "postgresql://quiz:secret@127.0.0.1:1/quiz"}
    said = run("drain", "--data", folder, "--seconds", "1", environment=away)
    assert said.code == 1
    assert said.err.endswith("as the lines above say; nothing is lost\n")
    assert "secret" not in said.out + said.err


async def test_what_somebody_holds_up_is_counted(
    services: Services, session: Progress, database: psycopg.Connection[dict[str, object]]
) -> None:
    await session.answer("0", "typed", autosave=True)
    with database.transaction():
        database.execute("SELECT FROM quiz_attempts FOR UPDATE")
        with pytest.raises(CommandError, match="1 sessions are still buffered, the oldest for "):
            await drained(services.flusher, 0.2)
    assert await drained(services.flusher, 10) == 1


async def test_a_session_in_quarantine_is_told(services: Services, session: Progress) -> None:
    await session.answer("0", "typed", autosave=True)
    await services.stores.valkey.quarantine(session.id)
    with pytest.raises(CommandError, match="1 sessions are in quarantine"):
        await drained(services.flusher, 10)
