"""The manager beside a model of it in plain Python: whatever happens, both show the same session.

The model knows one attempt, has no stores and does everything at once. It is written from the rules, not
from the SQL, so that a mistake would have to be made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quiz_sessions.bootstrap import build_services
from quiz_sessions.domain.errors import (
    DeadlineMovedError,
    LateAnswerNotFoundError,
    NoTimeLeftError,
    QuizSessionsError,
    SessionClosedError,
    SessionExpiredError,
    SessionOpenError,
    SessionStateError,
    VersionConflictError,
)
from quiz_sessions.domain.grading import Mark, parse_questions
from quiz_sessions.domain.json_values import same_value
from quiz_sessions.domain.quizzes import QuizRules, UnknownQuestions
from quiz_sessions.domain.replay import COMPARED, differences, replay
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import SECOND, START
from tests.harness.service import rebuilt
from tests.harness.stores import Stores

LIMIT = 1800 * SECOND
KEY = {"0": "A", "1": 1}
"""What is right; the quiz has an essay too, which no key grades."""
POINTS = {"0": 1, "1": 1, "2": 5}
CURRENT = "current_question"
OPEN = ("started", "in_progress")

Value = tuple[Any, int]
"""An answer and when the gateway received it."""


class RefusedError(Exception):
    """The model refuses what the manager must refuse with the error of this kind."""

    def __init__(self, kind: type[QuizSessionsError]) -> None:
        super().__init__(kind)
        self.kind = kind


def down_to_second(moment: int) -> int:
    """`moment`, or the last whole second after the start."""
    return START + (moment - START) // SECOND * SECOND


def up_to_second(moment: int) -> int:
    """`moment`, or the next whole second after the start."""
    return START - (START - moment) // SECOND * SECOND


def milliseconds(micros: int) -> int:
    """Rounded up; 0 for what is not late."""
    return max(0, -(-micros // 1000))


@dataclass
class Model:
    """One attempt at a quiz with a grace period."""

    grace: int = 0
    status: str = "started"
    version: int = 0
    deadline: int = START + LIMIT
    ended: int | None = None
    completed: int | None = None
    late_ms: int = 0
    committed: dict[str, Value] = field(default_factory=dict)
    committed_by: dict[str, int] = field(default_factory=dict)
    drafts: dict[str, Value] = field(default_factory=dict)
    dirty: bool = False
    late_answers: list[dict[str, Value]] = field(default_factory=list)
    outdated: list[tuple[str, Any]] = field(default_factory=list)
    """What came too late, each time that it did."""
    accepted: set[int] = field(default_factory=set)
    marks: dict[str, tuple[float, list[Any]]] = field(default_factory=dict)
    """What a person gave, and the `at` of the answer that it was given for."""

    # The current question moves by the rules of an answer, so it is kept as one more of them.

    def overdue(self, at: int) -> bool:
        return self.status in OPEN and at > self.end()

    def end(self) -> int:
        return self.deadline + self.grace if self.ended is None else self.ended

    def counting(self, drafts: dict[str, Value]) -> dict[str, Value]:
        return {name: value for name, value in drafts.items() if self.at(name) < value[1] <= self.end()}

    def at(self, name: str) -> int:
        return self.committed[name][1] if name in self.committed else -1

    def value(self, name: str) -> list[Any]:
        """The committed answer, if there is one."""
        return [self.committed[name][0]] if name in self.committed else []

    def expire(self, now: int) -> None:
        """What any touch and the flush do to an attempt whose time is over."""
        if self.overdue(now):
            self.settle(self.drafts, now)

    def settle(self, drafts: dict[str, Value], now: int) -> None:
        """Drafts that count become answers; those that are too late are kept apart."""
        over, counting = self.overdue(now), self.counting(drafts)
        for name, value in counting.items():
            self.committed[name] = value
            self.committed_by[name] = self.version
            self.note_lateness(value[1] if name != CURRENT else 0)
        if over:
            self.status, self.ended = "expired", self.end()
        elif counting and self.status == "started":
            self.status = "in_progress"
        elif not counting and self.status not in OPEN:
            self.keep_late(drafts)
        self.forget_superseded(self.drafts)

    def keep_late(self, drafts: dict[str, Value]) -> None:
        known = [(name, value) for late in self.late_answers for name, value in late.items()]
        latest = {name: value[0] for name, value in known}
        late = {
            name: value
            for name, value in drafts.items()
            if name != CURRENT
            and value[1] > max(self.at(name), self.end())
            and (name, value) not in known
            and not (name in latest and same_value(latest[name], value[0]))
        }
        if late:
            self.late_answers.append(late)

    def note_lateness(self, at: int) -> None:
        self.late_ms = max(self.late_ms, milliseconds(at - self.deadline))

    def forget_superseded(self, names: Any) -> None:
        for name in list(names):
            if name in self.drafts and self.drafts[name][1] <= self.at(name):
                del self.drafts[name]

    def late(self, new: dict[str, Value], at: int) -> None:
        """A write that PostgreSQL finds too late."""
        self.settle(self.drafts, at)
        self.settle(new, at)
        if at > self.end():
            raise RefusedError(SessionExpiredError)

    def commit(self, new: dict[str, Value], at: int, version: int | None) -> None:
        repeated = (
            version is not None
            and self.version == version + 1
            and all(
                name == CURRENT
                or (
                    (name in self.committed and self.committed[name][0] == value)
                    and self.committed_by[name] == self.version
                )
                for name, (value, _) in new.items()
            )
        )
        if repeated:
            return
        if self.status in ("completed", "abandoned"):
            raise RefusedError(SessionClosedError)
        if self.status == "expired" or self.overdue(at):
            self.late(new, at)
            return
        if version not in (None, self.version):
            raise RefusedError(VersionConflictError)
        self.version += 1
        self.status = "in_progress"
        self.put(new, at, insist=version is not None)
        self.note_lateness(at)

    def put(self, new: dict[str, Value], at: int, *, insist: bool) -> None:
        for name, (value, _) in new.items():
            if insist or self.at(name) <= at:
                self.committed[name] = (value, max(at, self.at(name) + (insist and name != CURRENT)))
                self.committed_by[name] = self.version
            else:
                self.outdated.append((name, value))
        self.forget_superseded([*new, CURRENT])

    def autosave(self, new: dict[str, Value], at: int, version: int | None) -> None:
        if self.status == "expired" or self.overdue(at):
            self.late(new, at)
            return
        if self.status not in OPEN:
            raise RefusedError(SessionClosedError)
        if version not in (None, self.version):
            raise RefusedError(VersionConflictError)
        for name, value in new.items():
            if name not in self.drafts or value[1] >= self.drafts[name][1]:
                self.drafts[name] = value
        self.dirty = True

    def finish(self, status: str, new: dict[str, Value], at: int, known: int | None = None) -> None:
        if self.status in ("completed", "abandoned"):
            self.finish_again(status, new)
            return
        if self.status == "expired" or self.overdue(at):
            self.late(new, at)
            raise RefusedError(SessionExpiredError)
        if known is not None and self.deadline > known:
            raise RefusedError(DeadlineMovedError)
        self.ended = at
        self.outdated = []
        merged = self.counting(self.drafts)
        self.version += 1
        for name, value in merged.items():
            self.committed[name] = value
            self.committed_by[name] = self.version
        self.put(new, at, insist=False)
        self.note_lateness(at)
        self.forget_superseded(self.drafts)
        self.status = status
        if status == "completed":
            self.completed = min(at, self.deadline)

    def finish_again(self, status: str, new: dict[str, Value]) -> None:
        """What it brings may be held already, may count, or is kept apart."""
        if self.status == status and all(
            self.holds(name, value) or (name, value) in self.outdated for name, (value, _) in new.items()
        ):
            return
        others = {name: value for name, value in new.items() if not self.holds(name, value[0])}
        if others:
            self.settle(others, max(at for _, at in others.values()))
        if self.status != status or not all(self.holds(name, value) for name, (value, _) in new.items()):
            raise RefusedError(SessionClosedError)

    def holds(self, name: str, value: Any) -> bool:
        return name in self.committed and self.committed[name][0] == value

    def extend(self, seconds: int, now: int) -> None:
        if self.status in ("completed", "abandoned"):
            raise RefusedError(SessionClosedError)
        if self.status == "expired" or self.overdue(now):
            raise RefusedError(SessionStateError)
        # What has been used is not taken back.
        least = min(self.deadline, up_to_second(min(now, self.deadline)))
        deadline = max(self.deadline + seconds * SECOND, least)
        if deadline == self.deadline:
            raise RefusedError(NoTimeLeftError)
        self.move_deadline(deadline)

    def reopen(self, seconds: int, now: int) -> None:
        self.expire(now)
        if self.status in OPEN:
            raise RefusedError(SessionStateError)
        self.status = "in_progress" if self.version or self.committed.keys() - {CURRENT} else "started"
        self.ended = self.completed = None
        self.move_deadline(down_to_second(now) + seconds * SECOND)

    def move_deadline(self, deadline: int) -> None:
        """What was late for the former one is less so now."""
        self.late_ms = max(0, self.late_ms - max(0, deadline - self.deadline) // 1000)
        self.deadline = deadline

    def accept(self, number: int) -> None:
        """Let late answers count."""
        if number >= len(self.late_answers):
            raise RefusedError(LateAnswerNotFoundError)
        if number in self.accepted:
            return
        self.accepted.add(number)
        for name, value in self.late_answers[number].items():
            if value[1] > self.at(name):
                self.committed[name] = value
                self.committed_by[name] = self.version
                self.note_lateness(value[1])

    def mark(self, name: str, points: float | None, now: int) -> None:
        self.expire(now)
        if self.status in OPEN:
            raise RefusedError(SessionOpenError)
        if self.status == "abandoned":
            raise RefusedError(SessionClosedError)
        self.marks.pop(name, None)
        if points is not None:
            self.marks[name] = (points, self.value(name))

    def flush(self, now: int) -> None:
        if self.dirty:
            # A row takes one event a run; drafts from both sides of its end are done after the second.
            for _ in range(3):
                self.settle(self.drafts, now)
            # Drafts from after the end are kept as events and leave the buffer.
            if self.status not in OPEN:
                self.drafts = {}
            self.dirty = bool(self.drafts)
        self.expire(now)

    def lose_cache(self) -> None:
        self.drafts, self.dirty = {}, False

    def score(self) -> tuple[float | None, float | None, str | None]:
        """The sum of what the key and persons gave, once it has ended."""
        if self.status not in ("completed", "expired"):
            return None, None, None
        score, waiting = 0.0, False
        for name, worth in POINTS.items():
            if name in self.marks:
                points, answer = self.marks[name]
                # For an equal answer, whenever it was given.
                holds = answer == self.value(name)
                score += points if holds else 0
                waiting = waiting or not holds
            elif name not in KEY:
                waiting = waiting or name in self.committed
            elif name in self.committed and self.committed[name][0] == KEY[name]:
                score += worth
        return score, float(sum(POINTS.values())), "pending" if waiting else "done"

    def shown(self, at: int) -> dict[str, Any]:
        """What a read at `at` shows."""
        self.expire(at)
        buffered = self.counting(self.drafts)
        answers = {name: value for name, (value, _) in {**self.committed, **buffered}.items()}
        current = answers.pop(CURRENT, 0)
        status = self.status
        if status == "started" and buffered.keys() - {CURRENT}:
            status = "in_progress"
        latest = max((at for name, (_, at) in buffered.items() if name != CURRENT), default=0)
        score, max_score, grading = self.score()
        return {
            "status": status,
            "version": self.version,
            "answers": answers,
            "current_question": current,
            "buffered_questions": sorted(buffered.keys() - {CURRENT}),
            "expires_at": from_micros(self.deadline),
            "completed_at": None if self.completed is None else from_micros(self.completed),
            "late_ms": max(self.late_ms, milliseconds(latest - self.deadline)),
            "score": score,
            "max_score": max_score,
            "grading": grading,
        }


answers = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["A", [], {"nested": [None, 1.5]}]))
questions = st.integers(0, 3)
# How long a request was held up on its way, in microseconds.
delays = st.sampled_from([0, 0, 0, 1, SECOND, 60 * SECOND])
# Nothing much happens after the end, so most runs are to be kept from it for a while.
earnest = st.sampled_from([False, False, False, True])
# What passes before a request with no one looking: up to the end of a grace period, or past it.
pauses = st.sampled_from([0, 0, 0, 0, 0, 0, SECOND // 2, 30 * SECOND, 1830 * SECOND + 1])


class SideBySide(RuleBasedStateMachine):
    """Drives both through the same steps."""

    stores: ClassVar[Stores]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stores.clear()
        self.services = build_services(self.stores.settings, pool_size=2)
        self.model = Model()
        self.now = START
        self.session_id = UUID(int=0)

    def teardown(self) -> None:
        try:
            if self.session_id.int:
                self.the_trail_tells_the_same()
        finally:
            self.runner.run(self.services.close())
            self.runner.close()

    def the_trail_tells_the_same(self) -> None:
        found = self.runner.run(self.services.audit.verify(self.session_id))
        assert found.intact, found
        (row,) = self.runner.run(self.services.stores.attempts.get([self.session_id]))
        trail = self.runner.run(self.services.audit.events(self.session_id)).events
        told = replay(row, trail)
        assert {name: getattr(told, name) for name in COMPARED} == {
            name: getattr(row, name) for name in COMPARED
        }
        assert differences(row, told) == []
        assert [event.type for event in trail].count("late_accepted") == len(self.model.accepted)

    @initialize(grace=st.sampled_from([0, 30]))
    def start(self, grace: int) -> None:
        questions = parse_questions(
            {
                **{name: {"points": points} for name, points in POINTS.items()},
                **{name: {"grading": "exact", "key": key} for name, key in KEY.items()},
            }
        )
        quiz = QuizRules(
            time_limit_seconds=LIMIT // SECOND,
            grace_seconds=grace,
            unknown_questions=UnknownQuestions.ACCEPT,
            questions=questions,
        )
        self.runner.run(self.services.administration.put_quiz("quiz", quiz, at=START))
        session = self.run(self.services.sessions.create_session("user", "quiz", at=START))
        self.session_id = session.id
        self.model.grace = grace * SECOND

    def run(self, coroutine: Coroutine[Any, Any, Session]) -> Session:
        return self.runner.run(coroutine)

    def both(self, expected: Any, coroutine: Coroutine[Any, Any, object]) -> None:
        """Both do it, or both refuse it for the same reason."""
        refusals: list[type[QuizSessionsError] | None] = [None, None]
        try:
            self.runner.run(coroutine)
        except QuizSessionsError as error:
            refusals[0] = type(error)
        try:
            expected()
        except RefusedError as error:
            refusals[1] = error.kind
        assert refusals[0] == refusals[1]

    def known_version(self, kind: str) -> int | None:
        return {"none": None, "current": self.model.version, "stale": max(0, self.model.version - 1)}[kind]

    @rule(question=questions, answer=answers, autosave=st.booleans(), after=st.sampled_from([1, SECOND]))
    def write_too_late(self, question: int, answer: Any, autosave: bool, after: int) -> None:
        self.now = max(self.now, self.model.end() + after)
        new = {str(question): (answer, self.now), CURRENT: (question + 1, self.now)}
        act = self.model.autosave if autosave else self.model.commit
        self.both(
            lambda: act(new, self.now, None),
            self.services.sessions.update_answer(
                self.session_id, question, answer, autosave=autosave, at=self.now
            ),
        )

    @rule(
        question=questions,
        answer=answers,
        delay=delays,
        version=st.sampled_from(["none", "none", "current", "stale"]),
        autosave=st.booleans(),
    )
    def write(self, question: int, answer: Any, delay: int, version: str, autosave: bool) -> None:
        at = max(START, self.now - delay)
        known = self.known_version(version)
        new = {str(question): (answer, at), CURRENT: (question + 1, at)}
        act = self.model.autosave if autosave else self.model.commit
        self.both(
            lambda: act(new, at, known),
            self.services.sessions.update_answer(
                self.session_id, question, answer, version=known, autosave=autosave, at=at
            ),
        )

    @rule(
        given=st.dictionaries(st.sampled_from("0123"), answers, max_size=2),
        delay=delays,
        known=st.sampled_from([None, None, START + LIMIT]),
        early=earnest,
    )
    def complete(self, given: dict[str, Any], delay: int, known: int | None, early: bool) -> None:
        if self.model.status in OPEN and not early:
            return
        at = max(START, self.now - delay)
        new = {name: (value, at) for name, value in given.items()}
        deadline = None if known is None else from_micros(known)
        self.both(
            lambda: self.model.finish("completed", new, at, known),
            self.services.sessions.complete(self.session_id, given, deadline=deadline, at=at),
        )

    @rule(early=earnest)
    def abandon(self, early: bool) -> None:
        if self.model.status in OPEN and not early:
            return
        self.both(
            lambda: self.model.finish("abandoned", {}, self.now),
            self.services.sessions.abandon(self.session_id, at=self.now),
        )

    @rule(seconds=st.sampled_from([1, 60, 600, -1, -60, -600, -7200]), later=pauses)
    def extend(self, seconds: int, later: int) -> None:
        self.now += later
        self.both(
            lambda: self.model.extend(seconds, self.now),
            self.services.administration.extend(self.session_id, seconds, "why", at=self.now),
        )

    @rule(seconds=st.sampled_from([1, 300]), later=pauses)
    def reopen(self, seconds: int, later: int) -> None:
        self.now += later
        self.both(
            lambda: self.model.reopen(seconds, self.now),
            self.services.administration.reopen(self.session_id, seconds, "why", at=self.now),
        )

    @rule(number=st.integers(0, 2))
    def accept_a_late_answer(self, number: int) -> None:
        listed = self.runner.run(self.services.administration.late_answers(self.session_id)).late_answers
        kept = [
            {name: (value["answer"], value["at"]) for name, value in late.answers.items()} for late in listed
        ]
        assert kept == self.model.late_answers
        assert {place for place, late in enumerate(listed) if late.accepted} == self.model.accepted
        event = listed[number].event if number < len(listed) else 0
        self.both(
            lambda: self.model.accept(number),
            self.services.administration.accept_late_answer(self.session_id, event, "why", at=self.now),
        )

    @rule(name=st.sampled_from([*POINTS]), points=st.sampled_from([0.5, 0.5, None]))
    def mark(self, name: str, points: float | None) -> None:
        given = {name: None if points is None else Mark(points)}
        self.both(
            lambda: self.model.mark(name, points, self.now),
            self.services.scores.set_grades(self.session_id, given, at=self.now),
        )

    @rule()
    def flush(self) -> None:
        services = self.services
        flusher = rebuilt(services, clock=lambda: self.now).flusher
        # A row takes one event a run; drafts from both sides of its end are done after the second.
        for _ in range(3):
            report = self.runner.run(flusher.run())
        self.model.flush(self.now)
        assert report.dirty_sessions == int(self.model.dirty)
        assert report.flush_failures == 0

    @rule(seconds=st.sampled_from([0, 0, 1, 30, 300, 1200]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND + 1

    @rule(offset=st.sampled_from([-SECOND, 0, 1, 10 * SECOND, 30 * SECOND, 30 * SECOND + 1]))
    def wait_for_the_deadline(self, offset: int) -> None:
        self.now = max(self.now, self.model.deadline + offset)

    @rule()
    def lose_the_cached_session(self) -> None:
        with self.stores.cache() as valkey:
            valkey.delete(f"session:{self.session_id}")

    @rule()
    def lose_the_cache(self) -> None:
        with self.stores.cache() as valkey:
            valkey.flushall()
        self.model.lose_cache()

    @invariant()
    def both_show_the_same(self) -> None:
        if self.session_id.int == 0:
            return
        # The list first: the read expires what is overdue.
        (listed,) = self.runner.run(self.services.audit.find(user_id="user", at=self.now)).sessions
        session = self.run(self.services.sessions.get_session(self.session_id, at=self.now))
        assert {name: getattr(session, name) for name in self.model.shown(self.now)} == self.model.shown(
            self.now
        )
        told = self.runner.run(self.services.sessions.get_deadline(self.session_id, at=self.now))
        assert listed.status == told.status == session.status
        assert (listed.version, listed.late_ms) == (session.version, session.late_ms)


@pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning")
def test_the_manager_does_what_the_model_does(stores: Stores) -> None:
    SideBySide.stores = stores
    run_state_machine_as_test(
        SideBySide, settings=settings(max_examples=80, stateful_step_count=30, deadline=None)
    )
