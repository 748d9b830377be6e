"""A marker: asks for one answer after the other, reads it, and marks it."""

from __future__ import annotations

import asyncio
import random
import time

from .history import Mark
from .processes import Process
from .students import TRIES, Classroom


class Marker:
    """One of several at the same quizzes."""

    def __init__(self, name: str, room: Classroom, seed: str) -> None:
        self.name = name
        self._room = room
        self._dice = random.Random(f"{seed}/{name}")

    async def work(self, until: float) -> None:
        """Mark until then."""
        while time.monotonic() < until:
            await asyncio.sleep(self._dice.uniform(0.02, 0.4))
            quiz = self._dice.choice(("graded", "paper"))
            mark = await self._room.next_answer(quiz, self.name, self._any())
            if mark is not None:
                await asyncio.sleep(self._dice.expovariate(1 / 0.05))
                await self._give(mark)

    async def _give(self, mark: Mark) -> None:
        """Send until there is an answer, or patience ends; now and then once more, as after a lost reply."""
        for _ in range(self._dice.randint(1, TRIES)):
            status = await self._room.give(mark, self._any())
            if status is not None and status < 500 and self._dice.random() < 0.8:
                return
            await asyncio.sleep(self._dice.uniform(0.02, 0.3))

    def _any(self) -> Process:
        return self._dice.choice(self._room.stage.apis)
