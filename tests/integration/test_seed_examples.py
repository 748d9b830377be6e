"""The examples of the reference that the service grew from, as they are written there."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from quiz_sessions.manager import SessionManager
from quiz_sessions.runtime.settings import SettingsError
from tests.harness.stores import Stores


@pytest.fixture
async def manager(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SessionManager]:
    for name, value in stores.environment().items():
        monkeypatch.setenv(name, value)
    built = SessionManager()
    yield built
    await built.close()


async def test_create_session(manager: SessionManager) -> None:
    session = await manager.create_session("user1", "quiz1")
    assert session.status == "started"
    assert session.user_id == "user1"


async def test_start_session_endpoint(client: httpx.AsyncClient) -> None:
    response = await client.post("/sessions/start", json={"user_id": "user1", "quiz_id": "quiz1"})
    assert response.status_code == 201
    data = response.json()
    assert data["status"] == "started"


async def test_concurrent_updates(manager: SessionManager) -> None:
    session_id = (await manager.create_session("user1", "quiz1")).id
    tasks = [manager.update_answer(session_id, i, f"answer{i}") for i in range(10)]
    await asyncio.gather(*tasks)
    final = await manager.get_session(session_id)
    assert final.version == 10
    assert final.answers == {str(i): f"answer{i}" for i in range(10)}


def test_without_a_database_the_manager_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_SECRET_ARN", raising=False)
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        SessionManager()
