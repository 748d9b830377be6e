"""Students: what they do, and their own record of what they were told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quiz_sessions.domain.timestamps import Micros, to_micros
from tests.harness.gateway import STAFF, Request
from tests.harness.http_client import Hold, LostError, Reply
from tests.harness.students import Kind, request_of

from .history import Act, Action, Ledger, Mark, Try
from .processes import Process, Stage

SHORT_SECONDS = 2
SECTION_SECONDS = 1
QUESTIONS = [str(number) for number in range(5)]
ESSAY = {"points": 100_000}
"""Worth more than there are marks, no two of which are alike."""
QUIZZES: dict[str, dict[str, Any]] = {
    "long": {},
    # Some of its sessions expire while they are being answered.
    "short": {"time_limit_seconds": SHORT_SECONDS - 1, "grace_seconds": 1},
    "graded": {
        "questions": {
            **dict.fromkeys(QUESTIONS, ESSAY),
            "0": {"grading": "exact", "key": {"by": "nobody"}, "points": 2},
        }
    },
    "hidden": {"show_results": "never", "questions": {question: {} for question in QUESTIONS}},
    # These have a proctor; sessions of the first that are left alone expire, unless their clock stands.
    "room": {"time_limit_seconds": 14, "grace_seconds": 1},
    "tablet": {"one_device": "takeover"},
    "paper": {
        "questions": dict.fromkeys(QUESTIONS, ESSAY),
        "paper": {
            "sections": [
                {"questions": ["0", "1"], "shuffle": True},
                {"questions": ["2", "3"], "navigation": "forward"},
                {"questions": ["4"], "time_limit_seconds": SECTION_SECONDS},
            ]
        },
    },
}
ALONE = ("long", "long", "graded", "graded", "hidden", "short", "paper", "paper")
"""Quizzes that students take whom nobody watches, some of them more often."""
TRIES = 8
HELD_FOR: Micros = 300_000
"""How long after the end of a session the last byte comes that was held back: more than clocks differ."""


@dataclass
class Classroom:
    """What students share: the stage, the history, and whose session is whose.

    Attributes:
        acts: what staff did.
        marks: what markers were given, and gave.
        ledgers: what students at a browser typed and were shown.
    """

    stage: Stage
    history: list[Try] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    """Id -> the student's name."""

    async def register_quizzes(self) -> None:
        for name, rules in QUIZZES.items():
            reply = await self.stage.ask("PUT", f"/quizzes/{name}", rules)
            assert reply.status in (200, 201), reply

    async def send(
        self, student: str, kind: Kind, process: Process, at: int | None = None, **more: Any
    ) -> Try:
        """Send one request and record it; `more` is what a Try holds of it."""
        record = Try(
            student=student,
            kind=kind,
            process=process.name,
            at=self.stage.clock.now() if at is None else at,
            sent=time.monotonic(),
            **{"session": None, **more},
        )
        self.history.append(record)
        await self._exchange(record, process)
        return record

    async def send_late(self, start: Try, process: Process, answers: dict[str, Any], kind: Kind) -> Try:
        """Send answers to the session of a start, the last byte of them when its time is over."""
        clock = self.stage.clock
        record = Try(
            student=start.student,
            kind=kind,
            session=start.session,
            process=process.name,
            at=clock.now(),
            sent=time.monotonic(),
            answers=answers,
            held=True,
        )
        self.history.append(record)

        async def hold() -> None:
            while record.at <= _end_of(start) + HELD_FOR:
                await asyncio.sleep(0.05)
                record.at = clock.now()

        await self._exchange(record, process, hold)
        return record

    async def act(self, action: Action, quiz: str, session: str | None, process: Process, at: int = 0) -> Act:
        """Let staff do something, once."""
        act = Act(
            action=action, quiz=quiz, session=session, key=f"act-{len(self.acts)}", sent=time.monotonic()
        )
        self.acts.append(act)
        await self.act_again(act, process, at)
        return act

    async def act_again(self, act: Act, process: Process, at: int = 0) -> int | None:
        """Send it (again), under its key; the status of the reply, None where none came."""
        act.at.append(at or self.stage.clock.now())
        path = f"/quizzes/{act.quiz}" if act.session is None else f"/sessions/{act.session}"
        body: dict[str, Any] = {"reason": "the room"}
        if act.action is Action.HAND_IN and act.session is not None:
            body["on_behalf"] = True
        request = Request("POST", f"{path}/{act.action}", "staff", act.at[-1], body, STAFF, key=act.key)
        try:
            reply = await process.client.send(request)
        except LostError:
            return None
        act.statuses.append(reply.status)
        if reply.status == 200 and act.replied is None:
            act.replied, act.body = time.monotonic(), reply.body
        return reply.status

    async def next_answer(self, quiz: str, marker: str, process: Process) -> Mark | None:
        """Ask for an answer to mark; None where there is none, or no reply."""
        at = self.stage.clock.now()
        path = f"/quizzes/{quiz}/grading/next"
        try:
            reply = await process.client.send(Request("POST", path, marker, at, {}, STAFF))
        except LostError:
            return None
        item = reply.body["item"] if reply.status == 200 else None
        return (
            None if item is None else self._given(marker, item["session_id"], item["question"], item["etag"])
        )

    async def look_at(self, session: str, question: str, marker: str, process: Process) -> Mark | None:
        """Read an answer without asking to mark it; None where it has not ended, or there is no reply."""
        at = self.stage.clock.now()
        try:
            reply = await process.client.send(Request("GET", f"/sessions/{session}", marker, at, None, STAFF))
        except LostError:
            return None
        etag = reply.header("etag")
        if reply.status != 200 or etag is None:
            return None
        mark = self._given(marker, session, question, etag)
        mark.held = False
        return mark

    def _given(self, marker: str, session: str, question: str, etag: str) -> Mark:
        mark = Mark(
            marker=marker,
            session=session,
            question=question,
            etag=etag,
            key=f"mark-{len(self.marks)}",
            # No two are alike in a session.
            points=1 + len(self.marks),
            given=time.monotonic(),
        )
        self.marks.append(mark)
        return mark

    async def give(self, mark: Mark, process: Process, *, if_match: bool = True) -> int | None:
        """Send a mark (again), under its key; the status of the reply, None where none came."""
        mark.sent = min(mark.sent, time.monotonic())
        request = Request(
            "PUT",
            f"/sessions/{mark.session}/grades",
            mark.marker,
            self.stage.clock.now(),
            {mark.question: {"points": mark.points}},
            STAFF,
            key=mark.key,
            etag=mark.etag if if_match else None,
        )
        try:
            reply = await process.client.send(request)
        except LostError:
            return None
        mark.statuses.append(reply.status)
        if reply.status == 200 and mark.replied is None:
            mark.replied = time.monotonic()
        return reply.status

    async def _exchange(self, record: Try, process: Process, hold: Hold | None = None) -> None:
        try:
            reply = await process.client.send(_request(record), hold)
        except LostError:
            return
        self.take(record, reply)

    def take(self, record: Try, reply: Reply) -> None:
        """Record the reply to a request, which has come just now."""
        record.replied = time.monotonic()
        record.status = reply.status
        if reply.status in (200, 201):
            record.body = reply.body
        else:
            record.code = reply.body.get("code")
            record.refused_with = reply.body.get("session")
        if record.kind is Kind.START and record.body is not None:
            record.session = record.body["id"]
            self.sessions[record.body["id"]] = record.student


def _end_of(start: Try) -> Micros:
    """The end of a session as its start told it."""
    assert start.body is not None
    grace: int = QUIZZES[start.answers["quiz"]]["grace_seconds"]
    return to_micros(datetime.fromisoformat(start.body["expires_at"])) + grace * 1_000_000


def _request(record: Try) -> Request:
    if record.kind is Kind.START:
        body = {"quiz_id": record.answers["quiz"]}
    else:
        body = {"answers": record.answers or None, "version": record.version, "based_on": record.based_on}
    method, path, content = request_of(record.kind, record.session, **body)
    # Who holds a body back is timed by the server.
    at = 0 if record.held else record.at
    return Request(method, path, record.student, at, content, key=record.key, client=record.client)


@dataclass
class Shown:
    """What a tab was shown last."""

    client: str | None
    version: int = 0
    tags: dict[str, str] = field(default_factory=dict)


class Student:
    """One student, at one session after the other, now and then in two tabs at once."""

    def __init__(self, name: str, room: Classroom, seed: str, quizzes: Sequence[str] = ALONE) -> None:
        self.name = name
        self._quizzes = quizzes
        self._room = room
        self._dice = random.Random(f"{seed}/{name}")
        self._written = 0
        self._started = 0
        self._tabs = 0

    async def attend(self, until: float) -> None:
        """Take quizzes until then."""
        while time.monotonic() < until:
            start = await self._start(until)
            if start is None or start.session is None:
                return
            one_device = "one_device" in QUIZZES[start.answers["quiz"]]
            tabs = 2 if one_device else self._dice.choice((1, 1, 2))
            seeds = [self._dice.random() for _ in range(tabs)]
            held = [self._hold_back(start)] if start.answers["quiz"] == "short" else []
            await asyncio.gather(
                *held, *(self._tab(start.session, random.Random(seed), until, one_device) for seed in seeds)
            )
            await self._end(start.session, until, self._named() if one_device else None)

    async def _start(self, until: float) -> Try | None:
        self._started += 1
        quiz = self._dice.choice(self._quizzes)
        if quiz == "short" and until - time.monotonic() < SHORT_SECONDS + 1:
            # It would end while all is being looked at.
            quiz = "long"
        more: dict[str, Any] = {"answers": {"quiz": quiz}, "key": f"{self.name}-{self._started}"}
        if "one_device" in QUIZZES[quiz]:
            more["client"] = f"{self.name}-tab-{self._tabs + 1}"
        while time.monotonic() < until:
            record = await self._room.send(self.name, Kind.START, self._any(self._dice), **more)
            if record.session is not None:
                return record
            await asyncio.sleep(self._dice.uniform(0.05, 0.4))
        return None

    def _named(self) -> str:
        return f"{self.name}-tab-{self._tabs}"

    async def _tab(self, session: str, dice: random.Random, until: float, one_device: bool) -> None:
        self._tabs += 1
        shown = Shown(dice.choice((self._named() if one_device else None, self._named())))
        for _ in range(dice.choice((4, 8, 12, 40))):
            if time.monotonic() > until:
                return
            last = await self._act(session, dice, shown)
            if last is not None and last.code in ("session_paused", "other_device"):
                await asyncio.sleep(dice.uniform(0.02, 0.3))
                if last.code == "session_paused" or dice.random() < 0.5:
                    continue
                last = await self._insist(Kind.TAKEOVER, dice, session=session, client=shown.client)
            elif last is None or last.status in (404, 409, 410):
                if last is not None and last.based_on is not None:
                    # Somebody else's answer, perhaps: have a look at it.
                    last = await self._room.send(self.name, Kind.READ, self._any(dice), session=session)
                else:
                    continue
            if last.body is not None and last.kind is not Kind.TRESPASS:
                shown.version, shown.tags = last.body["version"], last.body["answer_tags"]
            await asyncio.sleep(dice.expovariate(1 / 0.03))

    async def _act(self, session: str, dice: random.Random, shown: Shown) -> Try | None:
        kind = dice.choices((Kind.COMMIT, Kind.AUTOSAVE, Kind.READ, Kind.TRESPASS), weights=(50, 30, 17, 3))[
            0
        ]
        if kind is Kind.TRESPASS:
            others = [other for other, owner in self._room.sessions.items() if owner != self.name]
            if not others:
                return None
            return await self._room.send(self.name, kind, self._any(dice), session=dice.choice(others))
        if kind is Kind.READ:
            return await self._room.send(self.name, kind, self._any(dice), session=session)
        questions = dice.sample(QUESTIONS, dice.choice((1, 1, 1, 3)))
        more: dict[str, Any] = {"client": shown.client}
        if kind is Kind.COMMIT and dice.random() < 0.25:
            more["version"] = shown.version
        elif shown.client is not None and dice.random() < 0.6:
            more["based_on"] = {question: shown.tags.get(question) for question in questions}
        answers = self._answers(session, questions)
        return await self._insist(kind, dice, session=session, answers=answers, **more)

    async def _insist(self, kind: Kind, dice: random.Random, **more: Any) -> Try:
        """Send until there is an answer, or patience ends."""
        record = await self._room.send(self.name, kind, self._any(dice), **more)
        for _ in range(dice.randint(0, TRIES)):
            if record.status is not None and record.status < 500:
                break
            await asyncio.sleep(dice.uniform(0.02, 0.4))
            record = await self._room.send(self.name, kind, self._any(dice), **more)
        return record

    async def _end(self, session: str, until: float, client: str | None) -> None:
        dice = self._dice
        match dice.choices(("complete", "twice", "abandon", "leave"), weights=(50, 15, 10, 25))[0]:
            case "complete":
                flushes = []
                if dice.random() < 0.3:
                    flushes = [self._room.stage.flush(flusher) for flusher in self._room.stage.flushers]
                answers = self._answers(session, dice.sample(QUESTIONS, dice.choice((0, 1, 2))))
                await asyncio.gather(
                    self._insist(Kind.COMPLETE, dice, session=session, answers=answers, client=client),
                    *flushes,
                )
            case "twice":
                await asyncio.gather(
                    *(
                        self._insist(
                            Kind.COMPLETE,
                            dice,
                            session=session,
                            answers=self._answers(session, ["0"]),
                            client=client,
                        )
                        for _ in range(2)
                    ),
                    self._insist(
                        Kind.AUTOSAVE,
                        dice,
                        session=session,
                        answers=self._answers(session, ["1"]),
                        client=client,
                    ),
                )
            case "abandon":
                await self._insist(Kind.ABANDON, dice, session=session, client=client)
            case "leave":
                return
        if time.monotonic() < until:
            await self._room.send(self.name, Kind.READ, self._any(dice), session=session)
            if dice.random() < 0.5:
                await self._cheat(session)

    async def _cheat(self, session: str) -> None:
        """Having seen the results: what was held back comes now, and what else might change an answer."""
        dice, room = self._dice, self._room
        known = {one.at for one in room.history if one.session == session}
        for kind in (Kind.COMMIT, Kind.AUTOSAVE, Kind.COMPLETE):
            at = room.stage.clock.now() - 1000 * dice.choice((0, *range(100, 4000)))
            while at in known:
                at -= 1000
            known.add(at)
            answers = self._answers(session, dice.sample(QUESTIONS, 2))
            client = dice.choice((None, "cheat"))
            await room.send(
                self.name, kind, self._any(dice), at, session=session, answers=answers, client=client
            )

    async def _hold_back(self, start: Try) -> None:
        """A request that begins in time and ends when the time is over."""
        dice = self._dice
        assert start.session is not None
        answers = self._answers(start.session, dice.sample(QUESTIONS, 1))
        kind = dice.choice((Kind.COMMIT, Kind.AUTOSAVE, Kind.COMPLETE))
        await self._room.send_late(start, self._any(dice), answers, kind)

    def _answers(self, session: str, questions: Sequence[str]) -> dict[str, Any]:
        """Answers that name their owner; no two are the same."""
        self._written += 1
        return {question: {"by": self.name, "session": session, "n": self._written} for question in questions}

    def _any(self, dice: random.Random) -> Process:
        return dice.choice(self._room.stage.apis)
