"""A PostgreSQL with an operator, and students who answer while it is in trouble."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx import Response

from development_server.valkey import Valkey
from migrate_database.handler import upgrade
from quiz_sessions.bootstrap import Services
from quiz_sessions.services.sessions import SessionManager
from tests.faults.conftest import Api, assert_try_again, eventually, start
from tests.faults.operable import Operable
from tests.harness.proxy import Proxy, proxy_of
from tests.harness.stores import Servers, Stores

QUIZ: dict[str, Any] = {
    "time_limit_seconds": 3600,
    "questions": {"1": {"points": 2, "grading": "exact", "key": "A"}},
}
EXTRA = {"extra_seconds": 600, "reason": "a broken mouse"}
MORE = {"seconds": 60, "reason": "a fire alarm"}


@dataclass(frozen=True)
class OperableServers(Servers):
    """Servers whose PostgreSQL has an operator."""

    postgres: Operable


@pytest.fixture(scope="module")
def own_servers() -> Iterator[OperableServers]:
    with (
        tempfile.TemporaryDirectory(prefix="quiz-faults-") as folder,
        Operable(Path(folder) / "postgres", durable=False) as postgres,
        Valkey(Path(folder) / "valkey", persist=True) as valkey,
    ):
        upgrade(postgres.url)
        yield OperableServers(postgres, valkey)


@pytest.fixture
def postgres(servers: OperableServers) -> Iterator[Operable]:
    yield servers.postgres
    servers.postgres.start()


@pytest.fixture
async def proxy(servers: OperableServers) -> AsyncIterator[Proxy]:
    async with proxy_of(servers.postgres.url) as running:
        yield running


@pytest.fixture
async def stores(servers: OperableServers, proxy: Proxy) -> Stores:
    """The service reaches PostgreSQL by the proxy, which is the address that stays."""
    return Stores(proxy.url, servers.valkey.url)


@pytest.fixture
def configure(postgres: Operable) -> Iterator[Callable[..., None]]:
    changed: set[str] = set()

    def change(**settings: str | None) -> None:
        changed.update(settings)
        postgres.configure(**settings)

    yield change
    postgres.start()
    postgres.configure(**dict.fromkeys(changed))


def assert_durability(response: Response, durability: str) -> None:
    assert (response.status_code, response.json().get("durability")) == (200, durability)


async def committed_again(api: Api, session_id: UUID) -> None:
    """Wait until answers are committed, by the same process."""

    async def durability() -> str:
        response = await api.answer(session_id, 99, "again")
        return str(response.json().get("durability"))

    await eventually(durability, lambda found: found == "committed")


async def flushed(services: Services) -> None:
    async def failures() -> int:
        return (await services.flusher.run()).flush_failures

    await eventually(failures, lambda count: count == 0)


@dataclass
class Student:
    """Answers one question after the other, and keeps what was acknowledged."""

    api: Api
    session_id: UUID
    acknowledged: dict[str, int] = field(default_factory=dict)
    durabilities: Counter[str] = field(default_factory=Counter)
    number: int = 0

    async def answer(self) -> str:
        self.number += 1
        question = self.number % 7
        response = await self.api.answer(self.session_id, question, self.number)
        if response.status_code != 200:
            assert_try_again(response, response.json()["code"])
            return "refused"
        self.acknowledged[str(question)] = self.number
        durability = str(response.json()["durability"])
        self.durabilities[durability] += 1
        return durability

    async def answer_until(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await self.answer()
            await asyncio.sleep(0.01)

    def check(self, servers: Servers) -> None:
        """Nothing acknowledged is lost, and nothing was done twice."""
        answers = servers.row(self.session_id)["answers"]
        lost = {q: n for q, n in self.acknowledged.items() if answers.get(q, 0) < n}
        assert lost == {}
        events = servers.events(self.session_id)
        counted = Counter(
            number for event in events for number in event["changes"].get("answers", {}).values()
        )
        assert [number for number, times in counted.items() if times > 1] == []
        versions = [event["version"] for event in events if event["type"] == "answered"]
        assert versions == sorted(set(versions))


@asynccontextmanager
async def students_at_work(api: Api, manager: SessionManager) -> AsyncIterator[list[Student]]:
    """Students who answer until the block ends."""
    students = [Student(api, await start(manager, f"student{number}")) for number in range(5)]
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for student in students:
            group.create_task(student.answer_until(ended))
        await all_reach(students, "committed")
        try:
            yield students
        finally:
            ended.set()


async def all_reach(students: list[Student], durability: str) -> None:
    """Wait until each gets an answer of this durability, counted from now."""
    before = [student.durabilities[durability] for student in students]

    async def gained() -> bool:
        return all(s.durabilities[durability] > n for s, n in zip(students, before, strict=True))

    await eventually(gained, bool)


def backends(servers: Servers) -> list[int]:
    rows = servers.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'quiz-sessions'")
    return [row["pid"] for row in rows]


@contextmanager
def locked(servers: Servers, table: str) -> Iterator[Callable[[], None]]:
    """Another client holds every row of the table; what it yields lets go of them."""
    with psycopg.connect(servers.postgres.url) as connection:
        connection.execute(f"SELECT FROM {table} FOR UPDATE".encode())
        yield connection.rollback


async def prepared(api: Api, manager: SessionManager) -> UUID:
    """A quiz, extra time for it, and an attempt at it."""
    await api("PUT", "/quizzes/quiz1", QUIZ)
    await api("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA)
    return await start(manager)
