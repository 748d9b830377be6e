"""Every order of a scenario's steps and faults, breadth first: what is found first is the shortest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from . import promises
from .model import (
    NEVER,
    NO_DRAFTS,
    POSTGRES,
    Call,
    DatabaseAwayError,
    Environment,
    Event,
    LostReplyError,
    Protocol,
    Reply,
    Row,
    Rule,
    Stores,
    Valkey,
    ValkeyAwayError,
    words,
)
from .promises import Broken, Gap, Told

READS = (
    "get",
    "find_event",
    "read_trail",
    "recent_changes",
    "get_session",
    "get_drafts",
    "get_held",
    "get_mark",
    "get_revision",
)
HEALING = -1
"""The trouble that only a clean comparison ends; the others end with a process's own next request."""


@dataclass(frozen=True)
class Scenario:
    """Who does what, and what may go wrong.

    Attributes:
        actors: name -> its requests, one after the other: a method of `Protocol` and its arguments. If its
            process dies, the next request is another process's.
        faults: how many there may be of each kind: `lose` (a reply; what was sent may be carried out later,
            or never), `repeat` (Valkey's client sends again), `crash` (of a process), `skip` (another holds
            the row), `database` and `valkey` (away until they are back), `evict`, `empty`, `restore` (the
            first saves what Valkey has, the second brings it back), `age` (90 s pass).
        deadline: of the session.
        started: from when on the session's time counts.
        cached: whether the session is in the cache at first.
        device: the writer who alone may write at first; None if any may.
        forward: whether an answer to question 1 locks question 0.
        section: until when question 1 takes answers.
    """

    name: str
    actors: dict[str, list[tuple[Any, ...]]]
    faults: dict[str, int] = field(default_factory=dict)
    deadline: int = NEVER
    cached: bool = True
    device: str | None = None
    started: int = 0
    forward: bool = False
    section: int = NEVER


class Process(NamedTuple):
    """`node` is None once its requests are done; `floor` is what was told when the running one began.

    `quiet`: nothing else was under way at that time, and no trouble began since.
    """

    node: int | None
    request: int = 0
    replies: tuple[Any, ...] = ()
    floor: Told | None = None
    quiet: bool = False


class State(NamedTuple):
    """`flying` is what was sent by those who no longer wait for it; `trouble`, why reads may be old."""

    stores: Stores
    processes: tuple[Process, ...]
    left: tuple[int, ...]
    told: Told = Told()
    flying: tuple[tuple[str, str, tuple[Any, ...]], ...] = ()
    saved: Valkey | None = None
    database: bool = True
    valkey: bool = True
    trouble: frozenset[int] = frozenset()


class Node(NamedTuple):
    """Where a program is after what it has been told so far."""

    root: tuple[int, int, bool]
    heard: tuple[Any, ...]
    call: Call | None
    reply: Reply | None
    unwritten: bool


class Label(NamedTuple):
    """One line of a trace, put into words only when it is shown."""

    who: str
    what: Any
    reply: Any = None
    note: str = ""
    told: Reply | None = None

    def __str__(self) -> str:
        what = (self.what if isinstance(self.what, str) else words(self.what, self.reply)) + self.note
        return what if self.told is None or self.told.kind == "done" else f"{what} → {self.told}"


Next: TypeAlias = tuple[Label, State, Broken | None]


class Found(NamedTuple):
    """How many states there are, and the shortest way to a broken promise; `whole`: none was left out."""

    states: int
    whole: bool = True
    broken: Broken | None = None
    trace: tuple[Label, ...] = ()

    def listing(self) -> list[str]:
        """The trace with one line for what each does in a row."""
        return [
            f"{who} " + ", ".join(map(str, steps))
            for who, steps in groupby(self.trace, lambda label: label.who)
        ]


class Explorer:
    def __init__(
        self, scenario: Scenario, protocol: Protocol | None = None, closed: frozenset[Gap] = frozenset()
    ) -> None:
        self._scenario = scenario
        self._protocol = protocol or Protocol()
        self._excused = frozenset(Gap) - closed
        self._names = list(scenario.actors)
        self._kinds = list(scenario.faults)
        self._nodes: list[Node] = []
        self._known: dict[Any, int] = {}
        self._rested: dict[Stores, list[Stores]] = {}

    def run(self, most: int = 10_000_000) -> Found:
        row = Row("open", (None,) * len(NO_DRAFTS), 0, 0, self._scenario.deadline)
        row = row._replace(
            started=self._scenario.started, forward=self._scenario.forward, section=self._scenario.section
        )
        if self._scenario.device is not None:
            row = row._replace(device=(self._scenario.device, 0))
        valkey = Valkey(row if self._scenario.cached else None, NO_DRAFTS)
        stores = Stores(row, (Event(0, 0, "started", "", ()),), valkey)
        processes = tuple(Process(self._begin(who, 0, False)) for who in range(len(self._names)))
        first = State(stores, processes, tuple(self._scenario.faults.values()))
        came: dict[State, tuple[State, Label] | None] = {first: None}
        queue = deque([first])
        while queue and len(came) < most:
            state = queue.popleft()
            for label, after, at_once in self._steps(state):
                link, broken = (state, label), at_once
                if came.setdefault(after, link) is link:
                    # What is as it was has been looked at.
                    if broken is None and (after.stores is not state.stores or after.told is not state.told):
                        broken = next(self._broken(after), None)
                    queue.append(after)
                if broken is not None:
                    return Found(len(came), True, broken, _trace(came, state, label))
        return Found(len(came), not queue)

    def _broken(self, state: State) -> Iterator[Broken]:
        """At every moment; and if all processes died now, and the stores came back and were flushed."""
        yield from promises.of_state(state.stores, state.told)
        for stores in self._at_rest(state.stores):
            yield from promises.of_rest(stores, state.told, self._excused)

    def _at_rest(self, stores: Stores) -> list[Stores]:
        if stores not in self._rested:
            self._rested[stores] = []
            for now in {0, self._scenario.deadline + 1} if self._scenario.deadline < NEVER else {0}:
                rested = stores
                for request in [("flush", now), ("expire", now), ("heal", None)] * 2:
                    rested = self._alone(rested, *request)
                self._rested[stores].append(rested)
        return self._rested[stores]

    def _alone(self, stores: Stores, method: str, now: int | None) -> Stores:
        arguments = () if now is None else (now,)
        program = getattr(self._protocol, method)(Environment(False), *arguments)
        try:
            call = next(program)
            while True:
                replies = []
                for step in call.steps:
                    stores, reply = self._do(stores, step)
                    replies.append(reply)
                call = program.send(replies)
        except StopIteration:
            return stores

    def _do(self, stores: Stores, step: tuple[Any, ...]) -> Any:
        return getattr(self._protocol, step[0])(stores, *step[1:])

    # Programs

    def _begin(self, who: int, request: int, unwritten: bool) -> int | None:
        if request == len(self._scenario.actors[self._names[who]]):
            return None
        node = self._node((who, request, unwritten), ())
        return node if self._nodes[node].call else self._begin(who, request + 1, unwritten)

    def _node(self, root: tuple[int, int, bool], heard: tuple[Any, ...]) -> int:
        if (root, heard) not in self._known:
            who, request, unwritten = root
            method, *arguments = self._scenario.actors[self._names[who]][request]
            env = Environment(unwritten)
            program = getattr(self._protocol, method)(env, *arguments)
            call, reply = None, None
            try:
                call = next(program)
                for each in heard:
                    call = program.throw(each()) if isinstance(each, type) else program.send(each)
            except StopIteration as stop:
                call, reply = None, stop.value
            self._known[root, heard] = len(self._nodes)
            self._nodes.append(Node(root, heard, call, reply, env.unwritten))
        return self._known[root, heard]

    # Steps

    def _steps(self, state: State) -> Iterator[Next]:
        for who, process in enumerate(state.processes):
            if process.node is not None:
                yield from self._steps_of(state, who, process)
        for number, (name, store, steps) in enumerate(state.flying):
            if state.database if store == POSTGRES else state.valkey:
                rest = ((name, store, steps[1:]),) if steps[1:] else ()
                flying = (*state.flying[:number], *rest, *state.flying[number + 1 :])
                stores, reply = self._do(state.stores, steps[0])
                broken = next(promises.of_step(state.stores, stores), None)
                late = state._replace(stores=stores, flying=flying)
                yield Label(f"{name}, late,", steps[0], reply), late, broken
        yield from ((Label("fault:", what), after, None) for what, after in self._faults(state))

    def _steps_of(self, state: State, who: int, process: Process) -> Iterator[Next]:
        assert process.node is not None
        name, call = self._names[who], self._nodes[process.node].call
        assert call is not None
        alone = not state.flying and all(
            other.floor is None for number, other in enumerate(state.processes) if number != who
        )
        begun = process.floor is not None
        if not begun:
            process = process._replace(floor=state.told, quiet=alone)
        step = call.steps[len(process.replies)]
        database = call.store == POSTGRES
        failure = LostReplyError if database else ValkeyAwayError
        if not (state.database if database else state.valkey):
            away = DatabaseAwayError if database else ValkeyAwayError
            yield from self._hear(state, who, process, away, Label(name, f"finds {call.store} away"))
            return
        stores, reply = self._do(state.stores, step)
        done = state._replace(stores=stores)
        label = Label(name, step, reply)
        for broken in promises.of_step(state.stores, stores):
            yield label, done, broken
        if step[0] == "delete_session" and not alone:
            done, process = _troubled(done, HEALING), process._replace(quiet=False)
        replies = (*process.replies, reply)
        if len(replies) < len(call.steps):
            yield label, _with(done, who, process._replace(replies=replies)), None
        else:
            yield from self._hear(done, who, process, replies, label)
        for reply in _of_a_row_that_is_held(*step):
            for after in self._spend(state, "skip"):
                skipped = Label(name, "skips the row, which another holds")
                yield from self._hear(after, who, process, (reply,), skipped)
        rest = tuple(step for step in call.steps[len(process.replies) :] if step[0] not in READS)
        flying = (*state.flying, (name, call.store, rest)) if rest else state.flying
        for after in self._spend(state, "lose"):
            lost = Label(name, step, note=": no reply")
            yield from self._hear(after._replace(flying=flying), who, process, failure, lost)
        if not database and rest:
            for after in self._spend(state, "repeat"):
                again = _with(after._replace(flying=flying), who, process._replace(replies=()))
                yield Label(name, step, note=": no reply, all is sent again"), again, None
        if begun:
            for after in self._spend(state, "crash"):
                following = Process(self._begin(who, process.request + 1, False), process.request + 1)
                dead = _with(after._replace(flying=flying), who, following)
                dead = _troubled(dead, HEALING) if who in state.trouble else dead
                yield Label(name, step, note=": dies"), dead, None

    def _hear(self, state: State, who: int, process: Process, heard: Any, label: Label) -> Iterator[Next]:
        """A program goes on, to its next call or its end."""
        floor = process.floor
        assert process.node is not None
        assert floor is not None
        before = self._nodes[process.node]
        if heard is ValkeyAwayError and before.call and any(s[0] == "put_session" for s in before.call.steps):
            state, process = _troubled(state, who), process._replace(quiet=False)
        number = self._node(before.root, (*before.heard, heard))
        node = self._nodes[number]
        if node.reply is None:
            yield label, _with(state, who, process._replace(node=number, replies=())), None
            return
        reply, request = node.reply, before.root[1] + 1
        blind = ValkeyAwayError in node.heard
        if process.quiet or Gap.SLOW_READER not in self._excused:
            if reply.kind == "healed":
                state = state._replace(trouble=frozenset())
            elif reply.row and not blind:
                state = state._replace(trouble=state.trouble - {who})
        excused = self._excused
        if not state.trouble:
            excused -= {Gap.STALE_UNTIL_HEALED}
        if not blind:
            excused -= {Gap.WITHOUT_DRAFTS}
        if DatabaseAwayError not in node.heard and LostReplyError not in node.heard:
            excused -= {Gap.CONFLICT_FROM_CACHE}
        broken = next(promises.of_reply(reply, state.stores, floor, state.told, excused), None)
        following = Process(self._begin(who, request, node.unwritten), request)
        told = promises.tell(state.told, reply, HEALING in state.trouble)
        yield label._replace(told=reply), _with(state._replace(told=told), who, following), broken

    # Faults

    def _spend(self, state: State, kind: str) -> Iterator[State]:
        if kind in self._kinds:
            index = self._kinds.index(kind)
            if state.left[index]:
                left = (*state.left[:index], state.left[index] - 1, *state.left[index + 1 :])
                yield state._replace(left=left)

    def _faults(self, state: State) -> Iterator[tuple[str, State]]:
        stores, valkey = state.stores, state.stores.valkey
        if not state.database:
            yield "PostgreSQL is back", state._replace(database=True)
        if not state.valkey:
            yield "Valkey is back", state._replace(valkey=True)
        for after in self._spend(state, "database"):
            if state.database:
                yield "PostgreSQL goes away", after._replace(database=False)
        for after in self._spend(state, "valkey"):
            if state.valkey:
                yield "Valkey goes away", after._replace(valkey=False)
        for after in self._spend(state, "evict"):
            kept = valkey._replace(cached=None)
            if not self._protocol.has(Rule.EVICTION_SPARES_DRAFTS):
                kept = valkey._replace(drafts=NO_DRAFTS)
            if kept != valkey:
                evicted = after._replace(stores=stores._replace(valkey=kept))
                yield "Valkey evicts what its memory has no room for", _troubled(evicted, HEALING)
        for after in self._spend(state, "empty"):
            yield "Valkey comes back empty", self._back(after, Valkey(None, NO_DRAFTS, None, valkey.clock))
        for after in self._spend(state, "restore"):
            if state.saved is None:
                yield "Valkey saves what it has", state._replace(saved=valkey)
            else:
                back = state.saved._replace(clock=valkey.clock)
                yield "Valkey comes back as it was saved", self._back(after, back)
        for after in self._spend(state, "age"):
            if stores.recent:
                yield "90 s pass", after._replace(stores=stores._replace(recent=False))

    def _back(self, state: State, valkey: Valkey) -> State:
        """Valkey with other data: what is under way is sent again, what was lost is not shown again."""
        stores = state.stores._replace(valkey=valkey)
        processes = tuple(process._replace(replies=()) for process in state.processes)
        at = tuple(stores.row.at(q) for q in range(len(NO_DRAFTS)))
        lost = state.told.lost | promises.lost_between(state.stores, stores)
        told = state.told._replace(lost=lost, at=at)
        return _troubled(state._replace(stores=stores, told=told, processes=processes), HEALING)


def _of_a_row_that_is_held(step: str, *arguments: Any) -> Iterator[Any]:
    """What a statement that does not wait for rows returns."""
    if step == "settle" and not arguments[2]:
        yield None
    if step == "write" and not arguments[3:]:
        yield ("skipped", None)


def _with(state: State, who: int, process: Process) -> State:
    return state._replace(processes=(*state.processes[:who], process, *state.processes[who + 1 :]))


def _troubled(state: State, cause: int) -> State:
    """No comparison that runs now ends the trouble."""
    calm = tuple(process._replace(quiet=False) for process in state.processes)
    return state._replace(trouble=state.trouble | {cause}, processes=calm)


def _trace(came: dict[State, tuple[State, Label] | None], state: State, last: Label) -> tuple[Label, ...]:
    labels = [last]
    while (step := came[state]) is not None:
        state, label = step
        labels.append(label)
    return tuple(reversed(labels))
