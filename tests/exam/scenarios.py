"""Exams with many students, each of whom keeps a record of what the service has acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.harness.http_client import Reply
from tests.harness.launch import DevelopmentServer
from tests.harness.ledger import wrong
from tests.harness.service import services_on
from tests.harness.students import Student, patiently

from .figures import Figures, Line

CHOICES = "ABCD"
QUESTIONS: dict[str, Any] = {
    str(number): {"points": number % 3 + 1, "grading": "exact", "key": CHOICES[number % 4]}
    for number in range(10)
}
AT_ONCE = 50
"""Requests that prepare and check, at the same time."""
RUSH_SECONDS = 3.0
"""How long before the common deadline everybody begins to write."""
SINGLE_SECONDS = 5
"""What a student is given alone."""


@dataclass
class Examinee(Student):
    """A student whose line is counted."""

    line: Line
    sits: asyncio.Event = field(default_factory=asyncio.Event)


async def in_turn(work: Iterable[Awaitable[Any]]) -> list[Any]:
    """All of `work`, so many at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[Any]) -> Any:
        async with gate:
            return await each

    return await asyncio.gather(*(one(each) for each in work))


def iso(seconds_from_now: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat()


async def register(server: DevelopmentServer, quiz: str, **rules: Any) -> Reply:
    staff = Line(server.port, Figures())
    reply = await staff("quiz", "PUT", f"/quizzes/{quiz}", {"questions": QUESTIONS, **rules})
    assert reply.status in (200, 201), reply
    await staff.close()
    return reply


@asynccontextmanager
async def students(
    server: DevelopmentServer, quiz: str, count: int, figures: Figures
) -> AsyncIterator[list[Examinee]]:
    """As many, whose connections end with the block."""
    crowd = [Examinee(f"{quiz}-student{number}", Line(server.port, figures)) for number in range(count)]
    try:
        yield crowd
    finally:
        await asyncio.gather(*(student.line.close() for student in crowd))


async def all_start_at_once(server: DevelopmentServer, count: int) -> Figures:
    """Everybody presses the button in the same moment."""
    figures = Figures()
    await register(server, "together", when_active="resume", max_attempts=1)
    async with students(server, "together", count, figures) as crowd:
        await in_turn(student.line.http.connect() for student in crowd)
        begun = time.perf_counter()
        for student in crowd:
            student.patient = False
        replies = await asyncio.gather(*(student.start("together") for student in crowd))
        print(f"{count} starts at once took {time.perf_counter() - begun:.2f} s")
        found = Counter(
            (reply.status, reply.body.get("attempt_no") or reply.body["code"]) for reply in replies
        )
        assert found == {(201, 1): count}, found
        rows = server.stores.query("SELECT count(*) AS n FROM quiz_attempts WHERE quiz_id = 'together'")
        assert rows == [{"n": count}]
    return figures


async def all_end_at_once(server: DevelopmentServer, count: int, seed: int) -> Figures:
    """Everybody writes up to a common deadline, and some hand in with it."""
    figures, preparing = Figures(), Figures()
    chance = random.Random(seed)
    await register(server, "deadline")
    async with students(server, "deadline", count, preparing) as crowd:
        await in_turn(student.start("deadline") for student in crowd)
        for student in crowd:
            student.line.figures = figures
        # Said when everybody sits, so that a slow machine has them all there.
        closes_at = time.monotonic() + RUSH_SECONDS + 1
        written = await register(server, "deadline", closes_at=iso(RUSH_SECONDS + 1))
        assert written.body["rescheduled"] == count

        async def hurry(student: Examinee) -> None:
            await asyncio.sleep(max(0, closes_at - time.monotonic() - chance.uniform(0.2, RUSH_SECONDS)))
            while True:
                question, answer = chance.choice(list(QUESTIONS)), chance.choice(CHOICES)
                if chance.random() < 0.1:
                    reply = await student.end(answers={question: answer})
                    assert reply.status in (200, 410), reply
                    return
                reply = await student.answer(question, answer, autosave=chance.random() < 0.8)
                if reply.status == 410:
                    return
                assert reply.status == 200, reply
                await asyncio.sleep(chance.uniform(0.5, 1.5))

        await asyncio.gather(*(hurry(student) for student in crowd))
        await check(server, "deadline", crowd)
    return figures


async def exam(server: DevelopmentServer, count: int, seconds: float, seed: int) -> Figures:
    """Starts over a third of the time, extra time of three kinds, a database that dies, one deadline."""
    figures = Figures()
    chance = random.Random(seed)
    begun = time.monotonic()
    limit, cohort = round(seconds * 0.75), round(seconds * 0.4)
    await register(
        server, "exam", time_limit_seconds=limit, closes_at=iso(seconds), when_active="resume", max_attempts=1
    )
    async with students(server, "exam", count, figures) as crowd:
        staff = Line(server.port, figures)
        extra = {"extra_seconds": limit, "reason": "needs more time"}
        reply = await staff("staff", "PUT", f"/quizzes/exam/accommodations/{crowd[0].name}", extra)
        assert reply.status == 200, reply

        async def until(share: float) -> None:
            await asyncio.sleep(max(0, begun + seconds * share - time.monotonic()))

        async def sit(student: Examinee) -> None:
            # Whoever begins late is stopped by the quiz's close, and can't be given time alone.
            await until(0 if student in crowd[1:3] else chance.uniform(0, 1 / 3))
            assert (await student.start("exam")).status in (200, 201)
            student.sits.set()
            pause = 1.0
            while True:
                question, answer = chance.choice(list(QUESTIONS)), chance.choice(CHOICES)
                action = chance.random()
                if action < 0.15:
                    reply = await student.read()
                    assert reply.status == 200, reply
                elif time.monotonic() > begun + seconds * 0.85 and action < 0.35:
                    reply = await student.end(answers={question: answer})
                    assert reply.status in (200, 410), reply
                    return
                else:
                    reply = await student.answer(question, answer, autosave=action < 0.65)
                    if reply.status == 410:
                        return
                    assert reply.status == 200, reply
                    # The pace of the whole exam is scaled, and so is what the service asks for.
                    pause = (reply.body["next_autosave_after_ms"] or 10_000) / 1000 * seconds / 180
                await asyncio.sleep(pause)

        async def extend(path: str, seconds: int, reason: str) -> Reply:
            body = {"seconds": seconds, "reason": reason}
            reply = await patiently(lambda: staff("staff", "POST", f"{path}/extend", body))
            assert reply.status == 200, reply
            return reply

        async def run() -> Reply:
            await until(0.4)
            await asyncio.gather(*(student.sits.wait() for student in crowd))
            await extend(crowd[1].path, SINGLE_SECONDS, "came late")
            await until(0.5)
            server.kill_postgres()
            await extend(crowd[2].path, SINGLE_SECONDS, "the alarm was in this very room")
            return await extend("/quizzes/exam", cohort, "fire alarm")

        running = asyncio.create_task(run())
        await asyncio.gather(running, *(sit(student) for student in crowd))
        everybody = running.result()
        unmoved = [session_id for each in everybody.body["unchanged"] for session_id in each["session_ids"]]
        assert everybody.body["extended"] + len(unmoved) == count, everybody
        rows = await check(server, "exam", crowd)
        for number, student in enumerate(crowd):
            row = rows[student.ledger.session_id]
            extended = cohort + (SINGLE_SECONDS if number in (1, 2) else 0)
            assert str(student.ledger.session_id) in unmoved or row["extension_seconds"] == extended, row
            assert row["accommodation_seconds"] == (limit if number == 0 else 0), row
        await staff.close()
    return figures


async def check(server: DevelopmentServer, quiz: str, crowd: list[Examinee]) -> dict[UUID, dict[str, Any]]:
    """Hold what every student was told against the tables, the scores and the receipts.

    Returns:
        the rows, by id.
    """
    # Everybody knows by now that it is over: this is all that may be left to do.
    for _ in range(2):
        async with services_on(server.stores) as services:
            await services.flusher.run()
    ledgers = [student.ledger for student in crowd]
    found = list(wrong(server.stores, ledgers, QUESTIONS, {quiz}))
    assert found == [], found[:3]
    rows = server.stores.query("SELECT * FROM quiz_attempts WHERE quiz_id = %s", quiz)
    assert len(rows) == len(crowd)
    certain = sum(not ledger.in_doubt for ledger in ledgers)
    assert certain > len(crowd) / 2
    staff = Line(server.port, Figures())
    for student in crowd:
        verified = await staff("verify", "GET", f"{student.path}/verify")
        assert verified.body["intact"], verified
    for receipt, answers in [ledger.receipt for ledger in ledgers if ledger.receipt][:50]:
        proof = await staff("receipt", "POST", "/receipts/verify", {"receipt": receipt, "answers": answers})
        told = [proof.body[name] for name in ("genuine", "recorded", "answers_match")]
        assert told == [True, True, True], proof
    await staff.close()
    kept = sum(ledger.acknowledged for ledger in ledgers)
    print(
        f"{quiz}: {kept} acknowledged answers of {len(crowd)} students, each in the table and graded; "
        f"{certain} scores known from the students' own records alone"
    )
    return {row["id"]: row for row in rows}
