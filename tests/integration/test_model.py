"""The manager beside a model of it in plain Python: whatever happens, both show the same session.

The model knows one attempt, has no stores and does everything at once. It is written from the rules, not
from the SQL, so that a mistake would have to be made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from uuid import UUID

import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from quiz_sessions.errors import (
    QuizSessionsError,
    SessionClosedError,
    SessionExpiredError,
    VersionConflictError,
)
from quiz_sessions.flush import Flusher
from quiz_sessions.models import Session
from quiz_sessions.wiring import build_services
from tests.builders import SECOND, START
from tests.conftest import Stores

LIMIT = 1800 * SECOND
CURRENT = "current_question"
OPEN = ("started", "in_progress")

Value = tuple[Any, int]
"""An answer and when the gateway received it."""


class RefusedError(Exception):
    """The model refuses what the manager must refuse with the error of this kind."""

    def __init__(self, kind: type[QuizSessionsError]) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass
class Model:
    """One attempt."""

    status: str = "started"
    version: int = 0
    deadline: int = START + LIMIT
    ended: int | None = None
    committed: dict[str, Value] = field(default_factory=dict)
    committed_by: dict[str, int] = field(default_factory=dict)
    drafts: dict[str, Value] = field(default_factory=dict)
    dirty: bool = False

    # The current question moves by the rules of an answer, so it is kept as one more of them.

    def overdue(self, at: int) -> bool:
        return self.status in OPEN and at > self.deadline

    def end(self) -> int:
        return self.deadline if self.ended is None else self.ended

    def counting(self) -> dict[str, Value]:
        return {
            name: (value, at) for name, (value, at) in self.drafts.items() if self.at(name) < at <= self.end()
        }

    def at(self, name: str) -> int:
        return self.committed[name][1] if name in self.committed else -1

    def expire(self, now: int) -> None:
        """What any touch and the flush do to an attempt whose time is over."""
        if self.overdue(now):
            self.merge()
            self.status, self.ended = "expired", self.deadline

    def merge(self) -> None:
        """Drafts that count become answers."""
        counting = self.counting()
        for name, value in counting.items():
            self.committed[name] = value
            self.committed_by[name] = self.version
        if counting and self.status == "started":
            self.status = "in_progress"
        self.forget_superseded(self.drafts)

    def forget_superseded(self, names: Any) -> None:
        for name in list(names):
            if name in self.drafts and self.drafts[name][1] <= self.at(name):
                del self.drafts[name]

    def late(self, new: dict[str, Value], at: int) -> None:
        """A write that PostgreSQL finds too late."""
        self.expire(at)
        self.merge()
        for name, value in new.items():
            if self.at(name) < value[1] <= self.end():
                self.committed[name] = value
                self.committed_by[name] = self.version
        self.forget_superseded([*new, CURRENT])
        if at > self.end():
            raise RefusedError(SessionExpiredError)

    def commit(self, new: dict[str, Value], at: int, version: int | None) -> None:
        if self.status in ("completed", "abandoned"):
            raise RefusedError(SessionClosedError)
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
        if self.status == "expired" or self.overdue(at):
            self.late(new, at)
            return
        if version not in (None, self.version):
            raise RefusedError(VersionConflictError)
        self.version += 1
        self.status = "in_progress"
        self.put(new, at, insist=version is not None)

    def put(self, new: dict[str, Value], at: int, *, insist: bool) -> None:
        for name, (value, _) in new.items():
            if insist or self.at(name) <= at:
                self.committed[name] = (value, max(at, self.at(name)))
                self.committed_by[name] = self.version
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

    def finish(self, status: str, new: dict[str, Value], at: int, version: int | None) -> None:
        if self.status == status:
            return
        if self.status in ("completed", "abandoned"):
            raise RefusedError(SessionClosedError)
        if self.status == "expired" or self.overdue(at):
            self.late(new, at)
            raise RefusedError(SessionExpiredError)
        if version not in (None, self.version):
            raise RefusedError(VersionConflictError)
        self.ended = at
        merged = self.counting()
        self.version += 1
        for name, value in merged.items():
            self.committed[name] = value
            self.committed_by[name] = self.version
        self.put(new, at, insist=version is not None)
        self.forget_superseded(self.drafts)
        self.status = status

    def flush(self, now: int) -> None:
        if self.dirty:
            self.expire(now)
            self.merge()
            # Drafts from after the end are kept as events and leave the buffer.
            if self.status not in OPEN:
                self.drafts = {}
            self.dirty = bool(self.drafts)
        self.expire(now)

    def lose_cache(self) -> None:
        self.drafts, self.dirty = {}, False

    def shown(self, at: int) -> dict[str, Any]:
        """What a read at `at` shows."""
        self.expire(at)
        buffered = self.counting()
        answers = {name: value for name, (value, _) in {**self.committed, **buffered}.items()}
        current = answers.pop(CURRENT, 0)
        status = self.status
        if status == "started" and buffered.keys() - {CURRENT}:
            status = "in_progress"
        return {
            "status": status,
            "version": self.version,
            "answers": answers,
            "current_question": current,
            "buffered_questions": sorted(buffered.keys() - {CURRENT}),
        }


answers = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["A", [], {"nested": [None, 1.5]}]))
questions = st.integers(0, 3)
# How long a request was held up on its way, in microseconds.
delays = st.sampled_from([0, 0, 0, 1, SECOND, 60 * SECOND])


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
        self.runner.run(self.services.close())
        self.runner.close()

    @initialize()
    def start(self) -> None:
        session = self.run(self.services.manager.create_session("user", "quiz", at=START))
        self.session_id = session.id

    def run(self, coroutine: Coroutine[Any, Any, Session]) -> Session:
        return self.runner.run(coroutine)

    def both(self, expected: Any, coroutine: Coroutine[Any, Any, Session]) -> None:
        """Both do it, or both refuse it for the same reason."""
        refusals: list[type[QuizSessionsError] | None] = [None, None]
        try:
            self.run(coroutine)
        except QuizSessionsError as error:
            refusals[0] = type(error)
        try:
            expected()
        except RefusedError as error:
            refusals[1] = error.kind
        assert refusals[0] == refusals[1]

    def known_version(self, kind: str) -> int | None:
        return {"none": None, "current": self.model.version, "stale": max(0, self.model.version - 1)}[kind]

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
            self.services.manager.update_answer(
                self.session_id, question, answer, version=known, autosave=autosave, at=at
            ),
        )

    @rule(given=st.dictionaries(st.sampled_from("0123"), answers, max_size=2), delay=delays)
    def complete(self, given: dict[str, Any], delay: int) -> None:
        at = max(START, self.now - delay)
        new = {name: (value, at) for name, value in given.items()}
        self.both(
            lambda: self.model.finish("completed", new, at, None),
            self.services.manager.complete(self.session_id, given, at=at),
        )

    @rule()
    def abandon(self) -> None:
        self.both(
            lambda: self.model.finish("abandoned", {}, self.now, None),
            self.services.manager.abandon(self.session_id, at=self.now),
        )

    @rule()
    def flush(self) -> None:
        services = self.services
        flusher = Flusher(replace(services.parts, clock=lambda: self.now))
        # A row takes one event a run; drafts from both sides of its end are done after the second.
        for _ in range(3):
            report = self.runner.run(flusher.run())
        self.model.flush(self.now)
        assert report.dirty_sessions == int(self.model.dirty)
        assert report.flush_failures == 0

    @rule(seconds=st.sampled_from([0, 0, 1, 30, 300, 1200]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND + 1

    @rule()
    def lose_the_cached_session(self) -> None:
        with redis.Redis.from_url(self.stores.redis_url) as valkey:
            valkey.delete(f"session:{self.session_id}")

    @rule()
    def lose_the_cache(self) -> None:
        with redis.Redis.from_url(self.stores.redis_url) as valkey:
            valkey.flushall()
        self.model.lose_cache()

    @invariant()
    def both_show_the_same(self) -> None:
        if self.session_id.int == 0:
            return
        session = self.run(self.services.manager.get_session(self.session_id, at=self.now))
        assert {name: getattr(session, name) for name in self.model.shown(self.now)} == self.model.shown(
            self.now
        )


@pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning")
def test_the_manager_does_what_the_model_does(stores: Stores) -> None:
    SideBySide.stores = stores
    run_state_machine_as_test(
        SideBySide, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )
