"""Exams with many students, each of whom keeps a record of what the service has acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from quiz_sessions.domain.grading import grade, parse_questions

from .client import TRY_AGAIN, Figures, NoReplyError, Reply, User
from .server import Server

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
class Student:
    """A student and what it knows of its attempt.

    Attributes:
        kept: question -> the answers that may be the final one: the last acknowledged, and those sent after
            it whose fate is not known.
        acknowledged: how many answers the service said it kept.
    """

    name: str
    user: User
    session: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, set[str | None]] = field(default_factory=dict)
    receipts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    acknowledged: int = 0
    sits: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        return f"/sessions/{self.session['id']}"

    async def start(self, quiz: str, retry: bool = True) -> Reply:
        body = {"user_id": self.name, "quiz_id": quiz}

        async def send() -> Reply:
            return await self.user.send("start", "POST", "/sessions/start", body)

        reply = await (patiently(self.user, send) if retry else send())
        if reply.status in (200, 201):
            self.session = reply.body
        return reply

    async def answer(self, question: str, answer: str, autosave: bool) -> Reply:
        """Send an answer until the service says what became of it."""
        body = {"answers": {question: answer}, "autosave": autosave}
        kind = "autosave" if autosave else "answer"

        async def send() -> Reply:
            possible = self.kept.setdefault(question, {None})
            try:
                reply = await self.user.send(kind, "PATCH", f"{self.path}/progress", body)
            except NoReplyError:
                possible.add(answer)
                raise
            if reply.status == 503:
                possible.add(answer)
            return reply

        reply = await patiently(self.user, send)
        if reply.status == 200:
            self.kept[question] = {answer}
            self.acknowledged += 1
            # A receipt is of what is committed, and a session shows what is buffered as well.
            if reply.body["receipt"] and not reply.body["buffered_questions"]:
                self.receipts.append((reply.body["receipt"], reply.body["answers"]))
        return reply

    async def complete(self, answers: dict[str, str]) -> Reply:
        body = {"answers": answers} if answers else {}
        reply = await patiently(
            self.user, lambda: self.user.send("complete", "POST", f"{self.path}/complete", body)
        )
        for question, answer in answers.items():
            # Refused as too late, it may have been received in time, and counts then.
            former = self.kept.get(question, {None}) if reply.status == 410 else set()
            self.kept[question] = former | {answer}
        self.acknowledged += len(answers) * (reply.status == 200)
        return reply


async def patiently(user: User, send: Callable[[], Awaitable[Reply]]) -> Reply:
    """The reply that is no "try again", waited for as the service asks."""
    while True:
        try:
            reply = await send()
        except NoReplyError:
            await asyncio.sleep(0.2)
        else:
            if reply.status not in TRY_AGAIN:
                return reply
            assert reply.retry_after is not None
            await asyncio.sleep(min(reply.retry_after, 1))
        user.figures.retries += 1


async def in_turn(work: Iterable[Awaitable[Any]]) -> list[Any]:
    """All of `work`, so many at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[Any]) -> Any:
        async with gate:
            return await each

    return await asyncio.gather(*(one(each) for each in work))


def iso(seconds_from_now: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat()


async def register(server: Server, quiz: str, **rules: Any) -> Reply:
    staff = User("127.0.0.1", server.port, Figures())
    reply = await staff.send("quiz", "PUT", f"/quizzes/{quiz}", {"questions": QUESTIONS, **rules})
    assert reply.status in (200, 201), reply
    await staff.close()
    return reply


def students(server: Server, quiz: str, count: int, figures: Figures) -> list[Student]:
    return [
        Student(f"{quiz}-student{number}", User("127.0.0.1", server.port, figures)) for number in range(count)
    ]


async def all_start_at_once(server: Server, count: int) -> Figures:
    """Everybody presses the button in the same moment."""
    figures = Figures()
    await register(server, "together", when_active="resume", max_attempts=1)
    crowd = students(server, "together", count, figures)
    await in_turn(student.user.connect() for student in crowd)
    begun = time.perf_counter()
    replies = await asyncio.gather(*(student.start("together", retry=False) for student in crowd))
    print(f"{count} starts at once took {time.perf_counter() - begun:.2f} s")
    found = Counter((reply.status, reply.body.get("attempt_no") or reply.body["code"]) for reply in replies)
    assert found == {(201, 1): count}, found
    rows = server.query("SELECT count(*) AS n FROM quiz_attempts WHERE quiz_id = 'together'")
    assert rows == [{"n": count}]
    await asyncio.gather(*(student.user.close() for student in crowd))
    return figures


async def all_end_at_once(server: Server, count: int, seed: int) -> Figures:
    """Everybody writes up to a common deadline, and some hand in with it."""
    figures, preparing = Figures(), Figures()
    chance = random.Random(seed)
    await register(server, "deadline")
    crowd = students(server, "deadline", count, preparing)
    await in_turn(student.start("deadline") for student in crowd)
    for student in crowd:
        student.user.figures = figures
    # Said when everybody sits, so that a slow machine has them all there.
    closes_at = time.monotonic() + RUSH_SECONDS + 1
    written = await register(server, "deadline", closes_at=iso(RUSH_SECONDS + 1))
    assert written.body["rescheduled"] == count

    async def hurry(student: Student) -> None:
        await asyncio.sleep(max(0, closes_at - time.monotonic() - chance.uniform(0.2, RUSH_SECONDS)))
        while True:
            question, answer = chance.choice(list(QUESTIONS)), chance.choice(CHOICES)
            if chance.random() < 0.1:
                reply = await student.complete({question: answer})
                assert reply.status in (200, 410), reply
                return
            reply = await student.answer(question, answer, autosave=chance.random() < 0.8)
            if reply.status == 410:
                return
            assert reply.status == 200, reply
            await asyncio.sleep(chance.uniform(0.5, 1.5))

    await asyncio.gather(*(hurry(student) for student in crowd))
    await check(server, "deadline", crowd)
    await asyncio.gather(*(student.user.close() for student in crowd))
    return figures


async def exam(server: Server, count: int, seconds: float, seed: int) -> Figures:
    """Starts over a third of the time, extra time of three kinds, a database that dies, one deadline."""
    figures = Figures()
    chance = random.Random(seed)
    begun = time.monotonic()
    limit, cohort = round(seconds * 0.75), round(seconds * 0.4)
    await register(
        server, "exam", time_limit_seconds=limit, closes_at=iso(seconds), when_active="resume", max_attempts=1
    )
    crowd = students(server, "exam", count, figures)
    staff = User("127.0.0.1", server.port, figures)
    extra = {"extra_seconds": limit, "reason": "needs more time"}
    reply = await staff.send("staff", "PUT", f"/quizzes/exam/accommodations/{crowd[0].name}", extra)
    assert reply.status == 200, reply

    async def until(share: float) -> None:
        await asyncio.sleep(max(0, begun + seconds * share - time.monotonic()))

    async def sit(student: Student) -> None:
        await until(chance.uniform(0, 1 / 3))
        assert (await student.start("exam")).status in (200, 201)
        student.sits.set()
        pause = 1.0
        while True:
            question, answer = chance.choice(list(QUESTIONS)), chance.choice(CHOICES)
            action = chance.random()
            if action < 0.15:
                reply = await patiently(student.user, lambda: student.user.send("read", "GET", student.path))
                assert reply.status == 200, reply
            elif time.monotonic() > begun + seconds * 0.85 and action < 0.35:
                reply = await student.complete({question: answer})
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
        reply = await patiently(staff, lambda: staff.send("staff", "POST", f"{path}/extend", body))
        assert reply.status == 200, reply
        return reply

    async def run() -> Reply:
        await until(0.4)
        await asyncio.gather(*(student.sits.wait() for student in crowd))
        await extend(crowd[1].path, SINGLE_SECONDS, "came late")
        everybody = await extend("/quizzes/exam", cohort, "fire alarm")
        await until(0.5)
        server.kill_postgres()
        await extend(crowd[2].path, SINGLE_SECONDS, "the alarm was in this very room")
        return everybody

    running = asyncio.create_task(run())
    await asyncio.gather(running, *(sit(student) for student in crowd))
    everybody = running.result()
    unmoved = [session_id for each in everybody.body["unchanged"] for session_id in each["session_ids"]]
    assert everybody.body["extended"] + len(unmoved) == count, everybody
    rows = await check(server, "exam", crowd)
    for number, student in enumerate(crowd):
        row = rows[student.session["id"]]
        extended = cohort + (SINGLE_SECONDS if number in (1, 2) else 0)
        assert student.session["id"] in unmoved or row["extension_seconds"] == extended, row
        assert row["accommodation_seconds"] == (limit if number == 0 else 0), row
    await staff.close()
    await asyncio.gather(*(student.user.close() for student in crowd))
    return figures


async def check(server: Server, quiz: str, crowd: list[Student]) -> dict[str, dict[str, Any]]:
    """Hold what every student was told against the table, the trail, the score and the receipts.

    Returns:
        the rows, by id.
    """
    questions = parse_questions(QUESTIONS)
    # Everybody knows by now that it is over: this is all that may be left to do.
    for _ in range(2):
        await server.flush()
    unfinished = server.query(
        """
        SELECT id, status, score FROM quiz_attempts
        WHERE quiz_id = %s AND (ended_at IS NULL OR score IS NULL)""",
        quiz,
    )
    assert unfinished == []
    wrong = server.query(
        """
        SELECT id FROM quiz_attempts
        WHERE quiz_id = %s AND expires_at <> least(closes_at, started_at + make_interval(
            secs => time_limit_seconds + accommodation_seconds + extension_seconds
        ))""",
        quiz,
    )
    assert wrong == []
    rows = {
        str(row["id"]): row for row in server.query("SELECT * FROM quiz_attempts WHERE quiz_id = %s", quiz)
    }
    assert len(rows) == len(crowd)
    certain = 0
    for student in crowd:
        row = rows[student.session["id"]]
        assert row["user_id"] == student.name
        assert row["status"] in ("completed", "expired")
        assert (row["completed_at"] is None) is (row["status"] == "expired")
        assert row["completed_at"] is None or row["completed_at"] <= row["expires_at"]
        assert row["answers"].keys() <= student.kept.keys()
        for question, possible in student.kept.items():
            assert row["answers"].get(question) in possible, (student.name, question, possible, row)
        # By the student's own record, wherever that leaves no doubt.
        known = {question: next(iter(possible)) for question, possible in student.kept.items()}
        if all(len(possible) == 1 for possible in student.kept.values()):
            certain += 1
            answers = {question: answer for question, answer in known.items() if answer is not None}
        else:
            answers = row["answers"]
        expected = grade(questions, answers)
        assert expected is not None
        assert (row["score"], row["max_score"]) == (expected.score, expected.max_score), (student.name, row)
    assert certain > len(crowd) / 2
    staff = User("127.0.0.1", server.port, Figures())
    for student in crowd:
        found = await staff.send("verify", "GET", f"{student.path}/verify")
        assert found.body["intact"], found
    for receipt, answers in [student.receipts[-1] for student in crowd if student.receipts][:50]:
        proof = await staff.send(
            "receipt", "POST", "/receipts/verify", {"receipt": receipt, "answers": answers}
        )
        told = [proof.body[name] for name in ("genuine", "recorded", "answers_match")]
        assert told == [True, True, True], proof
    await staff.close()
    kept = sum(student.acknowledged for student in crowd)
    print(
        f"{quiz}: {kept} acknowledged answers of {len(crowd)} students, each in the table and graded; "
        f"{certain} scores known from the students' own records alone"
    )
    return rows
