"""Bugs to plant into a copy of the package, each with the scenario that brings it out.

The scenarios put messages between a process and a store into the order that the bug needs; without it each
of them ends well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from migrate_database.months import make_months
from quiz_sessions.domain.uuid7 import moment_of
from tests.harness.locks import holding, row_held
from tests.harness.months import lose_month
from tests.harness.proxy import Proxy, Rule, Where
from tests.harness.stores import Servers
from tests.harness.students import Kind

from .history import Act, Action, Try
from .processes import FlushFailedError, Process, Stage
from .run import check
from .students import QUIZZES, Classroom

PUTS_SESSION = b"-- put_committed:"
PUTS_SETTLED = b"-- put_settled:"
ACKNOWLEDGES = b"-- acknowledge:"
PUTS_DRAFTS = b"-- put_drafts:"
HOLDS_OFF = b"-- hold_off:"
ENTERS = b"-- enter_attempt"
PAUSES = b"-- pause_attempt"
READS_DRAFTS = b"HGETALL"
COMPARES = b"-- find_behind:"
COMMITS = b"write_answers_"
SETTLES = b"flush_sessions_"
SAVES_GRADES = b"-- save_grades"


@dataclass
class Scene:
    """Two processes, both of which serve and flush; the second one's clock is ten seconds fast."""

    stage: Stage
    session: str = ""
    quiz: str = "long"
    room: Classroom = field(init=False)
    found: list[str] = field(default_factory=list)
    _answers: int = 0

    def __post_init__(self) -> None:
        self.room = Classroom(self.stage)

    @property
    def first(self) -> Process:
        return self.stage.apis[0]

    @property
    def second(self) -> Process:
        return self.stage.apis[1]

    async def start(self) -> None:
        record = await self.room.send("ann", Kind.START, self.first, answers={"quiz": "long"})
        assert record.session is not None
        self.session = record.session

    async def start_again(self, quiz: str, client: str | None = None) -> Try:
        """Begin again, at a quiz that has rules."""
        await self.room.register_quizzes()
        record = await self.room.send("ann", Kind.START, self.first, answers={"quiz": quiz}, client=client)
        assert record.session is not None
        self.session, self.quiz = record.session, quiz
        return record

    async def commit(self, process: Process, *questions: str, **more: Any) -> Try:
        return await self._write(Kind.COMMIT, process, *questions, **more)

    async def autosave(self, process: Process, *questions: str, **more: Any) -> Try:
        return await self._write(Kind.AUTOSAVE, process, *questions, **more)

    async def complete(self, process: Process, *questions: str, **more: Any) -> Try:
        return await self._write(Kind.COMPLETE, process, *questions, **more)

    async def publish(self, *refused: str) -> None:
        """Relay, first without the events of `refused`; each start was to be sent once."""
        sent = [event for session in (*refused, "") for event in await self.first.publish(session)]
        starts = [(row["id"], 0) for row in self.stage.servers.query("SELECT id::text FROM quiz_attempts")]
        if sorted(sent) != sorted(starts):
            self.found.append(f"published {sent} instead of {starts}")

    async def read(self, process: Process, student: str = "ann", kind: Kind = Kind.READ) -> Try:
        return await self.room.send(student, kind, process, session=self.session)

    async def _write(self, kind: Kind, process: Process, *questions: str, **more: Any) -> Try:
        self._answers += 1
        answers = {
            question: {"by": "ann", "session": self.session, "n": self._answers} for question in questions
        }
        return await self.room.send("ann", kind, process, session=self.session, answers=answers, **more)

    async def act(self, action: Action, of_all: bool = False, at: int = 0, by: Process | None = None) -> Act:
        """Let staff do something with the session, or with all of its quiz."""
        process = self.first if by is None else by
        return await self.room.act(action, self.quiz, None if of_all else self.session, process, at)

    async def take_over(self, process: Process, client: str, at: int) -> Try:
        return await self.room.send("ann", Kind.TAKEOVER, process, at, session=self.session, client=client)

    async def take_over_unheld(self, process: Process, client: str, at: int) -> Try:
        """The same where Valkey can't be told of it before; the client tries a command twice."""
        for _ in range(2):
            process.valkey.apply(Rule(HOLDS_OFF, Where.BEFORE))
        return await self.take_over(process, client, at)

    async def flush(self, process: Process) -> dict[str, Any] | None:
        """Flush; the report, None where there is none."""
        try:
            return await self.stage.flush(process)
        except FlushFailedError as error:
            self.found.append(f"a flush failed: {error}")
            return None

    async def meanwhile(
        self, slow: Awaitable[object], link: Proxy, rule: Rule, *fast: Callable[[], Awaitable[object]]
    ) -> None:
        """Begin `slow`, hold it up where `rule` says, do the others, and let it go on."""
        link.apply(rule)
        waiting = asyncio.ensure_future(slow)
        try:
            async with asyncio.timeout(10):
                await rule.reached.wait()
            for step in fast:
                await step()
        finally:
            rule.released.set()
            await waiting

    async def behind(self, start: Try, *writes: Awaitable[object]) -> None:
        """Send `writes`, to share a statement, while one to the session of `start` is under way."""

        async def together() -> None:
            await asyncio.gather(*writes)

        await self.meanwhile(
            self.commit_of(start, "0"), self.first.postgres, Rule(COMMITS, Where.HOLD), together
        )

    async def commit_of(self, start: Try, *questions: str) -> Try:
        """Commit to another student's session, on the first process."""
        self._answers += 1
        answers = {
            question: {"by": start.student, "session": start.session, "n": self._answers}
            for question in questions
        }
        return await self.room.send(
            start.student, Kind.COMMIT, self.first, session=start.session, answers=answers
        )

    async def waiting_for_locks(self, number: int, unless: asyncio.Task[Any] | None = None) -> None:
        """Return once so many statements wait for a row, or `unless` is done."""
        async with asyncio.timeout(10):
            while unless is None or not unless.done():
                (found,) = self.stage.servers.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                )
                if found["count"] >= number:
                    return
                await asyncio.sleep(0.01)


async def a_slow_put_comes_after_a_newer_one(scene: Scene) -> None:
    await scene.meanwhile(
        scene.commit(scene.first, "0"),
        scene.first.valkey,
        Rule(PUTS_SESSION, Where.HOLD),
        lambda: scene.commit(scene.second, "1"),
    )
    await scene.read(scene.second)


async def a_mark_moves_before_it_is_taken_away(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.meanwhile(
        scene.flush(scene.second),
        scene.second.valkey,
        Rule(ACKNOWLEDGES, Where.HOLD),
        lambda: scene.autosave(scene.first, "1"),
    )


async def a_commit_comes_before_the_merge_of_an_older_draft(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.meanwhile(
        scene.flush(scene.second),
        scene.second.postgres,
        Rule(SETTLES, Where.HOLD),
        lambda: scene.commit(scene.first, "0"),
    )


async def an_older_autosave_arrives_later(scene: Scene) -> None:
    older, newer = scene.stage.clock.now(), scene.stage.clock.now()
    await scene.autosave(scene.first, "0", at=newer)
    await scene.autosave(scene.second, "0", at=older)


async def a_flush_comes_between_the_two_halves_of_a_read(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.meanwhile(
        scene.read(scene.first),
        scene.first.valkey,
        Rule(READS_DRAFTS, Where.HOLD),
        lambda: scene.flush(scene.second),
    )


async def two_commits(scene: Scene) -> None:
    await scene.commit(scene.first, "0")
    await scene.commit(scene.second, "1")


async def a_flush_and_a_commit(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.flush(scene.second)
    await scene.commit(scene.first, "1")


async def two_commits_wait_for_one_row(scene: Scene) -> None:
    with row_held(scene.stage.servers.stores, scene.session):
        one = asyncio.ensure_future(scene.commit(scene.first, "0"))
        await scene.waiting_for_locks(1)
        two = asyncio.ensure_future(scene.commit(scene.second, "1"))
        await scene.waiting_for_locks(2)
    await asyncio.gather(one, two)


async def two_authors_change_one_quiz(scene: Scene) -> None:
    await scene.room.register_quizzes()
    quiz, ask = "/quizzes/hidden", scene.stage.ask
    with holding(scene.stage.servers.stores, "SELECT FROM quizzes FOR UPDATE"):
        one = asyncio.ensure_future(ask("PATCH", quiz, {"grace_seconds": 5}, scene.first))
        await scene.waiting_for_locks(1)
        two = asyncio.ensure_future(ask("PATCH", quiz, {"admission_seconds": 5}, scene.second))
        await scene.waiting_for_locks(2)
    await asyncio.gather(one, two)
    shown = (await ask("GET", quiz)).body
    if (shown["grace_seconds"], shown["admission_seconds"]) != (5, 5):
        scene.found.append(f"of two patches of {quiz} one took back what the other changed")


async def the_bus_refuses_one_of_two_sessions(scene: Scene) -> None:
    await scene.room.send("bob", Kind.START, scene.first, answers={"quiz": "long"})
    await scene.publish(scene.session)


async def a_month_is_missing_when_events_are_published(scene: Scene) -> None:
    stores = scene.stage.servers.stores
    month = moment_of(UUID(scene.session))
    lose_month(stores, month)
    try:
        await scene.publish()
    finally:
        make_months(stores.database_url, month)


async def a_commit_and_a_flush_wait_for_one_row(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    with row_held(scene.stage.servers.stores, scene.session):
        committing = asyncio.ensure_future(scene.commit(scene.first, "0"))
        await scene.waiting_for_locks(1)
        flushing = asyncio.ensure_future(scene.flush(scene.second))
        await scene.waiting_for_locks(2, unless=flushing)
    await asyncio.gather(committing, flushing)


async def a_draft_changes_before_it_is_cleared(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.meanwhile(
        scene.flush(scene.second),
        scene.second.valkey,
        Rule(PUTS_SETTLED, Where.HOLD),
        lambda: scene.autosave(scene.first, "0"),
    )


async def a_commit_drops_a_draft_before_it_is_cleared(scene: Scene) -> None:
    await scene.autosave(scene.first, "0", "1")
    await scene.meanwhile(
        scene.flush(scene.second),
        scene.second.valkey,
        Rule(PUTS_SETTLED, Where.HOLD),
        lambda: scene.commit(scene.first, "0"),
    )


async def the_reply_to_a_commit_is_lost(scene: Scene) -> None:
    rule = scene.first.postgres.apply(Rule(COMMITS, Where.AFTER))
    await scene.commit(scene.first, "0")
    assert rule.reached.is_set()


async def a_flush_comes_between_draft_and_mark(scene: Scene) -> None:
    await scene.meanwhile(
        scene.autosave(scene.first, "0"),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.SPLIT, command=b"$4\r\nEVAL"),
        lambda: scene.flush(scene.second),
    )


async def a_session_with_drafts_is_completed(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.complete(scene.second, "1")


async def a_slow_reader_fills_the_cache_after_a_commit(scene: Scene) -> None:
    await scene.commit(scene.first, "0")
    with scene.stage.servers.cache() as cache:
        cache.delete(f"session:{scene.session}")
    await scene.meanwhile(
        scene.read(scene.first),
        scene.first.valkey,
        Rule(PUTS_SESSION, Where.HOLD),
        lambda: scene.commit(scene.second, "1"),
    )
    await scene.read(scene.second)


async def another_student_reads(scene: Scene) -> None:
    await scene.commit(scene.first, "0")
    await scene.read(scene.first, "bob", Kind.TRESPASS)


async def an_autosave_comes_by_way_of_a_fast_clock(scene: Scene) -> None:
    await scene.autosave(scene.second, "0")
    await scene.autosave(scene.first, "0")


async def two_tabs_insist_on_one_version(scene: Scene) -> None:
    await scene.commit(scene.first, "0", version=0)
    await scene.commit(scene.second, "1", version=0)


async def a_commit_without_a_reply_is_buffered_and_flushed(scene: Scene) -> None:
    for _ in range(2):
        scene.first.postgres.apply(Rule(COMMITS, Where.AFTER))
    await scene.commit(scene.first, "0")
    await scene.meanwhile(
        scene.flush(scene.second),
        scene.second.valkey,
        Rule(COMPARES, Where.HOLD),
        lambda: scene.read(scene.first),
    )


async def a_flush_merges_between_a_commit_and_its_reply(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.meanwhile(
        scene.commit(scene.first, "1"),
        scene.first.valkey,
        Rule(PUTS_SESSION, Where.HOLD),
        lambda: scene.flush(scene.second),
    )


UNSEEN: dict[str, Any] = {"client": "tab-a", "based_on": {"0": None}}
OTHER: dict[str, Any] = {"client": "tab-b"}


async def a_commit_has_not_seen_another(scene: Scene) -> None:
    await scene.commit(scene.first, "0", **OTHER)
    await scene.commit(scene.second, "0", **UNSEEN)


async def a_commit_has_not_seen_an_autosave(scene: Scene) -> None:
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.commit(scene.second, "0", **UNSEEN)


async def a_commit_comes_between_judging_and_putting_drafts(scene: Scene) -> None:
    older = scene.stage.clock.now()
    autosave = asyncio.ensure_future(scene.autosave(scene.first, "0", **UNSEEN))
    await scene.meanwhile(
        autosave,
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.commit(scene.second, "0", at=older, **OTHER),
    )
    # Its student can't tell from outside whether the commit had been made before.
    if autosave.result().acknowledged:
        scene.found.append("drafts were put over a commit that they were not judged by")


async def two_tabs_autosave_one_answer(scene: Scene) -> None:
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.autosave(scene.second, "0", client="tab-a")


async def a_commit_over_the_draft_of_another(scene: Scene) -> None:
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.commit(scene.second, "0", client="tab-a")


async def a_hand_in_comes_behind_a_commit(scene: Scene) -> None:
    older = scene.stage.clock.now()
    await scene.commit(scene.first, "0", **OTHER)
    await scene.complete(scene.second, "0", at=older, client="tab-a")


async def two_hand_ins(scene: Scene) -> None:
    await scene.complete(scene.first, "0", client="tab-a")
    await scene.complete(scene.second, "0", **OTHER)


async def an_answer_comes_after_results_were_read(scene: Scene) -> None:
    await scene.start_again("graded")
    await scene.complete(scene.first, "0")
    older = scene.stage.clock.now() - 2_000_000
    await scene.complete(scene.second, "1", at=older)


async def a_body_is_held_back_over_the_end(scene: Scene) -> None:
    start = await scene.start_again("short")
    answers = {"0": {"by": "ann", "session": scene.session, "n": 1}}
    await scene.room.send_late(start, scene.first, answers, Kind.COMMIT)


async def two_tabs_insist_on_one_version_while_another_writes(scene: Scene) -> None:
    bobs = await scene.room.send("bob", Kind.START, scene.first, answers={"quiz": "long"})
    await scene.behind(
        bobs,
        scene.commit(scene.first, "0", version=0, **OTHER),
        scene.commit(scene.first, "1", version=0, client="tab-a"),
    )


async def two_students_write_while_a_third_does(scene: Scene) -> None:
    bobs = await scene.room.send("bob", Kind.START, scene.first, answers={"quiz": "long"})
    cids = await scene.room.send("cid", Kind.START, scene.first, answers={"quiz": "long"})
    await scene.behind(cids, scene.commit(scene.first, "0"), scene.commit_of(bobs, "1"))


async def a_row_is_held_while_many_write(scene: Scene) -> None:
    bobs = await scene.room.send("bob", Kind.START, scene.first, answers={"quiz": "long"})
    cids = await scene.room.send("cid", Kind.START, scene.first, answers={"quiz": "long"})
    with row_held(scene.stage.servers.stores, scene.session):
        writing = asyncio.ensure_future(
            scene.behind(cids, scene.commit(scene.first, "0"), scene.commit_of(bobs, "1"))
        )
        await scene.waiting_for_locks(1, unless=writing)
    await writing


async def an_answer_comes_in_a_pause(scene: Scene) -> None:
    await scene.act(Action.PAUSE)
    await scene.commit(scene.second, "0")
    await scene.autosave(scene.first, "1")
    await scene.act(Action.RESUME)
    await scene.commit(scene.second, "2")


async def a_flush_comes_in_a_pause(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.act(Action.PAUSE)
    await scene.flush(scene.second)
    await scene.act(Action.RESUME)


async def a_pause_lasts_longer_than_a_session(scene: Scene) -> None:
    await scene.start_again("short")
    await scene.autosave(scene.first, "0")
    await scene.act(Action.PAUSE, of_all=True)
    # By whose clock there are ten seconds more.
    report = await scene.flush(scene.second)
    if report is None or report["flush_failures"]:
        scene.found.append(f"a flush failed in a pause: {report}")
    await scene.act(Action.RESUME, of_all=True)


async def a_pause_comes_once_more_when_all_goes_on(scene: Scene) -> None:
    await scene.start_again("room")
    paused = await scene.act(Action.PAUSE, of_all=True)
    await scene.act(Action.PAUSE)
    resumed = await scene.act(Action.RESUME, of_all=True)
    await scene.room.act_again(paused, scene.second)
    await scene.act(Action.RESUME)
    await scene.room.act_again(resumed, scene.second)


async def staff_hand_in_what_is_buffered(scene: Scene) -> None:
    await scene.autosave(scene.first, "0")
    await scene.act(Action.HAND_IN)
    await scene.commit(scene.second, "1")


async def a_draft_comes_after_a_takeover(scene: Scene) -> None:
    await scene.start_again("tablet", "tab-b")
    older = scene.stage.clock.now()
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.take_over_unheld(scene.second, "tab-a", older)
    await scene.flush(scene.second)
    await scene.commit(scene.first, "1", **OTHER)


async def staff_hand_in_after_a_takeover(scene: Scene) -> None:
    await scene.start_again("tablet", "tab-b")
    older = scene.stage.clock.now()
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.take_over_unheld(scene.second, "tab-a", older)
    await scene.act(Action.HAND_IN)


async def a_device_saves_again_while_it_is_taken_over(scene: Scene) -> None:
    await scene.start_again("tablet", "tab-b")
    await scene.autosave(scene.first, "0", **OTHER)
    older = scene.stage.clock.now()
    await scene.meanwhile(
        scene.take_over(scene.second, "tab-a", older),
        scene.second.postgres,
        Rule(ENTERS, Where.HOLD),
        lambda: scene.autosave(scene.first, "0", **OTHER),
    )
    await scene.flush(scene.second)


async def a_device_saves_again_before_a_takeover_that_is_older(scene: Scene) -> None:
    await scene.start_again("tablet", "tab-b")
    await scene.autosave(scene.first, "0", **OTHER)
    older = scene.stage.clock.now()
    await scene.autosave(scene.first, "0", **OTHER)
    await scene.take_over(scene.second, "tab-a", older)
    await scene.flush(scene.second)


async def the_reply_to_a_pause_is_lost(scene: Scene) -> None:
    rule = scene.first.postgres.apply(Rule(PAUSES, Where.AFTER))
    paused = await scene.act(Action.PAUSE)
    assert rule.reached.is_set()
    await scene.act(Action.RESUME)
    await scene.room.act_again(paused, scene.second)


async def a_pause_comes_between_judging_and_putting_drafts(scene: Scene) -> None:
    older = scene.stage.clock.now()
    await scene.meanwhile(
        scene.autosave(scene.first, "0"),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.act(Action.PAUSE, at=older, by=scene.second),
    )
    await scene.act(Action.RESUME)


async def staff_hand_in_between_judging_and_putting_drafts(scene: Scene) -> None:
    await scene.meanwhile(
        scene.autosave(scene.first, "0"),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.act(Action.HAND_IN, by=scene.second),
    )


async def a_takeover_comes_between_judging_and_putting_drafts(scene: Scene) -> None:
    await scene.start_again("tablet", "tab-b")
    older = scene.stage.clock.now()
    await scene.meanwhile(
        scene.autosave(scene.first, "0", **OTHER),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.take_over(scene.second, "tab-a", older),
    )
    await scene.autosave(scene.second, "0", client="tab-a")


async def an_autosave_comes_after_its_lock(scene: Scene) -> None:
    await scene.start_again("paper")
    older = scene.stage.clock.now()
    await scene.meanwhile(
        scene.autosave(scene.first, "2"),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.commit(scene.second, "3", at=older),
    )
    await scene.flush(scene.second)
    await scene.autosave(scene.first, "2")


async def an_answer_comes_after_its_section(scene: Scene) -> None:
    await scene.start_again("paper")
    await scene.commit(scene.first, "4")
    late = scene.stage.clock.now() + 3_000_000
    await scene.commit(scene.second, "0", "4", at=late)
    await scene.autosave(scene.second, "4", at=late + 1000)
    await scene.flush(scene.second)


async def an_answer_before_one_that_was_given(scene: Scene) -> None:
    await scene.start_again("paper")
    await scene.autosave(scene.first, "3")
    await scene.commit(scene.second, "2")


async def a_hand_in_after_a_lock(scene: Scene) -> None:
    await scene.start_again("paper")
    older = scene.stage.clock.now()
    await scene.meanwhile(
        scene.autosave(scene.first, "2"),
        scene.first.valkey,
        Rule(PUTS_DRAFTS, Where.HOLD),
        lambda: scene.commit(scene.second, "3", at=older),
    )
    await scene.complete(scene.second, "0")


async def two_are_about_to_mark_one_answer(scene: Scene) -> None:
    await scene.start_again("graded")
    await scene.complete(scene.first, "1")
    first = await scene.room.next_answer("graded", "marker1", scene.first)
    assert first is not None
    second = await scene.room.next_answer("graded", "marker2", scene.second)
    other = await scene.room.look_at(scene.session, "1", "marker2", scene.second)
    assert other is not None
    await scene.room.give(other if second is None else second, scene.second)
    await scene.room.give(first, scene.first)


async def two_mark_one_answer_that_both_have_read(scene: Scene) -> None:
    await scene.start_again("graded")
    await scene.complete(scene.first, "1")
    for marker in ("marker1", "marker2"):
        read = await scene.room.look_at(scene.session, "1", marker, scene.first)
        assert read is not None
    for mark in scene.room.marks:
        await scene.room.give(mark, scene.second)


async def a_regrade_comes_with_a_mark(scene: Scene) -> None:
    await scene.start_again("graded")
    await scene.complete(scene.first, "0", "1")
    read = await scene.room.look_at(scene.session, "1", "marker1", scene.second)
    assert read is not None
    await scene.stage.ask("PUT", "/quizzes/graded", {**QUIZZES["graded"], "grace_seconds": 1})
    regrade = scene.stage.ask("POST", "/quizzes/graded/regrade", {"reason": "the key"}, by=scene.first)
    await scene.meanwhile(
        regrade,
        scene.first.postgres,
        Rule(SAVES_GRADES, Where.HOLD),
        lambda: scene.room.give(read, scene.second),
    )


@dataclass(frozen=True)
class Edit:
    """A line of a package's source that keeps a rule, and what takes its place.

    In the source the line stands below a comment that names the rule.

    Attributes:
        lines: how many are replaced.
        package: the service's, or that of the API.
    """

    file: str
    rule: str
    new: str
    lines: int = 1
    package: str = "quiz_sessions"

    def apply(self, layer: Path) -> None:
        file = layer / self.package / self.file
        text = edited(file.read_text(), self.rule, self.new, self.lines)
        if file.suffix == ".py":
            # A bug that is no program is not the one that is meant.
            compile(text, file.name, "exec")
        file.write_text(text)


def edited(text: str, rule: str, new: str, lines: int = 1) -> str:
    source = text.splitlines()
    (place,) = (number for number, line in enumerate(source) if line.endswith(f" rule: {rule}"))
    indent = source[place][: len(source[place]) - len(source[place].lstrip())]
    source[place + 1 : place + 1 + lines] = [indent + line for line in new.splitlines()]
    return "\n".join([*source, ""])


@dataclass(frozen=True)
class Redefinition:
    """The same for a function of the database that no copy of the package has: the schema made it."""

    function: str
    rule: str
    new: str

    @contextmanager
    def applied(self, servers: Servers) -> Iterator[None]:
        (found,) = servers.query("SELECT pg_get_functiondef(%s::regproc) AS text", self.function)
        original = found["text"]
        servers.execute(edited(original, self.rule, self.new))
        try:
            yield
        finally:
            servers.execute(original)


@dataclass(frozen=True)
class Bug:
    """A rule that is not kept, and the scenario that brings it out."""

    name: str
    scenario: Callable[[Scene], Awaitable[None]]
    edit: Edit | None = None
    schema: tuple[Redefinition, ...] = ()

    def plant(self, layer: Path) -> None:
        """Edit a copy of the packages."""
        if self.edit is not None:
            self.edit.apply(layer)

    @contextmanager
    def in_database(self, servers: Servers) -> Iterator[None]:
        """The functions of the schema are edited meanwhile."""
        with ExitStack() as stack:
            for each in self.schema:
                stack.enter_context(each.applied(servers))
            yield


async def perform(stage: Stage, scenario: Callable[[Scene], Awaitable[None]]) -> list[str]:
    """Play one scenario on empty stores; what the checker finds."""
    stage.clear()
    scene = Scene(stage)
    await scene.start()
    # So that it has its connections.
    await scene.flush(scene.second)
    await scenario(scene)
    return [*scene.found, *await check(stage, scene.room)]


LATER_THAN_ANSWER = "the flush merges only drafts that are later than the answer"
HEAD_MOVES = "the head of the chain moves with the row"
HEAD_OF_ROW = "an event names the event before it as the locked row has it"
COVERS_NONCE = "a digest covers the nonce too"
BUGS = (
    Bug(
        "no revision check where a session is cached",
        a_slow_put_comes_after_a_newer_one,
        Edit(
            "stores/lua/fragments/cache_session.lua",
            "a cached session is written only over an older revision",
            "local newer = false",
        ),
    ),
    Bug(
        "marks are taken away whether or not they moved",
        a_mark_moves_before_it_is_taken_away,
        Edit("stores/lua/acknowledge.lua", "a mark is taken away only if it has not moved", "if score then"),
    ),
    Bug(
        "drafts are merged whatever their time",
        a_commit_comes_before_the_merge_of_an_older_draft,
        Edit(
            "stores/sql/fragments/settled.sql",
            LATER_THAN_ANSWER,
            "draft_at <= end_at AND NOT is_past AS counts,",
        ),
    ),
    Bug(
        "of two drafts the later arrival stays",
        an_older_autosave_arrives_later,
        Edit("stores/lua/put_drafts.lua", "of two drafts the later request's stays", "local later = true"),
    ),
    Bug(
        "the session is read before its drafts",
        a_flush_comes_between_the_two_halves_of_a_read,
        Edit(
            "stores/valkey.py",
            "a read takes the drafts before the session",
            "((keys, _),) = calls\n"
            "text = await self._redis.get(keys[1])\n"
            "raw = [part for pair in (await self._redis.hgetall(keys[0])).items() for part in pair]\n"
            "replies = [(raw, text, None, None)]",
        ),
    ),
    Bug(
        "a commit without its event",
        two_commits,
        Edit(
            "stores/sql/stored/write_answers.sql",
            "the event is written by the statement that changes the row",
            "INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)\n"
            "SELECT id, -1 - revision, version + 1, 'answered', "
            "jsonb_strip_nulls(jsonb_build_object(",
            lines=2,
        ),
    ),
    Bug(
        "drafts are cleared by their names",
        a_draft_changes_before_it_is_cleared,
        Edit("stores/lua/put_settled.lua", "the flush clears drafts only as it read them", "if false then"),
    ),
    Bug(
        "a mark is taken away though drafts stay",
        a_commit_drops_a_draft_before_it_is_cleared,
        Edit(
            "services/flush.py",
            "a mark is taken away only once the drafts are cleared",
            "if not flushed.left",
        ),
    ),
    Bug(
        "a statement does not know its repeat",
        the_reply_to_a_commit_is_lost,
        Edit(
            "stores/sql/stored/write_answers.sql",
            "a statement that is sent again looks for its write_id",
            "",
        ),
    ),
    Bug(
        "a session is marked dirty before its draft is there",
        a_flush_comes_between_draft_and_mark,
        Edit(
            "stores/valkey.py",
            "the mark is set after the draft is written",
            "(((session_id, (keys, arguments)),), key) = put, self._dirty_key(put[0][0])\n"
            'pipe.eval(_script("mark_dirty"), 1, key, str(session_id))\n'
            'pipe.eval(_script("put_drafts"), len(keys), *keys, len(arguments), *arguments)\n'
            "backlog, outcome = await pipe.execute()\n"
            "replies = [outcome, backlog]",
            lines=6,
        ),
    ),
    Bug(
        "a completion leaves the drafts out",
        a_session_with_drafts_is_completed,
        Edit("services/sessions.py", "a completion merges the drafts", "cached = CachedSession()"),
    ),
    Bug(
        "a late cache fill overwrites",
        a_slow_reader_fills_the_cache_after_a_commit,
        Edit(
            "stores/lua/fragments/cache_session.lua",
            "a cached session is written only over an older revision",
            "local newer = false",
        ),
    ),
    Bug(
        "a session is shown to everybody",
        another_student_reads,
        Edit("domain/attempts.py", "nobody sees another's session", "return True"),
    ),
    Bug(
        "a process's own clock orders answers",
        an_autosave_comes_by_way_of_a_fast_clock,
        Edit(
            "services/sessions.py",
            "answers are ordered by the gateway's time",
            "at=self._clock(),",
        ),
    ),
    Bug(
        "a stale version is no conflict",
        two_tabs_insist_on_one_version,
        Edit("stores/sql/stored/write_answers.sql", "a version is compared with the row's", ""),
    ),
    Bug(
        "a commit is not compared with what it is based on",
        a_commit_has_not_seen_another,
        Edit(
            "stores/sql/stored/write_answers.sql",
            "a commit's based_on is compared with the answers in the row",
            "NULL::text[] AS unseen,",
        ),
    ),
    Bug(
        "a commit does not look at drafts",
        a_commit_has_not_seen_an_autosave,
        Edit("services/sessions.py", "a commit with based_on reads the drafts first", "pass"),
    ),
    Bug(
        "drafts are put whatever came since they were judged",
        a_commit_comes_between_judging_and_putting_drafts,
        Edit(
            "stores/lua/put_drafts.lua",
            "drafts with based_on are put only where session and drafts are as they were judged",
            "if false then",
        ),
    ),
    Bug(
        "a draft gives way to another writer's and is gone",
        two_tabs_autosave_one_answer,
        Edit(
            "stores/lua/put_drafts.lua",
            "a draft that loses its place to another writer's is kept beside it",
            "if false then",
        ),
    ),
    Bug(
        "a commit drops the drafts of others",
        a_commit_over_the_draft_of_another,
        Edit(
            "stores/lua/put_committed.lua",
            "a commit drops only drafts of its answer's writer",
            "local own = true",
        ),
    ),
    Bug(
        "a flush clears what lost its place, unrecorded",
        a_commit_over_the_draft_of_another,
        Edit(
            "stores/sql/fragments/settled.sql",
            "what lost its place to another writer becomes an event",
            "false AS is_overwritten,",
            lines=2,
        ),
    ),
    Bug(
        "a hand-in that comes too late is not recorded",
        a_hand_in_comes_behind_a_commit,
        Edit(
            "stores/sql/stored/finish_attempt.sql",
            "a completion records what it brought too late to count",
            ")",
        ),
    ),
    Bug(
        "an answer counts after results were read",
        an_answer_comes_after_results_were_read,
        Edit(
            "stores/sql/fragments/settled.sql",
            "nothing counts once results were read, or long after the end",
            "false AS is_final",
            lines=2,
        ),
    ),
    Bug(
        "a request is received with its first byte",
        a_body_is_held_back_over_the_end,
        Edit(
            "server/concurrency_limiter.py",
            "a request was received with its last byte",
            'scope.setdefault("state", {})["at"] = self._clock()\n'
            "request = await _receive_whole(receive)\n"
            "if request is None:\n"
            "    return",
            lines=4,
            package="session_api",
        ),
    ),
    Bug(
        "two writes of one session are in one batch",
        two_tabs_insist_on_one_version_while_another_writes,
        Edit(
            "stores/batching.py",
            "no two calls about one subject are under way",
            "if False:",
        ),
    ),
    Bug(
        "the replies of a batch are handed to the wrong callers",
        two_students_write_while_a_third_does,
        Edit(
            "stores/batching.py",
            "each caller gets its own reply",
            "for call, reply in zip(batch, reversed(replies), strict=True):",
        ),
    ),
    Bug(
        "a write whose row was skipped is not sent again",
        a_row_is_held_while_many_write,
        Edit(
            "stores/attempts.py",
            "what was skipped is sent again, alone",
            "return list(found)",
        ),
    ),
    Bug(
        "a second hand-in is taken for a repeat",
        two_hand_ins,
        Edit(
            "stores/sql/stored/finish_attempt.sql",
            "a second hand-in is a repeat only if all that it brings is held",
            "true AS held",
            lines=4,
        ),
    ),
    Bug(
        "a commit leaves the head of the chain where it is",
        two_commits,
        Edit("stores/sql/stored/write_answers.sql", HEAD_MOVES, "chain_head = attempt.chain_head"),
    ),
    Bug(
        "a flush leaves the head of the chain where it is",
        a_flush_and_a_commit,
        Edit("stores/sql/fragments/settled.sql", HEAD_MOVES, "chain_head = attempt.chain_head"),
    ),
    Bug(
        "an end leaves the head of the chain where it is",
        a_session_with_drafts_is_completed,
        Edit("stores/sql/stored/finish_attempt.sql", HEAD_MOVES, "chain_head = attempt.chain_head"),
    ),
    Bug(
        "an event is written outside the chain",
        two_commits,
        Edit("stores/sql/stored/write_answers.sql", HEAD_OF_ROW, "at_time, NULL::bytea"),
    ),
    Bug(
        "an event is chained to the last one that its statement sees",
        two_commits_wait_for_one_row,
        Edit(
            "stores/sql/stored/write_answers.sql",
            HEAD_OF_ROW,
            "at_time, (\n"
            "    SELECT attempt_events.hash FROM attempt_events WHERE attempt_id = judged.id\n"
            "    ORDER BY attempt_events.revision DESC LIMIT 1\n"
            ")",
        ),
    ),
    Bug(
        "a digest does not cover the nonce",
        two_commits,
        schema=(
            Redefinition("chain_attempt_event", COVERS_NONCE, "NEW.digest := sha256(written);"),
            Redefinition(
                "attempt_event_digest", COVERS_NONCE, "SELECT sha256(convert_to(changes::text, 'UTF8'))"
            ),
        ),
    ),
    Bug(
        "all events have one nonce",
        two_commits,
        schema=(
            Redefinition(
                "chain_attempt_event", "each event has a nonce of its own", "NEW.nonce := sha256('salt');"
            ),
        ),
    ),
    Bug(
        "the relay does not read the events without a month",
        a_month_is_missing_when_events_are_published,
        Edit(
            "stores/sql/outbox_messages.sql",
            "the relay reads every partition",
            "FROM (\n"
            "    SELECT * FROM attempt_events WHERE tableoid <> 'attempt_events_default'::regclass\n"
            ") AS event JOIN quiz_attempts AS attempt ON attempt.id = attempt_id",
        ),
    ),
    Bug(
        "events are marked by their revision alone",
        the_bus_refuses_one_of_two_sessions,
        Edit(
            "stores/sql/mark_published.sql",
            "an event is marked by its attempt and its revision",
            "WHERE event.revision = sent.revision AND published_at IS NULL AND type IN {published}",
            lines=2,
        ),
    ),
    Bug(
        "an answer counts that came in a pause",
        an_answer_comes_in_a_pause,
        Edit("stores/sql/stored/write_answers.sql", "no answer is written while the clock stands", ""),
    ),
    Bug(
        "a draft is kept that came in a pause",
        an_answer_comes_in_a_pause,
        Edit(
            "services/sessions.py",
            "no draft is kept while the clock stands",
            "if False:",
        ),
    ),
    Bug(
        "a flush drops the drafts of a session that is paused",
        a_flush_comes_in_a_pause,
        Edit(
            "stores/sql/fragments/settled.sql",
            LATER_THAN_ANSWER,
            "draft_at > known_at AND draft_at <= end_at AND paused_at IS NULL AS counts,",
        ),
    ),
    Bug(
        "a part of a second is lost with each pause",
        a_flush_comes_in_a_pause,
        Edit(
            "stores/sql/fragments/resumed.sql",
            "a deadline comes later by as long as the clock stood, rounded up",
            "CASE WHEN runs THEN floor(extract(epoch FROM %(at)s - paused_at)) ELSE 0 END::integer AS lasted",
        ),
    ),
    Bug(
        "a session expires in a pause",
        a_pause_lasts_longer_than_a_session,
        Edit(
            "stores/sql/fragments/settled.sql",
            "nothing expires while its clock stands",
            "WHEN was_open AND expires_at < %(now)s THEN 'expired'",
        ),
    ),
    Bug(
        "a pause of a quiz that comes once more stops it again",
        a_pause_comes_once_more_when_all_goes_on,
        Edit(
            "stores/sql/pause_quiz.sql",
            "what was done with a key is not done again, whatever has come since",
            "AND NOT EXISTS (SELECT FROM reused)",
        ),
    ),
    Bug(
        "a hand-in by staff leaves the drafts out",
        staff_hand_in_what_is_buffered,
        Edit(
            "services/room.py",
            "a hand-in by staff merges the drafts",
            "drafts = type((await self._cache.read(session_id)).drafts)()",
        ),
    ),
    Bug(
        "what a former device put after a takeover is merged",
        a_draft_comes_after_a_takeover,
        Edit(
            "stores/sql/fragments/settled.sql",
            "a draft that another device put after a takeover is displaced",
            "SELECT key, value, sent_at AS draft_at, known_at, false AS is_of_other, {past} AS is_past",
        ),
    ),
    Bug(
        "what a former device put after a takeover is gone",
        a_draft_comes_after_a_takeover,
        Edit(
            "stores/sql/fragments/settled.sql",
            "what lost its place to another writer becomes an event",
            "draft_at <= known_at AND value ->> 'writer' <> answer_meta -> key ->> 'writer'\n"
            "    AS is_overwritten,",
            lines=2,
        ),
    ),
    Bug(
        "what a former device put after a takeover is handed in",
        staff_hand_in_after_a_takeover,
        Edit(
            "stores/sql/stored/finish_attempt.sql",
            "a completion merges no draft that another device put after a takeover",
            "",
        ),
    ),
    Bug(
        "what a former device sends after a takeover is written",
        a_draft_comes_after_a_takeover,
        Edit(
            "stores/sql/stored/write_answers.sql",
            "what another device sends after a takeover is not written",
            "",
        ),
    ),
    Bug(
        "a device puts drafts while another takes over",
        a_device_saves_again_while_it_is_taken_over,
        Edit(
            "stores/lua/put_drafts.lua",
            "once a takeover has begun no other device puts a draft",
            "if false then",
        ),
    ),
    Bug(
        "a takeover counts from its own time alone",
        a_device_saves_again_before_a_takeover_that_is_older,
        Edit(
            "services/devices.py",
            "what was put before a takeover counts, whenever it was sent",
            "return (await self._cache.hold_off(attempt.id, entry.writer)) and at",
        ),
    ),
    Bug(
        "an answer counts that came after its question was locked",
        an_autosave_comes_after_its_lock,
        schema=(
            Redefinition(
                "came_too_late", "nothing counts that came after its question was locked", "IF false THEN"
            ),
        ),
    ),
    Bug(
        "an answer counts that came after its section",
        an_answer_comes_after_its_section,
        schema=(
            Redefinition(
                "came_too_late",
                "nothing counts that came after the time of its section",
                "RETURN false AND EXISTS (",
            ),
        ),
    ),
    Bug(
        "no question is locked",
        an_answer_before_one_that_was_given,
        schema=(
            Redefinition(
                "gone_on",
                "an answer locks the questions before it, where a section goes forward alone",
                "NULL::jsonb || jsonb_object_agg(key, at) FILTER (",
            ),
        ),
    ),
    Bug(
        "an autosave locks nothing",
        an_answer_before_one_that_was_given,
        Edit(
            "services/sessions.py",
            "an autosave that enters a section, or locks questions, is committed",
            "if False:",
        ),
    ),
    Bug(
        "an autosave is kept although its question is locked",
        an_autosave_comes_after_its_lock,
        Edit(
            "services/sessions.py",
            "an autosave is judged by the locks and the clocks of the paper",
            "past = set[str]()",
        ),
    ),
    Bug(
        "a draft from after its lock is handed in",
        a_hand_in_after_a_lock,
        Edit(
            "stores/sql/stored/finish_attempt.sql",
            "a completion merges no draft that another device put after a takeover",
            "",
        ),
    ),
    Bug(
        "an answer is given to two markers",
        two_are_about_to_mark_one_answer,
        Edit("stores/sql/fragments/claim_is_free.sql", "an answer is given to one marker at a time", "true"),
    ),
    Bug(
        "an answer is marked that another holds",
        two_are_about_to_mark_one_answer,
        Edit("stores/sql/set_grades.sql", "nobody marks what another holds", ""),
    ),
    Bug(
        "a mark is made for what its marker did not see",
        two_mark_one_answer_that_both_have_read,
        Edit("stores/sql/set_grades.sql", "a mark is compared with the row that its marker saw", ""),
    ),
    Bug(
        "a patch is of a quiz that was another before",
        two_authors_change_one_quiz,
        Edit(
            "stores/sql/put_quiz.sql",
            "a quiz is changed at the revision that its new rules were made from",
            "",
            lines=4,
        ),
    ),
    Bug(
        "a regrade takes a mark away",
        a_regrade_comes_with_a_mark,
        Edit(
            "stores/sql/save_grades.sql",
            "a score is saved only for the row that it was summed from",
            "",
        ),
    ),
)
OTHERS = (
    # Without its lock the flush changes nothing wrongly: events have the key (attempt, revision), so that of
    # two statements that judged one revision the second is refused.
    a_commit_and_a_flush_wait_for_one_row,
    a_commit_without_a_reply_is_buffered_and_flushed,
    a_flush_merges_between_a_commit_and_its_reply,
    the_reply_to_a_pause_is_lost,
    a_pause_comes_between_judging_and_putting_drafts,
    staff_hand_in_between_judging_and_putting_drafts,
    a_takeover_comes_between_judging_and_putting_drafts,
)
"""Scenarios without a bug that can be planted into one line, or of bugs that there were."""
