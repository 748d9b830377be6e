"""Users who take quizzes one after the other, and keep what was acknowledged to them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .http import Connection, Reply

QUESTIONS = 12
POINTS = 4
"""So many questions have a key, which is "A", and count one point each."""


@dataclass(slots=True)
class Attempt:
    """What one user knows of an attempt.

    Attributes:
        answers: question -> the last answer that was acknowledged.
        in_doubt: question -> answers sent after that one, of which nothing was heard.
        ended: the status that was acknowledged at its end; None where it was left alone.
    """

    session_id: UUID
    quiz: str
    answers: dict[str, str] = field(default_factory=dict)
    in_doubt: dict[str, list[str]] = field(default_factory=dict)
    ended: str | None = None
    end_in_doubt: bool = False


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
    attempts: list[Attempt] = field(default_factory=list)
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
        self._connections = [Connection(port) for port in load.ports]
        self._next = 0.0
        self._number = 0

    async def run(self) -> None:
        try:
            while not self._load.ended:
                await self._take_quiz()
        finally:
            for connection in self._connections:
                connection.close()

    async def _take_quiz(self) -> None:
        self._number += 1
        quiz = self._random.choice(self._load.quizzes)
        user_id = f"{self._name}-{self._number}"
        reply = None
        while reply is None or reply.status not in (200, 201):
            if self._load.ended:
                return
            reply = await self._send(
                "start",
                "POST",
                "/sessions/start",
                {"user_id": user_id, "quiz_id": quiz},
                {"Idempotency-Key": user_id},
            )
        attempt = Attempt(UUID(reply.body["id"]), quiz)
        self._load.attempts.append(attempt)
        version: int | None = reply.body["version"]
        for _ in range(self._random.randint(5, 30)):
            if self._load.ended:
                return
            if self._random.random() < 0.15:
                if not await self._read(attempt):
                    return
                continue
            reply = await self._answer(attempt, version)
            if reply is not None and reply.status == 410:
                return
            version = reply.body["version"] if reply is not None and reply.status == 200 else None
        await self._end(attempt)

    async def _answer(self, attempt: Attempt, version: int | None) -> Reply | None:
        question = str(self._random.randrange(QUESTIONS))
        answer = self._random.choice("ABCD") + " " * self._random.randrange(3)
        body: dict[str, Any] = {"question_id": question, "answer": answer}
        kind = "commit"
        if self._random.random() < 0.6:
            kind = "autosave"
            body["autosave"] = True
        elif version is not None and self._random.random() < 0.3:
            body["version"] = version
        reply = await self._send(kind, "PATCH", f"/sessions/{attempt.session_id}/progress", body)
        if reply is not None and reply.status == 200:
            attempt.answers[question] = answer
            attempt.in_doubt.pop(question, None)
        elif reply is None or reply.status >= 500:
            attempt.in_doubt.setdefault(question, []).append(answer)
        return reply

    async def _read(self, attempt: Attempt) -> bool:
        """Whether the session is open still; that it shows what was acknowledged is checked on the way."""
        reply = await self._send("read", "GET", f"/sessions/{attempt.session_id}")
        if reply is None or reply.status != 200:
            return True
        shown = reply.body["answers"]
        for question, answer in attempt.answers.items():
            if shown.get(question) not in (answer, *attempt.in_doubt.get(question, ())):
                self._load.problems["a read showed another answer than was acknowledged"] += 1
        return bool(reply.body["status"] in ("started", "in_progress"))

    async def _end(self, attempt: Attempt) -> None:
        chance = self._random.random()
        if chance < 0.1:
            # Left alone, it runs out of time where its quiz is short.
            return
        verb, status = ("abandon", "abandoned") if chance < 0.2 else ("complete", "completed")
        reply = await self._send("end", "POST", f"/sessions/{attempt.session_id}/{verb}")
        if reply is not None and reply.status == 200:
            attempt.ended = status
        elif reply is None or reply.status >= 500:
            attempt.end_in_doubt = True

    async def _send(
        self,
        kind: str,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Reply | None:
        """The reply; None where there was none."""
        load = self._load
        if load.interval:
            now = time.perf_counter()
            # Who is late does not make up for it.
            self._next = max(now, self._next + load.interval * self._random.uniform(0.5, 1.5))
            await asyncio.sleep(self._next - now)
        began = load.elapsed()
        try:
            async with asyncio.timeout(10):
                reply = await self._random.choice(self._connections).request(method, path, body, headers)
        except (OSError, EOFError) as error:
            load.problems[f"no reply: {type(error).__name__}"] += 1
            reply = None
        status = reply.status if reply else 0
        load.measured.append(Measured(began, load.elapsed() - began, kind, status))
        # A quiz with little time may end under a user's hands.
        if status not in (200, 201, 410):
            load.problems[f"{kind}: {status}"] += 1
        return reply


def questions() -> dict[str, Any]:
    return {
        str(number): {"points": 1, "grading": "exact", "key": "A"} if number < POINTS else {"points": 1}
        for number in range(QUESTIONS)
    }
