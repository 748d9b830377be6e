"""Users who take quizzes one after the other, and keep what was acknowledged to them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.harness.http_client import HttpClient, LostError, Reply
from tests.harness.ledger import Ledger
from tests.harness.students import ENDS, LOST, Kind, Student

QUESTIONS = 12
POINTS = 4
"""So many questions have a key, which is "A", and count one point each."""


@dataclass(slots=True)
class Measured:
    """One request: when it began, in seconds since the load did, how long it took, and what it was."""

    at: float
    seconds: float
    kind: str
    status: int


@dataclass
class Load:
    """Everything that the users of one run have in common.

    Attributes:
        interval: seconds from one request of a user to its next; 0 while the machine is measured.
    """

    ports: Sequence[int]
    quizzes: Sequence[str]
    random: random.Random
    interval: float = 0.0
    ended: bool = False
    attempts: list[Ledger] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.perf_counter)

    def elapsed(self) -> float:
        return time.perf_counter() - self.began


class User:
    """One after the other: start, answer, read, hand in. Each request goes to any of the processes."""

    def __init__(self, load: Load, name: str) -> None:
        self._load = load
        self._name = name
        self._random = random.Random(load.random.random())
        self._clients = [HttpClient(port, patience=10, resend=True) for port in load.ports]
        self._next = 0.0
        self._number = 0

    async def run(self) -> None:
        try:
            while not self._load.ended:
                await self._take_quiz()
        finally:
            for client in self._clients:
                await client.close()

    async def _take_quiz(self) -> None:
        self._number += 1
        quiz = self._random.choice(self._load.quizzes)
        student = Student(f"{self._name}-{self._number}", self, patient=False)
        reply = LOST
        while reply.status not in (200, 201):
            if self._load.ended:
                return
            reply = await student.start(quiz, key=student.name)
        self._load.attempts.append(student.ledger)
        version: int | None = reply.body["version"]
        for _ in range(self._random.randint(5, 30)):
            if self._load.ended:
                return
            if self._random.random() < 0.15:
                if not await self._read(student):
                    return
                continue
            reply = await self._answer(student, version)
            if reply.status == 410:
                return
            version = reply.body["version"] if reply.status == 200 else None
        chance = self._random.random()
        # One that is left alone runs out of time where its quiz is short.
        if chance >= 0.1:
            await student.end(Kind.ABANDON if chance < 0.2 else Kind.COMPLETE)

    async def _answer(self, student: Student, version: int | None) -> Reply:
        question = str(self._random.randrange(QUESTIONS))
        answer = self._random.choice("ABCD") + " " * self._random.randrange(3)
        if self._random.random() < 0.6:
            return await student.answer(question, answer, autosave=True)
        insists = version is not None and self._random.random() < 0.3
        return await student.answer(question, answer, version=version if insists else None)

    async def _read(self, student: Student) -> bool:
        """Whether the session is open still; that it shows what was acknowledged is checked on the way."""
        reply = await student.read()
        if reply.status != 200:
            return True
        missed = student.ledger.contradicted_by(reply.body["answers"], student.ledger.answers)
        if missed:
            self._load.problems["a read showed another answer than was acknowledged"] += len(missed)
        return bool(reply.body["status"] in ("started", "in_progress"))

    async def __call__(
        self, kind: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, in its time."""
        load = self._load
        if load.interval:
            now = time.perf_counter()
            # Who is late does not make up for it.
            self._next = max(now, self._next + load.interval * self._random.uniform(0.5, 1.5))
            await asyncio.sleep(self._next - now)
        began = load.elapsed()
        try:
            reply = await self._random.choice(self._clients).request(method, path, body, headers)
        except LostError as error:
            load.problems[f"no reply: {error}"] += 1
            reply = LOST
        kind = "end" if kind in ENDS else kind
        load.measured.append(Measured(began, load.elapsed() - began, kind, reply.status))
        # A quiz with little time may end under a user's hands.
        if reply.status not in (200, 201, 410):
            load.problems[f"{kind}: {reply.status}"] += 1
        return reply


def questions() -> dict[str, Any]:
    return {
        str(number): {"points": 1, "grading": "exact", "key": "A"} if number < POINTS else {"points": 1}
        for number in range(QUESTIONS)
    }
