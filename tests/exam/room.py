"""An exam room that a proctor runs: the clock is stopped and let run, students are helped, and handed in."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from tests.harness.http_client import Reply
from tests.harness.launch import DevelopmentServer
from tests.harness.service import services_on
from tests.harness.students import patiently

from .figures import Figures, Line
from .scenarios import CHOICES, QUESTIONS, SINGLE_SECONDS, Examinee, check, register, students

ALONE = slice(1, 3)
"""Who is paused by itself as well."""
HELPED, ILL, LATECOMER = 4, 5, "room-latecomer"
MOVERS = slice(6, 16)
"""Who goes on with another device when all goes on."""
UNSEEN = "not by this one"
"""What the former device still sends then."""
QUIET_SHARE = 0.1
"""Of the students who are offline all through the pause."""


class Proctor:
    """Acts, and says what came of it."""

    def __init__(self, server: DevelopmentServer, figures: Figures) -> None:
        self.line = Line(server.port, figures)
        self._begun = time.monotonic()

    async def __call__(self, path: str, key: str | None = None, **body: Any) -> Reply:
        # The quiz asks each start for the name of its device.
        headers = {"X-Client-Id": "staff"} | ({} if key is None else {"Idempotency-Key": key})
        reply = await patiently(lambda: self.line("staff", "POST", path, body, headers))
        told = {name: reply.body[name] for name in _TOLD if name in reply.body}
        print(f"{time.monotonic() - self._begun:6.1f} s  POST {path} {body} -> {reply.status} {told}")
        return reply


_TOLD = ("paused", "resumed", "completed", "remaining", "status", "pause_seconds", "time_remaining", "code")


async def room(server: DevelopmentServer, count: int, seconds: float, seed: int) -> Figures:
    """A room from its doors to its last hand-in, which comes after the time limit because its clock stands.

    The clock stands from a quarter of `seconds` to six tenths, while the database dies once.
    """
    figures, chance, begun = Figures(), random.Random(seed), time.monotonic()
    await register(
        server,
        "room",
        time_limit_seconds=round(seconds * 0.75),
        when_active="resume",
        max_attempts=1,
        one_device="takeover",
    )
    staff = Proctor(server, figures)

    async def until(share: float) -> None:
        await asyncio.sleep(max(0, begun + seconds * share - time.monotonic()))

    async def move(student: Examinee) -> None:
        """With an answer that is buffered, to which the former device then gives another one."""
        laptop, question = student.client, chance.choice(list(QUESTIONS))
        answer = chance.choice(CHOICES)
        assert (await student.answer(question, answer, autosave=True)).status == 200
        reply = await student.take_over(f"{student.name}-tablet")
        assert reply.status == 200, reply
        assert reply.body["answers"][question] == answer, reply
        tablet, student.client = student.client, laptop
        reply = await student.answer(question, UNSEEN, autosave=chance.random() < 0.5)
        assert (reply.status, reply.body["code"]) == (409, "other_device"), reply
        student.client = tablet

    async def sit(student: Examinee, moves: bool) -> None:
        await until(chance.uniform(0, 0.1))
        student.client = f"{student.name}-laptop"
        assert (await student.start("room")).status == 201
        student.sits.set()
        is_offline = chance.random() < QUIET_SHARE
        while True:
            if is_offline and seconds * 0.2 < time.monotonic() - begun < seconds * 0.6:
                await until(0.65)
            if moves and time.monotonic() - begun > seconds * 0.65:
                await move(student)
                moves = False
            question, answer = chance.choice(list(QUESTIONS)), chance.choice(CHOICES)
            reply = await student.answer(question, answer, autosave=chance.random() < 0.7)
            # What is refused while the clock stands is kept, and sent when it runs again.
            while reply.status == 409 and reply.body["code"] == "session_paused":
                assert reply.body["session"]["paused"], reply
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                reply = await student.answer(question, answer)
            if reply.status == 409:
                assert reply.body["code"] == "session_closed", reply
                assert reply.body["session"]["status"] == "completed", reply
                student.ledger.ended = "completed"
                return
            assert reply.status == 200, reply
            await asyncio.sleep(chance.uniform(0.5, 1.5) * seconds / 60)

    async def run(crowd: list[Examinee]) -> None:
        await until(0.25)
        await asyncio.gather(*(student.sits.wait() for student in crowd))
        paused = await staff("/quizzes/room/pause", "alarm", reason="the fire alarm")
        assert paused.body["paused"] == count, paused
        again = await staff("/quizzes/room/pause", "alarm", reason="the fire alarm")
        assert again.body["unchanged"][0]["reason"] == "paused already", again
        latecomer = await staff("/sessions/start", user_id=LATECOMER, quiz_id="room")
        assert (latecomer.status, latecomer.body["code"]) == (409, "quiz_paused"), latecomer
        alone = [str(student.ledger.session_id) for student in crowd[ALONE]]
        assert (await staff("/quizzes/room/pause", reason="a broken screen", session_ids=alone)).body[
            "paused"
        ] == len(alone)
        await staff(f"{crowd[HELPED].path}/extend", seconds=SINGLE_SECONDS, reason="came late")
        await until(0.45)
        server.kill_postgres()
        await until(0.6)
        resumed = await staff("/quizzes/room/resume", "over", reason="the alarm is over")
        assert resumed.body["resumed"] == count - len(alone), resumed
        shown = await crowd[ALONE.start].read()
        assert shown.body["paused"], shown
        await until(0.65)
        resumed = await staff("/quizzes/room/resume", reason="another screen", session_ids=alone)
        assert resumed.body["resumed"] == len(alone), resumed
        await until(0.75)
        ended = await staff(f"{crowd[ILL].path}/complete", on_behalf=True, reason="taken ill")
        assert ended.body["status"] == "completed", ended
        await until(0.9)
        ended = await staff("/quizzes/room/complete", reason="the hall is closed")
        assert (ended.body["completed"], ended.body["remaining"]) == (count - 1, 0), ended
        await staff("/quizzes/room/complete", reason="the hall is closed")

    async with students(server, "room", count, figures) as crowd:
        await asyncio.gather(run(crowd), *(sit(student, student in crowd[MOVERS]) for student in crowd))
        async with services_on(server.stores) as services:
            await services.flusher.run()
        rows = await check(server, "room", crowd)
        for number, student in enumerate(crowd):
            row = rows[student.ledger.session_id]
            assert row["status"] == "completed", row
            assert row["pause_seconds"] >= seconds * 0.3, row
            assert row["extension_seconds"] == (SINGLE_SECONDS if number == HELPED else 0), row
        displaced = server.stores.query(
            """
            SELECT attempt_id FROM attempt_events, jsonb_array_elements(changes -> 'displaced') AS lost
            WHERE lost ->> 'answer' = %s""",
            UNSEEN,
        )
        movers = {student.ledger.session_id for student in crowd[MOVERS]}
        assert {row["attempt_id"] for row in displaced} == movers, displaced
    await staff.line.close()
    return figures
