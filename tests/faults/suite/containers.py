"""Containers of the API behind a load balancer, of which one is killed, drained or replaced at a time."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from development_server import ports
from tests.harness import tokens
from tests.harness.http_client import HttpClient, LostError, Reply
from tests.harness.launch import QUIET, Launched
from tests.harness.ledger import Ledger, wrong
from tests.harness.service import services_on
from tests.harness.signing_keys import BEACON_KEYS, RECEIPT_KEYS
from tests.harness.stores import Servers
from tests.harness.students import LOST, Student

WATCH_SECONDS = 0.1
DRAIN_SECONDS = 1
QUIZ = "containers"
QUESTIONS: dict[str, Any] = {str(number): {"grading": "exact", "key": "A"} for number in range(6)}


@dataclass
class Container:
    """One of them, by its process; how it ended is said by `fate`."""

    process: Launched
    http: HttpClient
    fate: str = "that goes on"
    ready: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Balancer:
    """Sends each request to one that is ready, in turn; where none is, to any, as a load balancer does.

    Attributes:
        containers: those that it knows.
        lost: requests that were under way and got no reply, by the fate of the container.
    """

    containers: list[Container] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    _turn: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    async def request(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        """The reply; LOST where the container went away under the request."""
        while True:
            ready = [each for each in self.containers if each.ready.is_set()] or self.containers
            container = ready[self._turn() % len(ready)]
            try:
                return await container.http.request(method, path, body, headers)
            except LostError as error:
                container.ready.clear()
                if isinstance(error.__cause__, ConnectionRefusedError):
                    # It was sent to nobody, and may go to another one.
                    await asyncio.sleep(0.01)
                    continue
                self.lost[container.fate] += 1
                return LOST

    async def watch(self) -> None:
        """Ask each whether it is ready, again and again."""
        while True:
            await asyncio.gather(*(self._look(each) for each in self.containers))
            await asyncio.sleep(WATCH_SECONDS)

    async def _look(self, container: Container) -> None:
        try:
            reply = await container.http.request("GET", "/health/ready")
        except LostError:
            container.ready.clear()
        else:
            if reply.status == 200:
                container.ready.set()
            else:
                container.ready.clear()


@dataclass
class Service:
    """The containers and what starts and ends them.

    Attributes:
        done: what was done to them, and how often.
        codes: those with which they ended.
    """

    servers: Servers
    folder: Path
    balancer: Balancer = field(default_factory=Balancer)
    done: Counter[str] = field(default_factory=Counter)
    codes: set[int] = field(default_factory=set)

    async def start(self) -> Container:
        """One more, once the balancer sends requests to it."""
        port = ports.choose()
        jwks = tokens.write_jwks(self.folder / "jwks.json", first=tokens.rsa_key())
        environment = {
            **self.servers.stores.environment(),
            **QUIET,
            "AUTH_MODE": "jwt",
            "JWT_ISSUER": tokens.ISSUER,
            "JWT_AUDIENCE": tokens.AUDIENCE,
            "JWT_JWKS": jwks,
            "RECEIPT_KEYS": RECEIPT_KEYS,
            "BEACON_KEYS": BEACON_KEYS,
            "WRITES_PER_SECOND": "0",
            "STARTS_PER_MINUTE": "0",
            "PORT": str(port),
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
        }
        command = [sys.executable, "-m", "session_api.server"]
        process = Launched(command, self.folder / f"{port}.log", environment)
        container = Container(process, HttpClient(port, patience=12))
        self.balancer.containers.append(container)
        await container.ready.wait()
        return container

    async def killed(self) -> None:
        """One is killed, and another one started."""
        container = self._any("killed")
        container.process.kill()
        self.balancer.containers.remove(container)
        await self._ended(container)
        await self.start()

    async def drained(self) -> None:
        """One is asked to end, and another one started when it has."""
        await self._drain(self._any("drained"))
        await self.start()

    async def replaced(self) -> None:
        """Another one is started, and then one asked to end."""
        container = self._any("replaced")
        await self.start()
        await self._drain(container)

    async def stop(self) -> None:
        for container in self.balancer.containers:
            container.process.kill()
            await self._ended(container)

    def _any(self, fate: str) -> Container:
        container = self.balancer.containers[0]
        container.fate = fate
        self.done[fate] += 1
        return container

    async def _drain(self, container: Container) -> None:
        container.process.terminate()
        self.codes.add(await asyncio.to_thread(container.process.ends))
        self.balancer.containers.remove(container)
        await self._ended(container)

    async def _ended(self, container: Container) -> None:
        await asyncio.to_thread(container.process.stop)
        await container.http.close()


@dataclass
class ToBalancer:
    """A student's way to the service."""

    balancer: Balancer
    statuses: Counter[int]
    token: str

    async def __call__(
        self, kind: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        given = {**(headers or {}), "Authorization": f"Bearer {self.token}"}
        reply = await self.balancer.request(method, path, body, given)
        self.statuses[reply.status] += 1
        return reply


@dataclass(frozen=True)
class Outcome:
    """What a run came to; `wrong` is what students were told and does not hold."""

    statuses: Counter[int]
    lost: Counter[str]
    done: Counter[str]
    codes: set[int]
    ledgers: list[Ledger]
    wrong: list[tuple[str, object]]

    def summary(self) -> str:
        """In one line."""
        kept = sum(ledger.acknowledged for ledger in self.ledgers)
        return (
            f"containers: {self.statuses.total()} requests, {kept} answers acknowledged, {dict(self.done)}, "
            f"lost {dict(self.lost)}, {len(self.violations())} violations"
        )

    def violations(self) -> list[str]:
        """All that must not be."""
        failed = {status: n for status, n in self.statuses.items() if status >= 500}
        return [
            *(f"{kind}: {shown}" for kind, shown in self.wrong),
            *(f"{n} replies with status {status}" for status, n in failed.items()),
            *(
                f"{n} lost by one {fate or 'that went on'}"
                for fate, n in self.lost.items()
                if fate != "killed"
            ),
            *(f"one asked to end ended with {code}" for code in self.codes if code != 0),
        ]


@asynccontextmanager
async def two_containers(servers: Servers, folder: Path) -> AsyncIterator[Service]:
    service = Service(servers, folder)
    watching = asyncio.create_task(service.balancer.watch())
    try:
        for _ in range(2):
            await service.start()
        yield service
    finally:
        await service.stop()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def play(service: Service, seed: str, seconds: float, students: int = 12) -> Outcome:
    """Let students work while containers come and go, and check what has become of what they were told.

    Each thing is done once at least, however long it takes.
    """
    statuses: Counter[int] = Counter()
    staff = tokens.token(tokens.claims(sub="staff", scope="quizzes:write"))
    reply = await ToBalancer(service.balancer, statuses, staff)(
        "quiz", "PUT", f"/quizzes/{QUIZ}", {"questions": QUESTIONS}
    )
    assert reply.status in (200, 201), reply
    until, over = time.monotonic() + seconds, asyncio.Event()
    ledgers: list[Ledger] = []

    async def work(number: int) -> None:
        name, dice = f"student{number}", random.Random(f"{seed}/{number}")
        line = ToBalancer(service.balancer, statuses, tokens.token(tokens.claims(sub=name)))
        while not over.is_set():
            student = Student(name, line)
            begun = await student.start(QUIZ, f"{name}-{len(ledgers)}-{dice.random()}")
            # 200 is one that is found: it was sent again, for a container was killed under the first.
            assert begun.status in (200, 201), begun
            assert not begun.body["resumed"], begun
            ledgers.append(student.ledger)
            await _attend(student, dice)

    async def rage() -> None:
        dice, deeds = random.Random(seed), [service.killed, service.drained, service.replaced]
        while time.monotonic() < until:
            for deed in dice.sample(deeds, len(deeds)):
                await deed()
                await asyncio.sleep(dice.uniform(0.1, 0.5))
        over.set()

    async with asyncio.TaskGroup() as everybody:
        everybody.create_task(rage())
        for number in range(students):
            everybody.create_task(work(number))
    async with services_on(service.servers.stores) as services:
        await services.flusher.run()
    found = list(wrong(service.servers.stores, ledgers, QUESTIONS, over=()))
    return Outcome(statuses, service.balancer.lost, service.done, service.codes, ledgers, found)


async def _attend(student: Student, dice: random.Random) -> None:
    """One attempt, to its end."""
    for _ in range(dice.randint(3, 12)):
        if dice.random() < 0.2:
            assert (await student.read()).status == 200
        question, answer = dice.choice(list(QUESTIONS)), f"{dice.choice('ABCD')}"
        assert (await student.answer(question, answer, autosave=dice.random() < 0.4)).status == 200
        await asyncio.sleep(dice.expovariate(1 / 0.01))
    assert (await student.end()).status == 200
