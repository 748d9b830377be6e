"""One run: students and faults for some seconds, quiet, and the check."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.students import LIBRARY
from tests.harness import auditor
from tests.harness.http_client import LostError, Reply
from tests.harness.signing_keys import ed25519_key, public_part

from .browsers import browsers_of
from .checker import Event, Evidence, Row, violations
from .history import Try
from .marker import Marker
from .nemesis import BrowserNemesis, Nemesis
from .processes import Stage
from .proctor import Proctor
from .students import Classroom, Student

WATCHED = ("room", "tablet")
"""Quizzes that have a proctor."""

MARKERS = ("marker1", "marker2")
SETTLE_SECONDS = 30


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        requests: by kind and status.
    """

    history: Sequence[Try]
    requests: Counter[str]
    faults: Counter[str]
    violations: list[str]

    def summary(self) -> str:
        """In one line."""
        acknowledged = sum(one.acknowledged for one in self.history)
        return (
            f"{len(self.history)} requests, {acknowledged} acknowledged, {sum(self.faults.values())} faults, "
            f"{len(self.violations)} violations"
        )


async def play(
    stage: Stage,
    seed: str,
    seconds: float,
    students: int = 8,
    watched: int = 2,
    meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None,
    browsers: int = 0,
    library: Path = LIBRARY,
) -> Outcome:
    """Let students work under faults, and check what has become of what they were told.

    Args:
        watched: how many more there are at each quiz that has a proctor.
        browsers: how many more sit at a browser, with the client library that is in the folder `library`.
    """
    room = Classroom(stage)
    await room.register_quizzes()
    nemesis = Nemesis(stage, seed)
    proctors = [Proctor(quiz, room, seed) for quiz in WATCHED]
    faults = Counter[str]()
    async with browsers_of(room, seed, browsers, library) as at_browsers:
        until = time.monotonic() + seconds
        quiet = asyncio.Event()
        flushing = [
            asyncio.create_task(_flush_now_and_then(stage, number, f"{seed}/{number}", quiet))
            for number in range(len(stage.flushers))
        ]
        try:
            async with asyncio.TaskGroup() as everybody:
                everybody.create_task(nemesis.rage(until))
                if meanwhile is not None:
                    everybody.create_task(meanwhile())
                for number in range(students):
                    everybody.create_task(Student(f"student{number}", room, seed).attend(until))
                for name in MARKERS:
                    everybody.create_task(Marker(name, room, seed).work(until))
                for proctor in proctors:
                    everybody.create_task(proctor.watch(until))
                    for number in range(watched):
                        name = f"{proctor.quiz}-student{number}"
                        everybody.create_task(Student(name, room, seed, [proctor.quiz]).attend(until))
                if at_browsers:
                    of_browsers = BrowserNemesis(at_browsers, seed)
                    everybody.create_task(of_browsers.rage(until))
                    faults = of_browsers.done
                for browser in at_browsers:
                    everybody.create_task(browser.attend(until))
            for proctor in proctors:
                await proctor.close()
            await asyncio.gather(*(browser.settle() for browser in at_browsers))
        finally:
            quiet.set()
            await asyncio.gather(*flushing)
    found = await check(stage, room)
    requests = Counter(f"{one.kind} {one.status}" for one in room.history)
    requests += Counter(f"staff {act.action} {act.replied is not None}" for act in room.acts)
    requests += Counter(f"mark {mark.replied is not None}" for mark in room.marks)
    return Outcome(room.history, requests, nemesis.done + faults, found)


async def _flush_now_and_then(stage: Stage, number: int, seed: str, quiet: asyncio.Event) -> None:
    dice = random.Random(seed)
    while not quiet.is_set():
        await stage.flush(stage.flushers[number])
        with suppress(TimeoutError):
            await asyncio.wait_for(quiet.wait(), dice.uniform(0.05, 1.2))


async def check(stage: Stage, room: Classroom) -> list[str]:
    """Let it settle, then hold the history against what is there."""
    unsettled = await _settle(stage)
    return unsettled + violations(await _collect(stage, room))


async def _settle(stage: Stage) -> list[str]:
    """Two flushes by each flusher with nothing in their way."""
    for process in stage.processes:
        for link in process.links:
            link.forget()
    until = time.monotonic() + SETTLE_SECONDS
    clean = 0
    while clean < 2:
        reports = [await stage.flush(flusher) for flusher in stage.flushers]
        good = all(report is not None and not report["flush_failures"] for report in reports)
        clean = clean + 1 if good else 0
        if time.monotonic() > until:
            return [f"flushes still fail: {reports}"]
        if not good:
            await asyncio.sleep(0.3)
    return []


async def _collect(stage: Stage, room: Classroom) -> Evidence:
    sessions = sorted({one.session for one in room.history if one.session is not None})
    read, verified, audited = {}, {}, {}
    for session in sessions:
        read[session] = [
            (await _insist(stage, f"/sessions/{session}", number)).body for number in range(len(stage.apis))
        ]
        verified[session] = (await _insist(stage, f"/sessions/{session}/verify")).body
        audited[session] = await _audit(stage, session)
    stage.read_logs()
    rows = stage.servers.query(
        """
        SELECT *, (extract(epoch FROM ended_at) * 1000000)::bigint AS end_at,
            (extract(epoch FROM paused_at) * 1000000)::bigint AS stopped_at,
            extract(epoch FROM expires_at - started_at)::float - time_limit_seconds AS later_seconds
        FROM quiz_attempts"""
    )
    trails: dict[str, list[Event]] = {str(row["id"]): [] for row in rows}
    for event in stage.servers.query(
        "SELECT *, (extract(epoch FROM at) * 1000000)::bigint AS at_micros FROM attempt_events"
        " ORDER BY attempt_id, revision"
    ):
        trails[str(event["attempt_id"])].append(
            Event(event["revision"], event["version"], event["type"], event["at_micros"], event["changes"])
        )
    dirty, drafts, cached = await asyncio.to_thread(_look_into_valkey, stage, sessions)
    actions = stage.servers.query("SELECT key, session_id FROM staff_actions WHERE key IS NOT NULL")
    return Evidence(
        tries=room.history,
        weather=stage.weather,
        rows={str(row["id"]): _row(row) for row in rows},
        trails=trails,
        verified=verified,
        read=read,
        receipt_key=public_part(ed25519_key()),
        dirty=dirty,
        drafts=drafts,
        cached=cached,
        audited=audited,
        acts=room.acts,
        marks=room.marks,
        ledgers=room.ledgers,
        actions=Counter((row["key"], row["session_id"] and str(row["session_id"])) for row in actions),
    )


async def _audit(stage: Stage, session: str) -> list[str]:
    """What an auditor finds who has the replies alone."""
    events: list[dict[str, Any]] = []
    after: int | None = -1
    while after is not None:
        reply = await _insist(stage, f"/sessions/{session}/events?after={after}")
        events += auditor.parse(reply.content.decode())
        after = reply.body["next_after"]
    return list(auditor.findings(session, events))


async def _insist(stage: Stage, path: str, number: int = 0) -> Reply:
    for _ in range(20):
        with suppress(LostError):
            reply = await stage.ask("GET", path, by=stage.apis[number])
            if reply.status < 500:
                return reply
        await asyncio.sleep(0.3)
    raise AssertionError(f"no reply to {path} from {stage.apis[number].name}, and nothing is broken")


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        row["user_id"],
        row["status"],
        row["version"],
        row["revision"],
        row["answers"],
        row["answer_meta"],
        row["end_at"],
        row["quiz_id"],
        row["stopped_at"],
        row["pause_seconds"],
        row["later_seconds"],
        row["marks"],
        row["results"],
        row["needs_grading"],
    )


def _look_into_valkey(
    stage: Stage, sessions: Sequence[str]
) -> tuple[set[str], dict[str, dict[str, Any]], dict[str, int]]:
    with stage.servers.cache() as cache:
        marked = [*cache.zrange("dirty:0", 0, -1), *cache.smembers("dirty:set-aside")]
        drafts: dict[str, dict[str, Any]] = {}
        for key in cache.scan_iter("{session:*}:drafts", count=1000):
            session = key.decode().removeprefix("{session:").removesuffix("}:drafts")
            drafts[session] = {
                name.decode().removeprefix("q:").rpartition(":")[2]: json.loads(value)
                for name, value in cache.hgetall(key).items()
                if name != b"current_question"
            }
        found = ((session, cache.get(f"session:{session}")) for session in sessions)
        cached = {session: json.loads(text)["revision"] for session, text in found if text is not None}
    return {member.decode() for member in marked}, drafts, cached
