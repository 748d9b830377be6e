"""A PostgreSQL with an operator, and students who answer while it is in trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from httpx import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.sessions import SessionManager
from tests.faults.conftest import Api, assert_try_again, eventually, start
from tests.faults.operable import Operable
from tests.harness.http_client import Reply
from tests.harness.ledger import Ledger
from tests.harness.proxy import Proxy, proxy_of
from tests.harness.stores import Servers, Stores, running_servers
from tests.harness.students import Student

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
    with running_servers(postgres=Operable) as servers:
        assert isinstance(servers.postgres, Operable)
        yield OperableServers(servers.postgres, servers.valkey)


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
class OverApi:
    """A student's line to the app in this process."""

    api: Api

    async def __call__(
        self, kind: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        response = await self.api(method, path, body)
        if response.status_code != 200:
            assert_try_again(response, response.json()["code"])
        return Reply(response.status_code, b"", response.content)


@dataclass
class Writer(Student):
    """Answers one question after the other."""

    patient: bool = False
    durabilities: Counter[str] = field(default_factory=Counter)

    async def answer_until(self, ended: asyncio.Event) -> None:
        for number in count(1):
            if ended.is_set():
                return
            reply = await self.answer(str(number % 7), number)
            if reply.status == 200:
                self.durabilities[reply.body["durability"]] += 1
            await asyncio.sleep(0.01)

    def check(self, servers: Servers) -> None:
        """Nothing acknowledged is lost, and nothing was done twice."""
        answers = servers.row(self.ledger.session_id)["answers"]
        assert self.ledger.contradicted_by(answers, self.ledger.answers) == []
        events = servers.events(self.ledger.session_id)
        counted = Counter(
            number for event in events for number in event["changes"].get("answers", {}).values()
        )
        assert [number for number, times in counted.items() if times > 1] == []
        versions = [event["version"] for event in events if event["type"] == "answered"]
        assert versions == sorted(set(versions))


@asynccontextmanager
async def students_at_work(api: Api, manager: SessionManager) -> AsyncIterator[list[Writer]]:
    """Students who answer until the block ends."""
    students = [Writer(f"student{number}", OverApi(api)) for number in range(5)]
    for student in students:
        student.ledger = Ledger(await start(manager, student.name), "quiz1", student.name)
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for student in students:
            group.create_task(student.answer_until(ended))
        await all_reach(students, "committed")
        try:
            yield students
        finally:
            ended.set()


async def all_reach(students: list[Writer], durability: str) -> None:
    """Wait until each gets an answer of this durability, counted from now."""
    before = [student.durabilities[durability] for student in students]

    async def gained() -> bool:
        return all(s.durabilities[durability] > n for s, n in zip(students, before, strict=True))

    await eventually(gained, bool)


async def prepared(api: Api, manager: SessionManager) -> UUID:
    """A quiz, extra time for it, an accommodation that adds nothing, and an attempt at it."""
    await api("PUT", "/users/user1/accommodations", {"reason": "why"})
    await api("PUT", "/quizzes/quiz1", QUIZ)
    await api("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA)
    return await start(manager)
