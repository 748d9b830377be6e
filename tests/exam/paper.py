"""An exam with a paper: drawn and shuffled, forward and timed sections, and essays that two markers mark."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.harness.http_client import Reply
from tests.harness.launch import DevelopmentServer
from tests.harness.ledger import wrong
from tests.harness.service import services_on
from tests.harness.students import patiently

from .figures import Figures, Line
from .room import Proctor
from .scenarios import CHOICES, Examinee, register, students

PICKED = 5
WARM_UP = [f"w{number}" for number in range(12)]
READING = [f"r{number}" for number in range(6)]
LISTENING = [f"l{number}" for number in range(4)]
ESSAYS = {"essay1": 5, "essay2": 3}
"""Question -> its points."""
TIMED = 2
"""The section with a limit."""
KEYS = {name: CHOICES[number % 4] for number, name in enumerate((*WARM_UP, *READING, *LISTENING))}
CORRECTED = "r0"
"""Whose key turns out to be wrong."""
LINGERS, LOOKS_BACK = 8, 5
"""One in so many answers after the section is over, or a question that is locked."""


def _quiz(seconds: float, corrected: str = KEYS[CORRECTED]) -> dict[str, Any]:
    questions: dict[str, Any] = {
        name: {
            "points": 1,
            "grading": "exact",
            "key": corrected if name == CORRECTED else key,
            "content": {"text": f"Which is {name}?", "options": list(CHOICES)},
            "shuffle_options": True,
        }
        for name, key in KEYS.items()
    }
    questions |= {name: {"points": points, "content": "Write."} for name, points in ESSAYS.items()}
    sections = [
        {"title": "Warm-up", "questions": WARM_UP, "pick": PICKED, "shuffle": True},
        {"title": "Reading", "questions": READING, "navigation": "forward"},
        {
            "title": "Listening",
            "questions": LISTENING,
            "shuffle": True,
            "time_limit_seconds": round(seconds * 0.15),
        },
        {"title": "Writing", "questions": list(ESSAYS)},
    ]
    return {
        "questions": questions,
        "paper": {"sections": sections},
        "time_limit_seconds": round(seconds),
        "max_attempts": 1,
        "open_attempts": "keep",
    }


@dataclass
class Met:
    """What the students met, counted by what it was."""

    orders: Counter[tuple[str, ...]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    late: int = 0


async def paper(server: DevelopmentServer, count: int, seconds: float, seed: int) -> Figures:
    """From the draw to the last mark. The clock stands once, and the database dies in exam and marking."""
    figures, chance, begun, met = Figures(), random.Random(seed), time.monotonic(), Met()
    await register(server, "paper", **_quiz(seconds))
    staff = Proctor(server, figures)

    async def until(share: float) -> None:
        await asyncio.sleep(max(0, begun + seconds * share - time.monotonic()))

    async def answer(student: Examinee, question: str, given: str, *, autosave: bool) -> Reply:
        """Kept while the clock stands, and sent when it runs again."""
        reply = await student.answer(question, given, autosave=autosave)
        while reply.status == 409 and reply.body["code"] == "session_paused":
            await asyncio.sleep(chance.uniform(0.2, 1))
            reply = await student.answer(question, given, autosave=autosave)
        return reply

    async def sit(student: Examinee, number: int) -> None:
        await until(chance.uniform(0, 0.05))
        assert (await student.start("paper")).status == 201
        student.sits.set()
        sections = (await _paper_of(student)).body["sections"]
        drawn = [[question["id"] for question in section["questions"]] for section in sections]
        met.orders[tuple(drawn[0])] += 1
        assert len(set(drawn[0])) == PICKED, drawn
        assert [section["shown"] for section in sections] == [True, True, False, True], sections
        assert {question["content"] for question in sections[TIMED]["questions"]} == {None}, sections
        for question in (*drawn[0], *drawn[0], *drawn[1]):
            reply = await answer(student, question, chance.choice(CHOICES), autosave=chance.random() < 0.7)
            assert reply.status == 200, reply
            await asyncio.sleep(chance.uniform(0.2, 1) * seconds / 60)
        if number % LOOKS_BACK == 0:
            reply = await answer(student, drawn[1][0], "changed my mind", autosave=chance.random() < 0.5)
            assert (reply.status, reply.body["code"]) == (409, "question_locked"), reply
            met.refused["question_locked"] += 1
        await listen(student, drawn[TIMED], lingers=number % LINGERS == 0)
        for question in ESSAYS:
            for draft in range(3):
                text = f"{student.name} on {question}, draft {draft}"
                reply = await answer(student, question, text, autosave=True)
                assert reply.status == 200, reply
                await asyncio.sleep(chance.uniform(0.2, 1) * seconds / 60)
        if number % 3:
            reply = await student.end()
            while reply.status == 409 and reply.body["code"] == "session_paused":
                await asyncio.sleep(0.5)
                reply = await student.end()
            assert reply.status == 200, reply

    async def listen(student: Examinee, questions: list[str], *, lingers: bool) -> None:
        """Enter the section whose contents are shown only then; who lingers answers it too late."""
        reply = await _enter(student)
        while reply.status == 409:
            assert reply.body["code"] == "session_paused", reply
            await asyncio.sleep(chance.uniform(0.2, 1))
            reply = await _enter(student)
        section = reply.body["sections"][TIMED]
        shown = section["questions"]
        assert [sorted(question["content"]["options"]) for question in shown] == [list(CHOICES)] * 4, reply
        for question in questions:
            reply = await answer(student, question, chance.choice(CHOICES), autosave=chance.random() < 0.5)
            assert reply.status == 200, reply
            await asyncio.sleep(chance.uniform(0.1, 0.5) * seconds / 60)
        if not lingers:
            return
        # As long as the section goes on, and a pause may come between.
        for _ in range(round(seconds)):
            left = await _left(student)
            await asyncio.sleep(min(left, 2) if left else 1)
            if not left:
                break
        reply = await answer(student, questions[0], "too late", autosave=chance.random() < 0.5)
        told = reply.body.get("code")
        assert (reply.status, told) == (410, "section_expired"), (reply, f"{time.monotonic() - begun:.1f} s")
        met.late += 1

    async def run(crowd: list[Examinee]) -> None:
        await until(0.2)
        await asyncio.gather(*(student.sits.wait() for student in crowd))
        paused = await staff("/quizzes/paper/pause", "alarm", reason="the fire alarm")
        assert paused.body["paused"] + _completed(paused) == count, paused
        await until(0.3)
        resumed = await staff("/quizzes/paper/resume", "over", reason="the alarm is over")
        # A hand-in without answers ends the pause.
        assert resumed.body["resumed"] + _completed(resumed) == count, resumed
        await until(0.4)
        server.kill_postgres()
        print(f"{time.monotonic() - begun:6.1f} s  the database is killed")

    async with students(server, "paper", count, figures) as crowd:
        await asyncio.gather(run(crowd), *(sit(student, number) for number, student in enumerate(crowd)))
        print(
            f"{time.monotonic() - begun:6.1f} s  {len(met.orders)} different draws of section 0 for {count} "
            f"students; refused: {dict(met.refused)}; came after their section: {met.late}"
        )
        ended = await staff("/quizzes/paper/complete", reason="the hall is closed")
        assert ended.body["remaining"] == 0, ended
        for student in crowd:
            student.ledger.ended = "completed"
        async with services_on(server.stores) as services:
            await services.flusher.run()
        _check_answers(server, crowd, met)
        await _mark(server, figures, staff, seconds, begun)
        await _check_marks(server, crowd)
    await staff.line.close()
    return figures


def _completed(reply: Reply) -> int:
    return sum(each["count"] for each in reply.body["unchanged"] if each["reason"] == "completed")


async def _paper_of(student: Examinee) -> Reply:
    return await patiently(lambda: student.line("paper", "GET", f"{student.path}/paper"))


async def _enter(student: Examinee) -> Reply:
    return await patiently(lambda: student.line("enter", "POST", f"{student.path}/sections/{TIMED}/enter"))


async def _left(student: Examinee) -> float:
    """Seconds of the section; as many as the whole while its clock stands."""
    (section,) = [
        section for section in (await student.read()).body["sections"] if section["section"] == TIMED
    ]
    left: float = section["time_remaining"]
    return left


def _check_answers(server: DevelopmentServer, crowd: list[Examinee], met: Met) -> None:
    found = [
        each
        for each in wrong(server.stores, [student.ledger for student in crowd], {}, ())
        # Of the questions of a paper; these are checked below.
        if each[0] != "scores missing or wrong"
    ]
    assert found == [], found[:3]
    late = server.stores.query(
        "SELECT count(*) AS n FROM attempt_events WHERE type = 'late_answer' AND changes::text ~ 'too late'"
    )
    assert late == [{"n": met.late}], late
    acknowledged = sum(student.ledger.acknowledged for student in crowd)
    print(
        f"         all of {acknowledged} acknowledged answers are there; {met.late} late ones are kept "
        "for staff"
    )


# Marking


def _points(session: str, question: str) -> float:
    """What a marker gives: it can be said again afterwards."""
    return float((int(session[-6:], 16) + len(question)) % (ESSAYS[question] + 1))


async def _mark(
    server: DevelopmentServer, figures: Figures, staff: Proctor, seconds: float, begun: float
) -> None:
    """Two markers empty the queue, while the database dies and a key is corrected."""
    marked: dict[str, set[tuple[str, str]]] = {"ann": set(), "bob": set()}

    async def give(line: Line, name: str, item: dict[str, Any]) -> None:
        place = item["session_id"], item["question"]
        mark = {item["question"]: {"points": _points(*place), "comment": f"{name} has read it."}}
        path = f"/sessions/{place[0]}/grades"
        headers = {
            "X-Client-Id": name,
            "If-Match": item["etag"],
            "Idempotency-Key": "-".join((name, *place)),
        }
        given = await patiently(lambda: line("mark", "PUT", path, mark, headers))
        # Where a regrade came between, the answer is the same, and is asked for again.
        assert given.status in (200, 412), given
        if given.status == 200:
            marked[name].add(place)

    async def work(name: str) -> None:
        line = Line(server.port, figures)
        headers = {"X-Client-Id": name}
        item: dict[str, Any] | None = {}
        while item is not None:
            taken = await patiently(lambda: line("next", "POST", "/quizzes/paper/grading/next", {}, headers))
            assert taken.status == 200, taken
            item = taken.body["item"]
            if item is not None:
                await give(line, name, item)
        await line.close()

    async def correct() -> None:
        await asyncio.sleep(1)
        server.kill_postgres()
        print(f"{time.monotonic() - begun:6.1f} s  the database is killed")
        await asyncio.sleep(1)
        await register(server, "paper", **_quiz(seconds, corrected="D"))
        regraded: Reply | None = None
        while regraded is None or not regraded.body["complete"]:
            regraded = await staff("/quizzes/paper/regrade", reason="the key of r0 was wrong")
            await asyncio.sleep(0.2)

    await asyncio.gather(work("ann"), work("bob"), correct())
    both = marked["ann"] & marked["bob"]
    assert both == set(), both
    print(
        f"{time.monotonic() - begun:6.1f} s  marked by ann {len(marked['ann'])}, by bob "
        f"{len(marked['bob'])}, by both none"
    )


async def _check_marks(server: DevelopmentServer, crowd: list[Examinee]) -> None:
    """Every score is the key's and the markers', question by question, for the questions of its own paper."""
    async with services_on(server.stores) as services:
        await services.flusher.run()
        queue = await services.grading_queue.page("paper")
        assert (queue.waiting, queue.items) == (0, []), queue
        rows = {
            row["id"]: row
            for row in server.stores.query("SELECT * FROM quiz_attempts WHERE quiz_id = 'paper'")
        }
        keys = {**KEYS, CORRECTED: "D"}
        for student in crowd:
            row = rows[student.ledger.session_id]
            asked, answers = row["question_ids"], row["answers"]
            right = [name for name in asked if name in keys and answers.get(name) == keys[name]]
            given = sum(_points(str(row["id"]), name) for name in ESSAYS if name in answers)
            worth = len([name for name in asked if name in KEYS]) + sum(ESSAYS.values())
            assert (row["score"], row["max_score"], row["grading"]) == (len(right) + given, worth, "done"), (
                row
            )
            verification = await services.audit.verify(row["id"])
            assert (verification.intact, verification.paper_as_drawn) == (True, True), verification
    marks = server.stores.query("SELECT count(*) AS n FROM attempt_events WHERE type = 'marked'")
    print(
        f"         {marks[0]['n']} marks are in the trail; each of {len(crowd)} scores agrees, each paper is "
        "as drawn"
    )
