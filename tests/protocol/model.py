"""The protocol of docs/protocol.md as a model: two stores, the single steps done to them, and who does them.

A step on a store is a method of `Protocol` that takes the stores and returns them anew with a reply. A
program is a generator that yields calls and reads like its original in manager.py or flush.py. Each `Rule`
can be left out, to see what it is there for. One session, two questions, small numbers for times.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

POSTGRES, VALKEY = "PostgreSQL", "Valkey"
QUESTIONS = 2
NEVER = 99
"""A deadline that no scenario reaches."""
ANYBODY = "-"
"""The writer of requests that do not say who sends them."""
TICK = 0.01
"""A microsecond, where the times of scenarios are minutes."""


class Rule(StrEnum):
    """What the promises rest on."""

    CACHE_PUT_COMPARES = "a cached session is written only over an older revision"
    DRAFTS_READ_FIRST = "a read takes the drafts before the session"
    READ_COMPARES_AT = "a read shows a draft only where it is later than the answer"
    COMMIT_SEES_FLUSH = "a commit's reply has what a flush merged after its statement"
    UNWRITTEN_DELETED = "a process deletes what it failed to cache before it uses Valkey again"
    HEAL = "the flush puts rows over cached sessions that are behind"
    DRAFT_PUT_COMPARES_AT = "of two drafts the later request's stays"
    DROP_COMPARES_AT = "a commit drops only drafts that are not later"
    MARK_AFTER_DRAFT = "the mark is set after the draft is written"
    MARK_COMPARED = "a mark is taken away only if it has not moved"
    MARK_KEPT_FOR_REST = "a mark stays while a draft is not dealt with"
    SKIPPED_IS_LEFT = "a row that another holds keeps its drafts and its mark"
    CLEAR_COMPARES_VALUE = "the flush clears drafts only as it read them"
    CLEAR_AFTER_ROW = "the flush caches the row, changed or not, before it clears drafts"
    CACHE_SETTLED = "a request that settles a row caches it, changed or not"
    EVICTION_SPARES_DRAFTS = "memory that runs short takes cached sessions, never drafts or marks"
    ROW_LOCKED = "a statement changes the row that it judged, under one lock"
    EVENT_IN_STATEMENT = "the event is written by the statement that changes the row"
    WRITE_ID = "a statement that is sent again looks for its write_id"
    SKIPPED_IS_SENT_AGAIN = "a write whose row another holds is sent again, and waits"
    WRITE_ID_UNIQUE = "a write_id is unique among the events"
    VERSION_IN_STATEMENT = "a version is compared with the row's"
    REPEAT_RECOGNISED = "a repeated write with version is told its first result"
    REPEAT_IS_WHOLE = "a repeat has no answer that its first sending did not have"
    REFUSED_BY_POSTGRES = "the cache refuses no answer while PostgreSQL is up"
    COMMITTED_IS_IN_ROW = "a reply says committed only of what is in the row"
    COMMIT_COMPARES_AT = "a commit without version leaves a later answer"
    AT_NEVER_LOWERED = "the time of an answer is never lowered"
    SETTLE_COMPARES_AT = "the flush merges only drafts that are later than the answer"
    FINISH_COMPARES_AT = "a completion merges only drafts that are later than the answer"
    FINISH_MERGES_DRAFTS = "a completion merges the drafts"
    FIRST_END_WINS = "what has ended stays as it ended"
    END_BOUNDS_WRITES = "no write from after the end counts"
    END_BOUNDS_DRAFTS = "no draft from after the end counts"
    LATE_MERGE = "a draft from before the end counts after it"
    LATE_IS_RECORDED = "a draft from after the end becomes an event"
    TRAIL_OF_THE_ROW = "a row that changed since the statement read the trail is left alone"
    LATE_RECORDED_ONCE = "a late answer that is recorded is not recorded again"
    BASED_ON_IN_STATEMENT = "a commit's based_on is compared with the answers in the row"
    BASED_ON_SEES_DRAFTS = "a commit with based_on reads the drafts first"
    BASED_ON_EACH = "each question has its own tag in based_on"
    BASED_ON_SPARES_OWN = "what the writer itself wrote conflicts with nothing of its own"
    PUT_AS_JUDGED = "drafts with based_on are put only where session and drafts are as they were judged"
    FORCED_IS_LATER = "a commit that names the version makes its answers later than what they replace"
    DISPLACED_IS_KEPT = "a draft that loses its place to another writer's is kept beside it"
    DROPS_OWN = "a commit drops only drafts of its answer's writer"
    DISPLACED_IS_RECORDED = "what lost its place to another writer becomes an event"
    DISPLACED_ONCE = "a displaced answer that is recorded is not recorded again"
    OUTDATED_IS_RECORDED = "a completion records what it brought too late to count"
    HAND_IN_IS_HELD = "a second hand-in is a repeat only if all that it brings is held"
    SECOND_HAND_IN_RECORDED = "what a refused hand-in brought in time, and does not count, becomes an event"
    PUT_BESIDE_OPEN = "drafts are put only beside a session that is cached as open"
    RESULTS_WAIT = "an owner is shown results once every draft from before the end is settled"
    RESULTS_END_IT = "nothing counts once results were read, or long after the end"
    MATCH_IN_STATEMENT = "the revision of If-Match is compared with the row's"
    MATCH_SEES_DRAFTS = "the drafts of If-Match are compared with those that count"
    MATCH_REPEATED = "a repeat under If-Match is the event of the next revision"
    PAUSE_STOPS_WRITES = "no answer is written while the clock stands"
    PAUSE_FROM_THE_START = "a pause gives no time from before the start"
    PAUSE_STOPS_EXPIRY = "nothing expires while its clock stands"
    DEVICE_STOPS_WRITES = "what another device sends after a takeover is not written"
    DEVICE_STOPS_DRAFTS = "a draft that another device put after a takeover is displaced"
    DEVICE_STOPS_MERGES = "a completion merges no draft that another device put after a takeover"
    DEVICE_AS_JUDGED = "where one device may write, drafts are put only where row and drafts are as judged"
    DEVICE_GIVES_WAY = "over a draft that another device put after a takeover an autosave is committed"
    TAKEOVER_HOLDS_OFF = "once a takeover has begun no other device puts a draft"
    TAKEOVER_AFTER_DRAFTS = "what was put before a takeover counts, whenever it was sent"
    LOCK_STOPS_WRITES = "no answer is written to a question that is locked, or after its section"
    LOCK_STOPS_DRAFTS = "nothing counts that came after its question was locked"
    SECTION_STOPS_DRAFTS = "nothing counts that came after the time of its section"
    LOCK_STOPS_MERGES = "a completion merges no draft from after its lock, or its section"
    PASSING_IS_COMMITTED = "an autosave that enters a section, or locks questions, is committed"
    LATE_IN_OPEN = "what came after its lock, or its section, becomes an event while the session is open"
    MARK_IN_STATEMENT = "a mark is compared with the row that its marker saw"
    MARK_HELD = "nobody marks what another holds"
    CLAIM_ONCE = "an answer is given to one marker at a time"
    SCORE_COMPARES = "a score is saved only for the row that it was summed from"
    CHAIN_HEAD_MOVES = "the head of the chain moves with the row"
    CHAIN_HEAD_OF_ROW = "an event names the event before it as the locked row has it"


class Answer(NamedTuple):
    """An answer in the row; `forced` where its commit named the version, and so replaced what it knew."""

    value: str
    at: float
    version: int
    forced: bool = False
    writer: str = ANYBODY

    def __str__(self) -> str:
        return f"{self.value}@{self.at}{by(self.writer)}"


class Draft(NamedTuple):
    value: str
    at: float
    writer: str = ANYBODY

    def __str__(self) -> str:
        return f"{self.value}@{self.at}{by(self.writer)}"


Drafts: TypeAlias = tuple[Draft | None, ...]
Placed: TypeAlias = tuple[int, Draft]
"""A question and an answer to it."""
Judged: TypeAlias = tuple[int | None, tuple[tuple[int, Draft | None], ...]]
"""The revision of the cached session (None: any that is open) and the drafts that a write was judged by."""
Held: TypeAlias = tuple[Drafts, frozenset[Placed]]
"""The drafts, and those that lost their place to another writer's."""
Trail: TypeAlias = tuple[int, frozenset[Placed], frozenset[Placed]]
Tag: TypeAlias = tuple[float, str]
"""`at` and writer of an answer that was shown."""
NO_DRAFTS: Drafts = (None,) * QUESTIONS


class Row(NamedTuple):
    """The row. `end` is the last moment whose answers count: the deadline, until the session has ended.

    `read`: its owner has been shown results. `paused`: when its clock was stopped, and the time left then.
    `started`: from when on its time counts, which may be later than its first answers.
    `device`: the writer who alone may write, and since when; None where any may.
    `forward`: an answer to question 1 locks question 0. `locked`: since when it is. `section`: until when
    question 1 takes answers. `mark`: who marked, and the points. `score`: what was summed
    last, unless it `needs_grading`.
    `head`: the revision of the event that the chain ends with; in the real row its hash.
    """

    status: str
    answers: tuple[Answer | None, ...]
    version: int
    revision: int
    end: int
    head: int = 0
    read: bool = False
    paused: tuple[int, int] | None = None
    started: int = 0
    device: tuple[str, float] | None = None
    forward: bool = False
    locked: int | None = None
    section: int = NEVER
    mark: tuple[str, int] | None = None
    score: int | None = None
    needs_grading: bool = False

    def is_past(self, question: int, at: float) -> bool:
        if question == 0:
            return self.locked is not None and at > self.locked
        return at > self.section

    def goes_on(self, questions: Any) -> bool:
        return self.forward and 1 in questions and self.locked is None

    def is_of_other_device(self, writer: str, at: float) -> bool:
        return self.device is not None and writer != self.device[0] and at > self.device[1]

    def is_stopped(self, at: int) -> bool:
        return self.paused is not None and at > self.paused[0]

    @property
    def is_open(self) -> bool:
        return self.status == "open"

    def at(self, question: int) -> float:
        answer = self.answers[question]
        return -1 if answer is None else answer.at

    def writer(self, question: int) -> str:
        answer = self.answers[question]
        return ANYBODY if answer is None else answer.writer

    def __str__(self) -> str:
        return f"{self.status} v{self.version} r{self.revision} {text(self.answers)}"


class Event(NamedTuple):
    """One change of the row; `request` is the write_id, `beside` what was not in time or lost its place.

    `before`: the revision of the event whose hash it is chained to.
    """

    revision: int
    version: int
    kind: str
    request: str
    changes: tuple[Placed, ...]
    beside: tuple[Placed, ...] = ()
    before: int = -1


class Valkey(NamedTuple):
    """The cached session, the drafts, the mark in the dirty index and the clock that the marks are made of.

    `displaced` are drafts that lost their place to another writer's. `given` is for the promises: the drafts
    that were written and marked, of which a loss is excused. `taker`: the writer who alone may put drafts,
    from before its takeover on.
    """

    cached: Row | None
    drafts: Drafts
    mark: int | None = None
    clock: int = 0
    displaced: frozenset[Placed] = frozenset()
    given: frozenset[Placed] = frozenset()
    taker: str | None = None


class Stores(NamedTuple):
    """`recent`: the row was changed in the last 90 s. `put`: every draft that was ever written.

    `held`: which marker holds the answer, and until when.
    `passed` is for the promises: answers that drafts were put over although they were judged without them;
    and so are `wrong`: what a marker did that is not promised to others, and `unheld`: there was a takeover
    that Valkey could not be told of.
    """

    row: Row
    events: tuple[Event, ...]
    valkey: Valkey
    recent: bool = True
    put: frozenset[Placed] = frozenset()
    held: tuple[str, int] | None = None
    passed: frozenset[Placed] = frozenset()
    wrong: str = ""
    unheld: bool = False


class Write(NamedTuple):
    """A request's answers; `at` is the gateway's time for it.

    `based_on`: the tags of the answers that were shown when the sent ones were begun. `match`: revision and
    drafts of the session that was shown.
    """

    name: str
    at: int
    answers: tuple[tuple[int, str], ...] = ()
    version: int | None = None
    writer: str = ANYBODY
    based_on: tuple[tuple[int, Tag | None], ...] = ()
    match: tuple[int, Drafts] | None = None

    @property
    def drafts(self) -> Drafts:
        sent = dict(self.answers)
        return tuple(Draft(sent[q], self.at, self.writer) if q in sent else None for q in range(QUESTIONS))

    @property
    def placed(self) -> tuple[Placed, ...]:
        return tuple((q, Draft(value, self.at, self.writer)) for q, value in self.answers)

    def __str__(self) -> str:
        told = "" if self.version is None else f" over v{self.version}"
        if self.based_on:
            tags = (
                f"{q}: " + ("nothing" if tag is None else f"@{tag[0]}{by(tag[1])}")
                for q, tag in self.based_on
            )
            told += f" based on {', '.join(tags)}"
        if self.match is not None:
            told += f" if r{self.match[0]} {text(self.match[1])}"
        return ", ".join(f"{draft} to {q}" for q, draft in self.placed) + told or f"@{self.at}"


class Reply(NamedTuple):
    """What a request is told: `shown` are the answers in it."""

    kind: str
    row: Row | None = None
    shown: Drafts = NO_DRAFTS
    write: Write | None = None
    outcome: str = ""

    def __str__(self) -> str:
        if self.row is None or self.kind in ("failed", "refused"):
            return self.kind + (f" ({self.outcome})" if self.outcome else "")
        return f"{self.kind}, v{self.row.version} {text(self.shown)}"


class Call(NamedTuple):
    """Steps that are sent together, to be carried out one by one."""

    store: str
    steps: tuple[tuple[Any, ...], ...]


class LostReplyError(Exception):
    """PostgreSQL's reply did not come: the statement was carried out, or will be, or never is."""


class DatabaseAwayError(Exception):
    pass


class ValkeyAwayError(Exception):
    pass


class RefusedError(Exception):
    pass


class Environment:
    """What a process keeps between two requests: whether it owes Valkey the deletion of the session."""

    def __init__(self, unwritten: bool) -> None:
        self.unwritten = unwritten


Done: TypeAlias = tuple[Stores, Any]
Steps: TypeAlias = Generator[Call, Any, Any]
Program: TypeAlias = Generator[Call, Any, Reply]


def by(writer: str) -> str:
    return "" if writer == ANYBODY else f".{writer}"


def text(items: Any) -> str:
    return "[" + " ".join("-" if item is None else str(item) for item in items) + "]"


def words(step: tuple[Any, ...], reply: Any) -> str:
    """A step as a trace shows it; what was replied, where it matters."""
    match step:
        case "overwrite", read, *inner:
            return f"{words(tuple(inner), reply)} by r{read.revision}"
        case "chain_to", head, *inner:
            return f"{words(tuple(inner), reply)} behind r{head}"
        case "write", write, *_:
            said = f"commits {write}"
        case "finish", write, drafts:
            said = f"completes {write} with {text(drafts)}"
        case "put_drafts", _, _ if reply is False:
            return "finds other than was judged"
        case "clear_drafts", *_ if reply is False:
            return "finds other than it read"
        case "settle", drafts, *_:
            said = f"settles {text(drafts)}"
        case ("put_drafts" | "clear_drafts" as name, drafts, *_):
            return f"{name.removesuffix('_drafts')}s {text(drafts)}"
        case "put_session", row, *_:
            return f"caches r{row.revision}"
        case "get_held", *_:
            drafts, displaced = reply or (NO_DRAFTS, ())
            beside = f" beside {text(draft for _, draft in sorted(displaced))}" if displaced else ""
            return "reads the drafts" + ("" if reply is None else f" {text(drafts)}{beside}")
        case "get_drafts", *_:
            return "reads the drafts" + ("" if reply is None else f" {text(reply)}")
        case "get_session", *_:
            return "reads the session" + ("" if reply is None else f" r{reply.revision}")
        case "hold_off", writer:
            return f"holds off all but {writer}" + ("" if reply in (None, -1) else f" after @{reply}")
        case name, *_:
            return WORDS[name]
    outcome = "" if reply is None else next(part for part in reply if isinstance(part, str))
    return said if outcome in ("", "written", "merged") else f"{said}: {outcome}"


REFUSED = ("closed", "paused", "other_device", "barred", "conflict", "moved", "unseen")
TRIES = 3
CHANGING = ("write", "finish", "settle", "pause", "resume", "have_device")
KEY = 1
"""The points that the key gives."""

WORDS = {
    "get": "reads the row",
    "show_results": "is shown the results",
    "pause": "stops the clock",
    "resume": "lets the clock run",
    "have_device": "takes over",
    "claim": "asks for an answer to mark",
    "set_mark_of": "marks it",
    "save_score": "saves the score",
    "find_event": "looks for its write_id",
    "insert_event": "writes the event",
    "read_trail": "looks at the trail",
    "last_event": "looks for the last event",
    "recent_changes": "asks for changed rows",
    "get_mark": "reads the mark",
    "get_revision": "reads the revision",
    "delete_session": "deletes the cached session",
    "set_mark": "marks",
    "drop_superseded": "drops superseded drafts",
    "acknowledge": "takes the mark away",
}


def merge_drafts(older: Drafts, newer: Drafts) -> Drafts:
    return tuple(
        new if new is not None and (old is None or new.at >= old.at) else old
        for old, new in zip(older, newer, strict=True)
    )


def displaced_by(older: Drafts, newer: Drafts) -> frozenset[Placed]:
    """Of two drafts for one question the one that loses its place, where they are of two writers."""
    return frozenset(
        (q, old if new.at >= old.at else new)
        for q, (old, new) in enumerate(zip(older, newer, strict=True))
        if old is not None and new is not None and old.writer != new.writer and old.value != new.value
    )


class Protocol:
    """The steps and programs, without the rules that are left out."""

    def __init__(self, without: frozenset[Rule] = frozenset()) -> None:
        self._without = without

    def has(self, rule: Rule) -> bool:
        return rule not in self._without

    def view(self, row: Row, drafts: Drafts) -> Drafts:
        """rules.view: the drafts that count over the answers."""
        compares = self.has(Rule.READ_COMPARES_AT)
        return tuple(
            draft
            if draft is not None
            and draft.at <= row.end
            and (row.at(q) < draft.at or not compares)
            and not row.is_of_other_device(draft.writer, draft.at)
            and not row.is_past(q, draft.at)
            else (answer := row.answers[q]) and Draft(answer.value, answer.at, answer.writer)
            for q, draft in enumerate(drafts)
        )

    def _unseen(self, row: Row, drafts: Drafts, write: Write) -> bool:
        """Whether the write would replace an answer of somebody else that its `based_on` does not know."""
        sent, shown = dict(write.answers), self.view(row, drafts)
        tags = dict(write.based_on)
        if not self.has(Rule.BASED_ON_EACH):
            tags = dict.fromkeys(tags, max(filter(None, tags.values()), default=None))
        for q, tag in tags.items():
            counting = shown[q]
            if counting is None or counting.value == sent[q]:
                continue
            if counting.writer == write.writer and self.has(Rule.BASED_ON_SPARES_OWN):
                continue
            at, known = tag or (-1, "")
            if counting.at > at or (counting.at == at and counting.writer != known):
                return True
        return False

    def _moved(self, row: Row, drafts: Drafts, write: Write) -> bool:
        """Whether If-Match names another state than this."""
        if write.match is None:
            return False
        revision, seen = write.match
        return (row.revision != revision and self.has(Rule.MATCH_IN_STATEMENT)) or (
            self.has(Rule.MATCH_SEES_DRAFTS) and self._counted(row, drafts) != self._counted(row, seen)
        )

    def _counted(self, row: Row, drafts: Drafts) -> Drafts:
        return tuple(
            draft
            if draft is not None
            and row.at(q) < draft.at <= row.end
            and not row.is_of_other_device(draft.writer, draft.at)
            and not row.is_past(q, draft.at)
            else None
            for q, draft in enumerate(drafts)
        )

    # PostgreSQL: each is one statement

    def get(self, stores: Stores) -> Done:
        return stores, stores.row

    def find_event(self, stores: Stores, name: str) -> Done:
        """The snapshot that a statement begins with; it locks the row after that."""
        return stores, any(event.request == name for event in stores.events)

    def write(
        self,
        stores: Stores,
        write: Write,
        drafts: Drafts = NO_DRAFTS,
        seen: bool = False,
        wait: bool = False,
    ) -> Done:
        """Database.write_answers; `seen`: sent again, it found the event of its write_id.

        Without `wait` it is one of many, and may skip the row.
        """
        row = stores.row
        forced = write.version is not None
        known = write.version if write.version is not None else row.version
        every = all if self.has(Rule.REPEAT_IS_WHOLE) else any
        ours = every(
            (a := row.answers[q]) and (a.value, a.version) == (v, known + 1) for q, v in write.answers
        )
        bounded = self.has(Rule.END_BOUNDS_WRITES)
        if seen:
            return stores, ("repeated", row)
        if (
            write.version is not None
            and row.version == known + 1
            and ours
            and self.has(Rule.REPEAT_RECOGNISED)
        ):
            return stores, ("repeated", row)
        if write.match is not None and self.has(Rule.MATCH_REPEATED):
            sent = tuple((q, value, write.writer) for q, value in write.answers)
            for event in stores.events:
                made = tuple((q, draft.value, draft.writer) for q, draft in event.changes)
                if event.revision == write.match[0] + 1 and event.kind == "answered" and made == sent:
                    return stores, ("repeated", row)
        if row.status == "completed" and bounded:
            return stores, ("closed", row)
        if (row.status == "expired" or write.at > row.end) and bounded:
            return stores, ("overdue", row)
        if row.is_of_other_device(write.writer, write.at) and self.has(Rule.DEVICE_STOPS_WRITES):
            return stores, ("other_device", row)
        if row.is_stopped(write.at) and self.has(Rule.PAUSE_STOPS_WRITES):
            return stores, ("paused", row)
        if self._is_barred(row, drafts, write):
            return stores, ("barred", row)
        if row.version != known and self.has(Rule.VERSION_IN_STATEMENT):
            return stores, ("conflict", row)
        if self._moved(row, drafts, write):
            return stores, ("moved", row)
        if self.has(Rule.BASED_ON_IN_STATEMENT) and self._unseen(row, drafts, write):
            return stores, ("unseen", row)
        counting = {
            q
            for q, _ in write.answers
            if (forced or row.at(q) <= write.at or not self.has(Rule.COMMIT_COMPARES_AT))
            and not (row.is_past(q, write.at) and self.has(Rule.LOCK_STOPS_WRITES))
        }
        answers = list(row.answers)
        for q, value in write.answers:
            if q in counting:
                at = self._made_at(write, row.at(q))
                answers[q] = Answer(value, at, row.version + 1, forced, write.writer)
        locked = write.at if row.goes_on(dict(write.answers)) else row.locked
        row = row._replace(answers=tuple(answers), version=row.version + 1, locked=locked)
        changes = tuple(each for each in write.placed if each[0] in counting)
        outdated = tuple(each for each in write.placed if each[0] not in counting)
        unique = self.has(Rule.WRITE_ID_UNIQUE) and self.has(Rule.WRITE_ID)
        if unique and any(event.request == write.name for event in stores.events):
            return stores, ("violation", stores.row)
        recorded = self.has(Rule.EVENT_IN_STATEMENT)
        stores = self._change(stores, row, "answered", write.name, changes, outdated, recorded)
        return stores, ("written", stores.row)

    def _is_barred(self, row: Row, drafts: Drafts, write: Write) -> bool:
        """Whether the write brings something new to what takes no answers any more."""
        held = [(q, each.value) for q, each in enumerate(self.view(row, drafts)) if each is not None]
        return self.has(Rule.LOCK_STOPS_WRITES) and any(
            row.is_past(q, write.at) and (q, value) not in held for q, value in write.answers
        )

    def _made_at(self, write: Write, known: float) -> float:
        """The time that an answer gets; by a commit that names the version, a later one than it replaces."""
        if not self.has(Rule.AT_NEVER_LOWERED):
            return write.at
        if write.version is not None and self.has(Rule.FORCED_IS_LATER):
            return max(write.at, round(known + TICK, 2))
        return max(write.at, known)

    def insert_event(self, stores: Stores, event: Event) -> Done:
        return stores._replace(events=tuple(sorted((*stores.events, event)))), None

    def finish(self, stores: Stores, write: Write, drafts: Drafts) -> Done:
        """Database.finish, as a completion."""
        row = stores.row
        if row.status == "completed" and self.has(Rule.FIRST_END_WINS):
            held = all(self._is_held(stores, q, value) for q, value in write.answers)
            return stores, ("repeated" if held or not self.has(Rule.HAND_IN_IS_HELD) else "closed", row)
        if (row.status == "expired" or write.at > row.end) and self.has(Rule.FIRST_END_WINS):
            return stores, ("overdue", row)
        if row.is_of_other_device(write.writer, write.at):
            return stores, ("other_device", row)
        if row.is_stopped(write.at) and write.answers:
            return stores, ("paused", row)
        if self._is_barred(row, drafts, write):
            return stores, ("barred", row)
        if write.version is not None and row.version != write.version:
            return stores, ("conflict", row)
        if self._moved(row, drafts, write):
            return stores, ("moved", row)
        if self.has(Rule.BASED_ON_IN_STATEMENT) and self._unseen(row, drafts, write):
            return stores, ("unseen", row)
        answers = list(row.answers)
        changes: list[Placed] = []
        outdated: list[Placed] = []
        own, forced = dict(write.placed), write.version is not None
        for q, draft in enumerate(drafts):
            is_past = row.is_past(q, write.at) and self.has(Rule.LOCK_STOPS_WRITES)
            if q in own and (row.at(q) <= write.at or forced) and not is_past:
                at = self._made_at(write, row.at(q))
                answers[q] = Answer(own[q].value, at, row.version + 1, forced, write.writer)
                changes.append((q, own[q]))
                continue
            if q in own and self.has(Rule.OUTDATED_IS_RECORDED) and not is_past:
                outdated.append((q, own[q]))
            if draft is None or (
                row.is_of_other_device(draft.writer, draft.at) and self.has(Rule.DEVICE_STOPS_MERGES)
            ):
                continue
            if row.is_past(q, draft.at) and self.has(Rule.LOCK_STOPS_MERGES):
                continue
            if self._counts(draft, row.at(q), write.at, Rule.FINISH_COMPARES_AT):
                answers[q] = Answer(draft.value, draft.at, row.version + 1, False, draft.writer)
                changes.append((q, draft))
        row = row._replace(
            status="completed", answers=tuple(answers), version=row.version + 1, end=write.at, paused=None
        )
        stores = self._change(stores, row, "completed", write.name, tuple(changes), tuple(outdated))
        return stores, ("written", stores.row)

    def _has(self, row: Row, question: int, value: str) -> bool:
        answer = row.answers[question]
        return answer is not None and answer.value == value

    def _is_held(self, stores: Stores, question: int, value: str) -> bool:
        """Whether the row has the answer, or the event of the completion says what became of it."""
        return self._has(stores.row, question, value) or any(
            (q, draft.value) == (question, value)
            for event in stores.events
            if event.kind == "completed"
            for q, draft in event.beside
        )

    def read_trail(self, stores: Stores) -> Done:
        """The snapshot that a statement begins with: the row's revision, what is recorded late and beside."""
        late = (event.changes for event in stores.events if event.kind == "late_answer")
        beside = (event.beside for event in stores.events if event.kind not in ("answered", "completed"))
        known = frozenset(chain.from_iterable(late)), frozenset(chain.from_iterable(beside))
        return stores, (stores.row.revision, *known)

    def settle(
        self,
        stores: Stores,
        drafts: Drafts,
        now: int,
        wait: bool,
        trail: Trail,
        displaced: frozenset[Placed] = frozenset(),
    ) -> Done:
        """Database.settle for one session: its row, the settlement, the late questions that are recorded.

        None where the row is not the one that `trail` goes with. `wait` is what the explorer asks for.
        """
        row, (revision, known, known_beside) = stores.row, trail
        others = {
            q
            for q, draft in enumerate(drafts)
            if draft is not None and row.is_of_other_device(draft.writer, draft.at)
            if self.has(Rule.DEVICE_STOPS_DRAFTS)
        }
        stops = Rule.LOCK_STOPS_DRAFTS, Rule.SECTION_STOPS_DRAFTS
        past = {
            q
            for q, draft in enumerate(drafts)
            if draft is not None and row.is_past(q, draft.at) and self.has(stops[q])
        }
        is_final = row.read and self.has(Rule.RESULTS_END_IT)
        if (any(drafts) or displaced) and row.revision != revision and self.has(Rule.TRAIL_OF_THE_ROW):
            return stores, None
        counted = [
            (q, draft)
            for q, draft in enumerate(drafts)
            if draft is not None and self._counts(draft, row.at(q), row.end, Rule.SETTLE_COMPARES_AT)
            if row.is_open or self.has(Rule.LATE_MERGE)
            if not is_final and q not in others and q not in past
        ]
        late = [
            (q, draft)
            for q, draft in enumerate(drafts)
            if draft is not None and draft.at > row.at(q) and (draft.at > row.end or is_final or q in past)
            if q not in others
        ]
        unrecorded = [
            (q, draft)
            for q, draft in late
            if (q, draft) not in known or not self.has(Rule.LATE_RECORDED_ONCE)
            if not row.is_open or (q in past and self.has(Rule.LATE_IN_OPEN))
        ]
        beside = sorted(
            each
            for each in displaced | self._overwritten(row, drafts, others)
            if each not in known_beside or not self.has(Rule.DISPLACED_ONCE)
            if self.has(Rule.DISPLACED_IS_RECORDED)
        )
        kind, changes = "unchanged", tuple(counted)
        if row.is_open and row.end < now:
            kind = "expired"
        elif counted:
            kind = "merged" if row.is_open else "late_merge"
        elif unrecorded and self.has(Rule.LATE_IS_RECORDED):
            kind, changes = "late_answer", tuple(unrecorded)
        elif beside:
            kind = "displaced"
        recorded = (
            frozenset(q for q, _ in late if not row.is_open or q in past)
            if kind in ("late_answer", "displaced", "unchanged")
            else frozenset()
        )
        if kind != "unchanged":
            answers = list(row.answers)
            for q, draft in counted:
                answers[q] = Answer(draft.value, draft.at, row.version, False, draft.writer)
            status = "expired" if kind == "expired" else row.status
            after = row._replace(status=status, answers=tuple(answers))
            stores = self._change(stores, after, kind, "", changes, tuple(beside))
        return stores, (stores.row, kind, recorded)

    def _overwritten(self, row: Row, drafts: Drafts, others: set[int]) -> frozenset[Placed]:
        """Drafts whose place an answer of another writer has taken, or that `others` put after a takeover."""
        overwritten = {
            (q, draft)
            for q, draft in enumerate(drafts)
            if draft is not None and (answer := row.answers[q]) is not None and draft.at <= answer.at
            if draft.writer != answer.writer and draft.value != answer.value
        }
        return frozenset(overwritten) | frozenset(
            (q, draft)
            for q, draft in enumerate(drafts)
            if draft is not None and q in others and not self._has(row, q, draft.value)
        )

    def overwrite(self, stores: Stores, read: Row, step: str, *args: Any) -> Done:
        """A statement that judged the row as it was `read` before."""
        done, reply = getattr(self, step)(stores._replace(row=read), *args)
        return (stores if done.row == read else done), reply

    def show_results(self, stores: Stores) -> Done:
        """Administration.show_results, to the owner."""
        row = stores.row
        if row.is_open or row.read:
            return stores, row
        stores = self._change(stores, row._replace(read=True), "results_read", "", ())
        return stores, stores.row

    def pause(self, stores: Stores, at: int) -> Done:
        """RoomStore.pause."""
        row = stores.row
        if row.is_open and row.paused is None and at <= row.end:
            end = NEVER if self.has(Rule.PAUSE_STOPS_EXPIRY) else row.end
            shows = max(at, row.started) if self.has(Rule.PAUSE_FROM_THE_START) else at
            stopped = row._replace(end=end, paused=(at, row.end - shows))
            stores = self._change(stores, stopped, "paused", "", ())
        return stores, stores.row

    def resume(self, stores: Stores, at: int) -> Done:
        """RoomStore.resume; the deadline is as far away as it was."""
        row = stores.row
        if row.is_open and row.paused is not None:
            stopped, left = row.paused
            runs = row._replace(end=max(at, stopped, row.started) + left, paused=None)
            stores = self._change(stores, runs, "resumed", "", ())
        return stores, stores.row

    def have_device(self, stores: Stores, at: int, writer: str, since: float, told: bool) -> Done:
        """DeviceStore.enter, to take over; `told` is whether Valkey knew it before."""
        row = stores.row
        if row.is_open and at <= row.end and row.device is not None and row.device[0] != writer:
            taken = row._replace(device=(writer, since))
            stores = self._change(stores, taken, "device_changed", "", ())._replace(unheld=not told)
        return stores, stores.row

    def claim(self, stores: Stores, marker: str, at: int) -> Done:
        """GradingQueueStore.claim: the one answer there is, until it is marked or ten minutes have passed."""
        if stores.row.mark is not None or (
            self._is_with_another(stores, marker, at) and self.has(Rule.CLAIM_ONCE)
        ):
            return stores, None
        return stores._replace(held=(marker, at + 10)), stores.row

    def _is_with_another(self, stores: Stores, marker: str, at: int) -> bool:
        held = stores.held
        return held is not None and held[0] != marker and held[1] > at

    def set_mark_of(self, stores: Stores, marker: str, points: int, read: Row, at: int) -> Done:
        """AdministrationStore.set_grades, if the row is as the marker has `read` it."""
        row = stores.row
        if row.mark == (marker, points):
            # Sent again, it finds its write_id.
            return stores, ("written", row)
        if row.revision != read.revision and self.has(Rule.MARK_IN_STATEMENT):
            return stores, ("moved", row)
        is_held = self._is_with_another(stores, marker, at)
        if is_held and self.has(Rule.MARK_HELD):
            return stores, ("held", row)
        if row.mark != read.mark:
            stores = stores._replace(wrong=f"{marker} replaces a mark that it did not know")
        elif is_held:
            stores = stores._replace(wrong=f"{marker} marks what another holds")
        marked = row._replace(mark=(marker, points), needs_grading=True)
        stores = self._change(stores._replace(held=None), marked, "marked", "", ())
        return stores, ("written", stores.row)

    def save_score(self, stores: Stores, summed: Row) -> Done:
        """AdministrationStore.save_grades."""
        if stores.row.revision != summed.revision and self.has(Rule.SCORE_COMPARES):
            return stores, None
        score = KEY + (0 if summed.mark is None else summed.mark[1])
        stores = self._change(stores, stores.row._replace(score=score, needs_grading=False), "graded", "", ())
        return stores, stores.row

    def last_event(self, stores: Stores) -> Done:
        """The snapshot that a statement begins with; it locks the row after that."""
        return stores, stores.events[-1].revision

    def chain_to(self, stores: Stores, head: int, step: str, *args: Any) -> Done:
        """A statement whose event names `head` as the event before it."""
        done, reply = getattr(self, step)(stores, *args)
        if len(done.events) > len(stores.events):
            last = done.events[-1]._replace(before=head)
            done = done._replace(events=(*done.events[:-1], last))
        return done, reply

    def recent_changes(self, stores: Stores) -> Done:
        return stores, stores.row.revision if stores.recent else None

    def _counts(self, draft: Draft, known: float, end: float, rule: Rule) -> bool:
        return (draft.at > known or not self.has(rule)) and (
            draft.at <= end or not self.has(Rule.END_BOUNDS_DRAFTS)
        )

    def _change(
        self,
        stores: Stores,
        row: Row,
        kind: str,
        name: str,
        changes: tuple[Placed, ...],
        beside: tuple[Placed, ...] = (),
        event: bool = True,
    ) -> Stores:
        before, revision = row.head, row.revision + 1
        row = row._replace(revision=revision, head=revision if self.has(Rule.CHAIN_HEAD_MOVES) else before)
        trail = stores.events
        if event:
            trail = (*trail, Event(revision, row.version, kind, name, changes, beside, before))
        return stores._replace(row=row, events=trail, recent=True)

    # Valkey: each is one command or script

    def get_session(self, stores: Stores) -> Done:
        return stores, stores.valkey.cached

    def get_drafts(self, stores: Stores) -> Done:
        return stores, stores.valkey.drafts

    def get_held(self, stores: Stores) -> Done:
        return stores, (stores.valkey.drafts, stores.valkey.displaced)

    def get_mark(self, stores: Stores) -> Done:
        return stores, stores.valkey.mark

    def get_revision(self, stores: Stores) -> Done:
        return stores, stores.valkey.cached and stores.valkey.cached.revision

    def delete_session(self, stores: Stores) -> Done:
        return self._set(stores, cached=None), None

    def put_session(self, stores: Stores, row: Row, if_cached: bool = False) -> Done:
        cached = stores.valkey.cached
        if cached is None:
            return (stores if if_cached else self._set(stores, cached=row)), None
        newer = row.revision > cached.revision or not self.has(Rule.CACHE_PUT_COMPARES)
        return (self._set(stores, cached=row) if newer else stores), None

    def put_drafts(
        self,
        stores: Stores,
        new: Drafts,
        judged: Judged | None = None,
    ) -> Done:
        """`judged`: the revision and the drafts, by question, that the write was judged by."""
        held, cached = stores.valkey.drafts, stores.valkey.cached
        if judged is not None:
            revision, drafts = judged
            taker = stores.valkey.taker
            is_held_off = taker is not None and any(draft.writer != taker for _, draft in _numbered(new))
            if is_held_off and self.has(Rule.TAKEOVER_HOLDS_OFF):
                return stores, False
            if (cached is None or not cached.is_open) and self.has(Rule.PUT_BESIDE_OPEN):
                return stores, False
            is_other = revision is not None and (cached is None or cached.revision != revision)
            if is_other or any(held[q] != draft for q, draft in drafts):
                if self.has(Rule.PUT_AS_JUDGED):
                    return stores, False
                others = ((q, draft) for q, draft in _numbered(held) if (q, draft) not in drafts)
                stores = stores._replace(passed=stores.passed | displaced_by(held, new) & frozenset(others))
        if self.has(Rule.DISPLACED_IS_KEPT):
            beside = stores.valkey.displaced | displaced_by(held, new)
            stores = self._set(stores, displaced=beside)
        kept = merge_drafts(held, new)
        if not self.has(Rule.DRAFT_PUT_COMPARES_AT):
            kept = tuple(draft or old for draft, old in zip(new, held, strict=True))
        return self._set(stores, drafts=kept)._replace(put=stores.put | _numbered(new)), True

    def hold_off(self, stores: Stores, writer: str) -> Done:
        """hold_off.lua: the time of the latest draft, -1 without any."""
        latest = max((draft.at for _, draft in _numbered(stores.valkey.drafts)), default=-1)
        return self._set(stores, taker=writer), latest

    def set_mark(self, stores: Stores, new: Drafts) -> Done:
        """`new` is only for the promises."""
        clock = stores.valkey.clock + 1
        given = stores.valkey.given | (_numbered(new) & stores.put)
        return self._set(stores, mark=clock, clock=clock, given=given), None

    def drop_superseded(self, stores: Stores, row: Row, questions: tuple[int, ...]) -> Done:
        return self._keep_drafts(
            stores,
            lambda q, draft: (
                q not in questions
                or (draft.at > row.at(q) and self.has(Rule.DROP_COMPARES_AT))
                or (self.has(Rule.DROPS_OWN) and draft.writer != row.writer(q))
            ),
        )

    def clear_drafts(
        self, stores: Stores, read: Drafts, displaced: frozenset[Placed], left: frozenset[int]
    ) -> Done:
        """What put_settled clears: all that was read but what is `left`, if nothing has changed since."""
        changed = (stores.valkey.drafts, stores.valkey.displaced) != (read, displaced)
        if changed and self.has(Rule.CLEAR_COMPARES_VALUE):
            return stores, False
        stores, _ = self._keep_drafts(stores, lambda q, _: read[q] is None or q in left)
        return self._set(stores, displaced=stores.valkey.displaced - displaced), True

    def acknowledge(self, stores: Stores, mark: int) -> Done:
        same = stores.valkey.mark == mark or not self.has(Rule.MARK_COMPARED)
        return (self._set(stores, mark=None) if same else stores), None

    def _keep_drafts(self, stores: Stores, keeps: Any) -> Done:
        held = stores.valkey.drafts
        kept = tuple(draft if draft is not None and keeps(q, draft) else None for q, draft in enumerate(held))
        return self._set(stores, drafts=kept), None

    def _set(self, stores: Stores, **fields: Any) -> Stores:
        return stores._replace(valkey=stores.valkey._replace(**fields))

    # Calls

    def _statement(self, *step: Any) -> Steps:
        if step[0] in CHANGING and not self.has(Rule.ROW_LOCKED):
            (row,) = yield Call(POSTGRES, (("get",),))
            step = ("overwrite", row, *step)
        if step[0] in CHANGING and not self.has(Rule.CHAIN_HEAD_OF_ROW):
            (head,) = yield Call(POSTGRES, (("last_event",),))
            step = ("chain_to", head, *step)
        (reply,) = yield Call(POSTGRES, (step,))
        return reply

    def _fetch(self, *step: Any) -> Steps:
        """Postgres.fetch: once more after a lost reply."""
        try:
            return (yield from self._statement(*step))
        except LostReplyError:
            pass
        try:
            return (yield from self._statement(*step))
        except LostReplyError:
            raise DatabaseAwayError from None

    def _write_answers(self, write: Write, drafts: Drafts) -> Steps:
        """Database.write_answers: sent again it looks for its write_id, and so does it after a violation."""
        seen = False
        again = {"lost", "violation", *(("skipped",) if self.has(Rule.SKIPPED_IS_SENT_AGAIN) else ())}
        try:
            outcome, row = yield from self._statement("write", write, drafts)
        except LostReplyError:
            outcome = "lost"
        try:
            while outcome in again:
                if self.has(Rule.WRITE_ID):
                    seen = yield from self._statement("find_event", write.name)
                outcome, row = yield from self._statement("write", write, drafts, seen, True)
            if outcome == "written" and not self.has(Rule.EVENT_IN_STATEMENT):
                event = Event(row.revision, row.version, "answered", write.name, write.placed)
                yield from self._statement("insert_event", event)
        except LostReplyError:
            raise DatabaseAwayError from None
        return outcome, row

    def _pipeline(self, env: Environment, *steps: Any, writes: bool = False) -> Steps:
        """Cache._pipeline, with what it does for sessions that it failed to write."""
        try:
            if env.unwritten:
                yield Call(VALKEY, (("delete_session",),))
                env.unwritten = False
            return (yield Call(VALKEY, steps))
        except ValkeyAwayError:
            env.unwritten |= writes and self.has(Rule.UNWRITTEN_DELETED)
            raise

    def _read(self, env: Environment) -> Steps:
        """Cache.read."""
        if self.has(Rule.DRAFTS_READ_FIRST):
            return (yield from self._pipeline(env, ("get_drafts",), ("get_session",)))
        cached, drafts = yield from self._pipeline(env, ("get_session",), ("get_drafts",))
        return drafts, cached

    def _try_read(self, env: Environment) -> Steps:
        try:
            return (yield from self._read(env))
        except ValkeyAwayError:
            return NO_DRAFTS, None

    def _put_committed(self, env: Environment, row: Row, questions: tuple[int, ...]) -> Steps:
        """Cache.put_committed; no drafts where Valkey is away."""
        steps = ("put_session", row), ("drop_superseded", row, questions), ("get_drafts",), ("get_revision",)
        try:
            *_, drafts, revision = yield from self._pipeline(env, *steps, writes=True)
            if revision is not None and revision > row.revision and self.has(Rule.COMMIT_SEES_FLUSH):
                (cached,) = yield from self._pipeline(env, ("get_session",), writes=True)
                if cached is not None:
                    since = tuple(
                        Draft(answer.value, answer.at, answer.writer)
                        if answer and answer.at > row.at(q)
                        else None
                        for q, answer in enumerate(cached.answers)
                    )
                    drafts = merge_drafts(since, drafts)
        except ValkeyAwayError:
            return NO_DRAFTS
        return drafts

    def _load(self, env: Environment) -> Steps:
        row = yield from self._fetch("get")
        with suppress(ValkeyAwayError):
            yield from self._pipeline(env, ("put_session", row), writes=True)
        return row

    def _settle_row(
        self, drafts: Drafts, now: int, wait: bool = False, displaced: frozenset[Placed] = frozenset()
    ) -> Steps:
        """Database.settle: without drafts the trail does not matter."""
        trail: Trail = (0, frozenset(), frozenset())
        for _ in range(1 + wait):
            if any(drafts) or displaced:
                trail = yield from self._fetch("read_trail")
            settled = yield from self._fetch("settle", drafts, now, wait, trail, displaced)
            if settled is not None:
                return settled
        return None

    def _settle(self, env: Environment, drafts: Drafts, at: int, wait: bool = False) -> Steps:
        """SessionManager._settle; None where another holds the row."""
        settled = yield from self._settle_row(drafts, at, wait)
        if settled is None:
            return None
        row, kind, _ = settled
        if kind != "unchanged" or self.has(Rule.CACHE_SETTLED):
            yield from self._put_committed(env, row, tuple(q for q, draft in enumerate(drafts) if draft))
        return row

    def _told(
        self, kind: str, row: Row, drafts: Drafts, write: Write | None = None, outcome: str = ""
    ) -> Reply:
        return Reply(kind, row, self.view(row, drafts), write, outcome)

    # What SessionManager does

    def commit(self, env: Environment, write: Write) -> Program:
        """update_answers: `_commit_or_buffer`."""
        try:
            return (yield from self._commit(env, write))
        except DatabaseAwayError:
            pass
        try:
            drafts, cached = yield from self._read(env)
            if cached is None:
                return Reply("failed")
            reply = (yield from self._put_drafts(env, cached, drafts, write)) or Reply("failed")
            return reply if self.has(Rule.COMMITTED_IS_IN_ROW) else reply._replace(kind="committed")
        except ValkeyAwayError:
            return Reply("failed")
        except RefusedError as error:
            if str(error) in ("expired", "over"):
                return Reply("failed")
            return Reply("refused", write=write, outcome=str(error))

    def _commit(self, env: Environment, write: Write) -> Program:
        drafts = NO_DRAFTS
        if (write.based_on or write.match) and self.has(Rule.BASED_ON_SEES_DRAFTS):
            drafts, _ = yield from self._try_read(env)
        outcome, row = yield from self._write_answers(write, drafts)
        if outcome == "overdue":
            return (yield from self._write_late(env, write))
        if outcome == "barred" and row.is_past(1, write.at):
            return (yield from self._keep_late(env, write))
        if outcome == "skipped":
            return Reply("refused", write=write, outcome="unknown")
        drafts = yield from self._put_committed(env, row, tuple(q for q, _ in write.answers))
        kind = "refused" if outcome in REFUSED else "committed"
        return self._told(kind, row, drafts, write, outcome)

    def autosave(self, env: Environment, write: Write) -> Program:
        """update_answers: `_autosave`."""
        try:
            try:
                for _ in range(TRIES):
                    drafts, row = yield from self._read(env)
                    if row is not None:
                        try:
                            if reply := (yield from self._put_drafts(env, row, drafts, write)):
                                return reply
                            continue
                        except RefusedError:
                            if not self.has(Rule.REFUSED_BY_POSTGRES):
                                raise
                    try:
                        row = yield from self._load(env)
                    except DatabaseAwayError:
                        if row is None:
                            raise
                    if reply := (yield from self._put_drafts(env, row, drafts, write)):
                        return reply
                return (yield from self._commit(env, write))
            except ValkeyAwayError:
                return (yield from self._commit(env, write))
            except RefusedError as error:
                if str(error) == "expired":
                    return (yield from self._write_late(env, write))
                if str(error) == "over":
                    return (yield from self._keep_late(env, write))
                return Reply("refused", write=write, outcome=str(error))
        except DatabaseAwayError:
            return Reply("failed")

    def _put_drafts(
        self, env: Environment, row: Row, drafts: Drafts, write: Write
    ) -> Generator[Call, Any, Reply | None]:
        """SessionManager._put_drafts; None where it is no longer as it was judged."""
        if row.status == "expired" or (row.is_open and write.at > row.end):
            raise RefusedError("expired")
        if not row.is_open:
            raise RefusedError("closed")
        if row.is_of_other_device(write.writer, write.at):
            raise RefusedError("other_device")
        sent = [q for q, _ in write.answers]
        held = (drafts[q] for q in sent)
        if self.has(Rule.DEVICE_GIVES_WAY) and any(
            draft is not None and row.is_of_other_device(draft.writer, draft.at) for draft in held
        ):
            return (yield from self._commit(env, write))
        if row.is_stopped(write.at):
            raise RefusedError("paused")
        if self._is_barred(row, drafts, write):
            raise RefusedError("over" if row.is_past(1, write.at) else "barred")
        if row.goes_on(sent) and self.has(Rule.PASSING_IS_COMMITTED):
            return (yield from self._commit(env, write))
        if write.version is not None and write.version != row.version:
            raise RefusedError("conflict")
        if self._unseen(row, drafts, write):
            raise RefusedError("unseen")
        new = tuple(
            None if draft is not None and row.is_past(q, draft.at) else draft
            for q, draft in enumerate(write.drafts)
        )
        is_bound = row.device is not None and self.has(Rule.DEVICE_AS_JUDGED)
        judged: Judged = (
            row.revision if write.based_on or is_bound else None,
            tuple((q, drafts[q]) for q in (sent if is_bound else [q for q, _ in write.based_on])),
        )
        steps = ("put_drafts", new, judged), ("set_mark", new)
        replies = yield from self._pipeline(env, *(steps if self.has(Rule.MARK_AFTER_DRAFT) else steps[::-1]))
        if False in replies:
            return None
        return self._told("buffered", row, merge_drafts(drafts, new), write)

    def _write_late(self, env: Environment, write: Write) -> Program:
        drafts, _ = yield from self._try_read(env)
        try:
            if (yield from self._settle(env, drafts, write.at)) is None:
                yield from self._settle(env, NO_DRAFTS, write.at, True)
            row = yield from self._settle(env, write.drafts, write.at, True)
        except DatabaseAwayError:
            row = None
        if row is None:
            return Reply("failed")
        if write.at > row.end:
            return Reply("refused", write=write, outcome="expired")
        return self._told("committed", row, drafts, write, "late")

    def _keep_late(self, env: Environment, write: Write) -> Program:
        """SessionManager._keep_late: what came after its section is recorded, for staff."""
        try:
            row = yield from self._load(env)
            late = tuple(
                draft
                if draft is not None
                and q == 1
                and row.is_past(q, draft.at)
                and not self._has(row, q, draft.value)
                else None
                for q, draft in enumerate(write.drafts)
            )
            kept = yield from self._settle(env, late, write.at, True)
        except DatabaseAwayError:
            return Reply("failed")
        return Reply("failed") if kept is None else Reply("refused", write=write, outcome="over")

    def complete(self, env: Environment, write: Write) -> Program:
        """complete: `_finish`."""
        ended = "ended"
        try:
            drafts, _ = yield from self._read(env)
        except ValkeyAwayError:
            drafts, ended = NO_DRAFTS, "blind"
        merged = drafts if self.has(Rule.FINISH_MERGES_DRAFTS) else NO_DRAFTS
        try:
            outcome, row = yield from self._fetch("finish", write, merged)
        except DatabaseAwayError:
            return Reply("failed")
        if outcome == "overdue":
            late = yield from self._write_late(env, write._replace(version=None))
            return late if late.kind == "failed" else Reply("refused", write=write, outcome="expired")
        if outcome == "closed":
            return (yield from self._hand_in_again(env, write, drafts))
        questions = {q for q, _ in write.answers} | {q for q, draft in enumerate(merged) if draft}
        rest = yield from self._put_committed(env, row, tuple(sorted(questions)))
        if outcome in REFUSED:
            return self._told("refused", row, rest, write, outcome)
        return self._told("completed", row, rest, write, ended if outcome == "written" else outcome)

    def _hand_in_again(self, env: Environment, write: Write, drafts: Drafts) -> Program:
        try:
            row = yield from self._settle(env, write.drafts, write.at, True)
            if row is None:
                return Reply("failed")
            lost = tuple((q, draft) for q, draft in write.placed if not self._has(row, q, draft.value))
            outdated = frozenset((q, draft) for q, draft in lost if draft.at <= row.at(q))
            if outdated and self.has(Rule.SECOND_HAND_IN_RECORDED):
                yield from self._settle_row(NO_DRAFTS, write.at, True, outdated)
        except DatabaseAwayError:
            return Reply("failed")
        if lost:
            return self._told("refused", row, drafts, write, "kept")
        return self._told("completed", row, drafts, write, "late")

    def read(self, env: Environment, at: int = 0) -> Program:
        """get_session: `_current`."""
        drafts, row = yield from self._try_read(env)
        try:
            if row is None:
                row = yield from self._load(env)
        except DatabaseAwayError:
            return Reply("failed")
        if row.is_open and at > row.end:
            with suppress(DatabaseAwayError):
                row = (yield from self._settle(env, drafts, at)) or (yield from self._load(env))
        return self._told("read", row, drafts)

    def results(self, env: Environment, at: int) -> Program:
        """Scores.results, by the owner: `Disclosure.results`."""
        drafts, row = yield from self._try_read(env)
        try:
            if row is None:
                row = yield from self._load(env)
            if row.is_open or not (yield from self._is_settled(env, row, at)):
                return self._told("read", row, drafts)
            row = yield from self._fetch("show_results")
            with suppress(ValkeyAwayError):
                yield from self._pipeline(env, ("put_session", row), writes=True)
        except (DatabaseAwayError, ValkeyAwayError):
            return Reply("failed")
        return self._told("read", row, drafts)

    def _is_settled(self, env: Environment, row: Row, at: int) -> Steps:
        if not self.has(Rule.RESULTS_WAIT):
            return True
        for _ in range(2):
            drafts, cached = yield from self._read(env)
            if cached is None or cached.is_open:
                yield from self._pipeline(env, ("put_session", row), writes=True)
                continue
            if not any(self._counted(cached, drafts)):
                return True
            return (yield from self._settle(env, drafts, at)) is not None
        return False

    def stop(self, env: Environment, at: int) -> Program:
        """Room.pause."""
        return (yield from self._act(env, "pause", at))

    def go_on(self, env: Environment, at: int) -> Program:
        """Room.resume."""
        return (yield from self._act(env, "resume", at))

    def take_over(self, env: Environment, at: int, writer: str) -> Program:
        """Devices.take_over."""
        since, told = float(at), True
        try:
            (latest,) = yield from self._pipeline(env, ("hold_off", writer))
            if self.has(Rule.TAKEOVER_AFTER_DRAFTS):
                since = max(since, latest)
        except ValkeyAwayError:
            told = False
        return (yield from self._act(env, "have_device", at, writer, since, told))

    def mark_next(self, env: Environment, marker: str, points: int, at: int) -> Program:
        """A marker who asks for an answer, reads it, and marks what was read."""
        try:
            row = yield from self._fetch("claim", marker, at)
            if row is None:
                return Reply("done", outcome="none")
            reply: Reply = yield from self._mark(row, marker, points, at)
            return reply
        except DatabaseAwayError:
            return Reply("failed")

    def mark_it(self, env: Environment, marker: str, points: int, at: int) -> Program:
        """One who marks without asking for it."""
        try:
            row = yield from self._fetch("get")
            reply: Reply = yield from self._mark(row, marker, points, at)
            return reply
        except DatabaseAwayError:
            return Reply("failed")

    def _mark(self, row: Row, marker: str, points: int, at: int) -> Steps:
        outcome, row = yield from self._fetch("set_mark_of", marker, points, row, at)
        if outcome != "written":
            return Reply("refused", outcome=outcome)
        yield from self._fetch("save_score", row)
        return Reply("done")

    def regrade(self, env: Environment) -> Program:
        """Scores.regrade: reads the row, sums, and saves."""
        try:
            row = yield from self._fetch("get")
            yield from self._fetch("save_score", row)
        except DatabaseAwayError:
            return Reply("failed")
        return Reply("done")

    def _act(self, env: Environment, action: str, *about: Any) -> Program:
        try:
            row = yield from self._fetch(action, *about)
        except DatabaseAwayError:
            return Reply("failed")
        yield from self._put_committed(env, row, ())
        # The promises are about what students are told.
        return Reply("done")

    def forge(self, env: Environment, write: Write) -> Program:
        """Somebody who has Valkey, and nothing else."""
        try:
            yield from self._pipeline(env, ("put_drafts", write.drafts), ("set_mark", write.drafts))
        except ValkeyAwayError:
            return Reply("failed")
        return Reply("done")

    # What Flusher does

    def flush(self, env: Environment, now: int) -> Program:
        """_flush: the mark, the drafts, the statement, the clean-up."""
        try:
            (mark,) = yield from self._pipeline(env, ("get_mark",))
            if mark is None:
                return Reply("done")
            (held,) = yield from self._pipeline(env, ("get_held",))
            yield from self._flush_session(env, held, mark, now)
        except (ValkeyAwayError, DatabaseAwayError):
            return Reply("failed")
        return Reply("done")

    def expire(self, env: Environment, now: int) -> Program:
        """_expire: also without Valkey, and it takes no marks away."""
        try:
            row = yield from self._fetch("get")
            if not row.is_open or row.end >= now:
                return Reply("done")
            held: Held = NO_DRAFTS, frozenset()
            with suppress(ValkeyAwayError):
                (held,) = yield from self._pipeline(env, ("get_held",))
            yield from self._flush_session(env, held, None, now)
        except (ValkeyAwayError, DatabaseAwayError):
            return Reply("failed")
        return Reply("done")

    def _flush_session(self, env: Environment, held: Held, mark: int | None, now: int) -> Steps:
        drafts, displaced = held
        settled = yield from self._settle_row(drafts, now, displaced=displaced)
        if settled is None:
            if mark is not None and not self.has(Rule.SKIPPED_IS_LEFT):
                yield from self._pipeline(env, ("acknowledge", mark))
            return
        row, kind, recorded = settled
        done = tuple(
            draft
            if draft is not None
            and (draft.at <= row.at(q) or q in recorded or row.is_of_other_device(draft.writer, draft.at))
            else None
            for q, draft in enumerate(drafts)
        )
        left = frozenset(q for q, draft in enumerate(drafts) if draft is not None and done[q] is None)
        steps: list[tuple[Any, ...]] = []
        if kind != "unchanged" or (any(done) and self.has(Rule.CLEAR_AFTER_ROW)):
            steps.append(("put_session", row, not any(done)))
        steps.append(("clear_drafts", drafts, displaced, left))
        *_, cleared = yield from self._pipeline(env, *steps, writes=True)
        # Only once they are cleared: so it does not matter whether the mark was read before the drafts.
        if mark is not None and cleared and (not left or not self.has(Rule.MARK_KEPT_FOR_REST)):
            yield from self._pipeline(env, ("acknowledge", mark))

    def heal(self, env: Environment) -> Program:
        """_heal."""
        if not self.has(Rule.HEAL):
            return Reply("done")
        try:
            revision = yield from self._fetch("recent_changes")
            if revision is None:
                return Reply("done")
            (known,) = yield from self._pipeline(env, ("get_revision",))
            if known is not None and known < revision:
                row = yield from self._fetch("get")
                yield from self._pipeline(env, ("put_session", row, True), writes=True)
        except (ValkeyAwayError, DatabaseAwayError):
            return Reply("failed")
        return Reply("healed")


def _numbered(drafts: Drafts) -> frozenset[Placed]:
    return frozenset((q, draft) for q, draft in enumerate(drafts) if draft is not None)
