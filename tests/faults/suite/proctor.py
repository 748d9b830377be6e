"""A proctor: stops the clocks of a quiz and of its sessions, lets them run again, and hands in."""

from __future__ import annotations

import asyncio
import random
import time

from tests.harness.students import Kind

from .history import Act, Action
from .processes import Process
from .students import TRIES, Classroom

LAST_SENDINGS = 60
"""Of what has to come about, when nothing is in its way any more."""


class Proctor:
    """Of one quiz. What concerns all of it and what concerns one session come as they like."""

    def __init__(self, quiz: str, room: Classroom, seed: str) -> None:
        self.quiz = quiz
        self._room = room
        self._dice = random.Random(f"{seed}/{quiz}")

    async def watch(self, until: float) -> None:
        """Act until then."""
        await asyncio.gather(self._the_room(until), self._each(until))

    async def close(self) -> None:
        """Let all clocks run, and hand in where time would run out while all is being looked at."""
        await self._do(Action.RESUME, None, LAST_SENDINGS)
        if self.quiz == "room":
            act = await self._do(Action.HAND_IN, None, LAST_SENDINGS)
            assert act.body is not None, act
            assert act.body["remaining"] == 0, act

    async def _the_room(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self._dice.uniform(0.5, 3))
            if self._dice.random() < 0.15:
                await self._do(Action.HAND_IN, None)
            else:
                await self._stop(None, 0.8)

    async def _each(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self._dice.uniform(0.1, 0.7))
            sessions = [
                one.session
                for one in self._room.history
                if one.kind is Kind.START and one.session is not None and one.answers["quiz"] == self.quiz
            ]
            if not sessions:
                continue
            session = self._dice.choice(sessions[-4:])
            if self._dice.random() < 0.25:
                await self._do(Action.HAND_IN, session)
            else:
                await self._stop(session, 1.5)

    async def _stop(self, session: str | None, most: float) -> None:
        """For some time, after which the first request may come once more."""
        paused = await self._do(Action.PAUSE, session)
        await asyncio.sleep(self._dice.uniform(0.02, most))
        resumed = await self._do(Action.RESUME, session)
        if self._dice.random() < 0.3:
            await self._room.act_again(self._dice.choice((paused, resumed)), self._any())

    async def _do(self, action: Action, session: str | None, tries: int = TRIES) -> Act:
        """Send until there is an answer, or patience ends; now and then once more, as after a lost reply."""
        act = await self._room.act(action, self.quiz, session, self._any())
        for _ in range(tries):
            if act.replied is not None and self._dice.random() < 0.8:
                break
            await asyncio.sleep(self._dice.uniform(0.02, 0.3))
            status = await self._room.act_again(act, self._any())
            if status is not None and status < 500:
                break
        return act

    def _any(self) -> Process:
        return self._dice.choice(self._room.stage.apis)
