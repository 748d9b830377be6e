"""Holds every acknowledgement against the table, the trail and the API; docs/reliability.md has the promises.

It shares no rule with the service: what it needs of them it says again, in its own words.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import jwt

from tests.harness.students import Kind

from .history import Act, Action, Ledger, Mark, Shown, Try, Typed, Weather
from .students import SECTION_SECONDS

ENDED: Final = ("completed", "abandoned", "expired")
ENDS: Final = {Kind.COMPLETE: "completed", Kind.ABANDON: "abandoned"}
COUNTS_UP: Final = ("answered", "completed", "abandoned")
"""Events of changes that a client makes; each is a version."""
CLOCK_SECONDS: Final = 0.005
"""A browser tells the time in milliseconds."""
EVENT_OF: Final = {Action.PAUSE: "paused", Action.RESUME: "resumed", Action.HAND_IN: "completed"}


@dataclass(frozen=True, slots=True)
class Event:
    """A row of attempt_events; `at` in microseconds."""

    revision: int
    version: int
    type: str
    at: int
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, Any]:
        found: dict[str, Any] = self.changes.get("answers", {})
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """A row of quiz_attempts; `ended_at` and `paused_at` in microseconds.

    Attributes:
        later_seconds: how much later its deadline is than its time limit says.
        results: question -> what it earned, once it was graded; None before.
    """

    user: str
    status: str
    version: int
    revision: int
    answers: dict[str, Any]
    answer_meta: dict[str, Any]
    ended_at: int | None = None
    quiz: str = "long"
    paused_at: int | None = None
    pause_seconds: int = 0
    later_seconds: float = 0
    marks: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] | None = None
    needs_grading: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What staff and devices have made of a session, by its trail up to some event.

    Attributes:
        paused_at: since when its clock stands; None while it runs.
        pause_seconds: how long it has stood, each pause rounded up.
        device: the client that alone may write, since `device_since`; None where any may. It came for it at
            `device_came`, which is earlier where a later draft had been put before.
    """

    paused_at: int | None = None
    session_paused: bool = False
    quiz_paused: bool = False
    pause_seconds: int = 0
    device: str | None = None
    device_since: int = 0
    device_came: int = 0
    started_at: int = 0

    def after(self, event: Event, clients: Mapping[int, str | None]) -> State:
        """`clients`: who sent what came at which time."""
        state = replace(self, started_at=event.at) if event.type == "started" else self
        if "device" in event.changes:
            state = replace(
                state,
                device=clients.get(event.at, "nobody"),
                device_since=event.changes["device_since"],
                device_came=event.at,
            )
        if event.type in ("paused", "resumed"):
            state = replace(
                state,
                session_paused=event.changes.get("session_paused", state.session_paused),
                quiz_paused=event.changes.get("quiz_paused", state.quiz_paused),
            )
        if event.type == "paused" and state.paused_at is None:
            return replace(state, paused_at=event.at)
        if state.paused_at is not None and (
            event.type in ENDS.values() or not (state.session_paused or state.quiz_paused)
        ):
            # A pause that came before the start keeps nothing from running until then.
            stood = max(0, -((max(state.paused_at, state.started_at) - event.at) // 1_000_000))
            return replace(
                state,
                paused_at=None,
                session_paused=False,
                quiz_paused=False,
                pause_seconds=state.pause_seconds + stood,
            )
        return state

    def is_stopped(self, at: int) -> bool:
        """Whether the clock stands, and stood at that time."""
        return self.paused_at is not None and at > self.paused_at

    def is_of_other_device(self, client: str | None, at: int) -> bool:
        """Whether what came then comes from one that may no longer write."""
        return self.device not in (None, client) and at > self.device_since


@dataclass(slots=True)
class Evidence:
    """All there is to know after a run: the students' records, and what was found when all was quiet.

    Attributes:
        verified: what `GET /sessions/{id}/verify` said.
        audited: what an auditor found in `GET /sessions/{id}/events`.
        read: what each process replied to `GET /sessions/{id}` at the end.
        dirty: sessions in the dirty index, or set aside.
        drafts: session -> question -> {"at", "answer"}.
        cached: session -> revision in the cache.
        actions: how often each Idempotency-Key is in the list of staff actions, with each session or None.
        ledgers: what students at browsers typed, and were shown.
    """

    tries: Sequence[Try]
    weather: Weather
    rows: Mapping[str, Row]
    trails: Mapping[str, Sequence[Event]]
    verified: Mapping[str, Mapping[str, Any]]
    read: Mapping[str, Sequence[Mapping[str, Any]]]
    receipt_key: Mapping[str, str]
    dirty: set[str] = field(default_factory=set)
    drafts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cached: Mapping[str, int] = field(default_factory=dict)
    audited: Mapping[str, Sequence[str]] = field(default_factory=dict)
    acts: Sequence[Act] = ()
    marks: Sequence[Mark] = ()
    actions: Mapping[tuple[str, str | None], int] = field(default_factory=dict)
    ledgers: Sequence[Ledger] = ()


def violations(evidence: Evidence) -> list[str]:
    """Everything that is not as promised, each in a line."""
    tries: dict[str, list[Try]] = defaultdict(list)
    for one in evidence.tries:
        if one.session is not None and one.kind is not Kind.TRESPASS:
            tries[one.session].append(one)
    found = list(_of_all(evidence))
    for session, owned in tries.items():
        if session not in evidence.rows:
            found.append(f"{session}: acknowledged, and there is no such session")
            continue
        found += [f"{session}: {text}" for text in _Session(session, owned, evidence).violations()]
    return found


def _of_all(evidence: Evidence) -> Iterator[str]:
    starts: dict[str, str] = {}
    for one in evidence.tries:
        if one.kind is Kind.TRESPASS and one.acknowledged:
            yield f"another student's session was shown: {one}"
        if one.status is not None and one.status >= 500 and one.status != 503:
            yield f"a failure that is no 503: {one}"
        if one.key is not None and one.session is not None:
            first = starts.setdefault(one.key, one.session)
            if first != one.session:
                yield f"one Idempotency-Key has started two sessions: {first}, {one.session}"
    known = {one.session for one in evidence.tries}
    for session in sorted(evidence.dirty):
        yield f"{session}: still dirty, or set aside"
    for session in sorted(evidence.drafts.keys() - known):
        yield f"{session}: drafts of a session that nobody was told of"
    yield from _of_markers(evidence.marks)
    for act in evidence.acts:
        if any(status >= 500 and status != 503 for status in act.statuses):
            yield f"a failure that is no 503: {act.statuses} to {act}"
        if act.session is None and act.action is not Action.HAND_IN:
            yield from _of_an_act_on_all(act, evidence)


def _of_markers(marks: Sequence[Mark]) -> Iterator[str]:
    """No answer is given to one while another has it: until that one sends the mark."""
    for one in marks:
        if any(status >= 500 and status != 503 for status in one.statuses):
            yield f"a failure that is no 503: {one}"
        others = [other for other in marks if other.held and other.marker != one.marker and one.held]
        own = [other.given for other in marks if other.marker == one.marker and other.given > one.given]
        # It has it until it sends the mark, or is given another answer.
        until = min(one.sent, *own, math.inf, math.inf)
        for other in others:
            same = (one.session, one.question) == (other.session, other.question)
            if same and one.given < other.given < until:
                yield f"given to {other.marker} while {one.marker} had it: {one}"


def _of_an_act_on_all(act: Act, evidence: Evidence) -> Iterator[str]:
    """It is recorded once, whatever it changed and however often it was sent."""
    changed = sum(
        _is_of(act, event)
        for session, row in evidence.rows.items()
        if row.quiz == act.quiz
        for event in evidence.trails[session]
    )
    recorded = evidence.actions.get((act.key, None), 0)
    if recorded > 1 or (changed and not recorded):
        yield f"it changed {changed} sessions, and is {recorded} times in the list of staff actions: {act}"


def _is_of(act: Act, event: Event) -> bool:
    return event.type == EVENT_OF[act.action] and _named(event) == act.key


def _named(event: Event) -> str:
    """The Idempotency-Key of the staff action that made the event."""
    return str(event.changes.get("write_id")).partition(":")[2]


class _Session:
    """One session and everything that its student was told of it."""

    def __init__(self, session: str, tries: Sequence[Try], evidence: Evidence) -> None:
        self._tries = sorted(tries, key=lambda one: one.sent)
        self._evidence = evidence
        self._weather = evidence.weather
        self._row = evidence.rows[session]
        self._trail = evidence.trails[session]
        self._verified = evidence.verified[session]
        self._audited = evidence.audited.get(session, ())
        self._read = evidence.read[session]
        self._drafts = evidence.drafts.get(session, {})
        self._cached = evidence.cached.get(session)
        self._writers: dict[str, list[Try]] = defaultdict(list)
        for one in self._tries:
            if one.kind is not Kind.START:
                for question, answer in one.answers.items():
                    self._writers[_key(question, answer)].append(one)
        self._told = [one for one in self._tries if one.body is not None]
        self._calm = self._weather.calm()
        self._acts = [
            act
            for act in evidence.acts
            if act.session == session or (act.session is None and act.quiz == self._row.quiz)
        ]
        self._states = [State()]
        clients = {one.at: one.client for one in self._tries}
        for event in self._trail:
            if event.type == "started":
                # Whose first request may have had no reply.
                clients[event.at] = self._tries[0].client
            self._states.append(self._states[-1].after(event, clients))
        self._answers_at: dict[int, dict[str, Any]] = {}
        self._order_at: dict[int, dict[str, int]] = {}

        self._marks = [mark for mark in evidence.marks if mark.session == session]
        self._ledgers = [ledger for ledger in evidence.ledgers if ledger.session == session]
        self._limits = self._find_limits()

    def violations(self) -> Iterator[str]:
        yield from self._of_the_trail()
        yield from self._of_the_row()
        yield from self._of_the_room()
        yield from self._of_the_paper()
        for mark in self._marks:
            yield from self._of_a_mark(mark)
        for act in self._acts:
            yield from self._of_an_act(act)
        for one in self._told:
            yield from self._of_a_reply(one)
        for one in self._told:
            if one.kind in (Kind.COMMIT, Kind.AUTOSAVE):
                yield from self._of_an_acknowledgement(one)
            elif one.kind in ENDS:
                yield from self._of_an_end(one)
            elif one.kind is Kind.TAKEOVER:
                yield from self._of_a_takeover(one)
            yield from self._of_what_came_in_a_pause(one)
        for one in self._tries:
            yield from self._of_a_refusal(one)
            if one.held:
                yield from self._of_a_gain(one)
        for one in self._told:
            if one.kind in (Kind.COMMIT, Kind.AUTOSAVE, Kind.COMPLETE):
                yield from self._of_what_was_brought(one)
                yield from self._of_what_was_not_seen(one)
        yield from self._of_reads_in_their_order()
        yield from self._of_what_is_left()
        for ledger in self._ledgers:
            yield from self._of_a_ledger(ledger)

    # The trail and the row

    def _of_the_trail(self) -> Iterator[str]:
        """Without gaps, each version given out once, no older answer over a newer one."""
        answers: dict[str, Any] = {}
        order: dict[str, int] = {}
        least: dict[str, int] = {}
        version, requests = 0, set()
        shown = False
        for number, event in enumerate(self._trail):
            if event.revision != number:
                yield f"the trail has revision {event.revision} where {number} was to come"
                return
            version += event.type in COUNTS_UP
            if event.version != version:
                yield f"revision {number} ({event.type}) has version {event.version} instead of {version}"
                return
            if event.type == "answered":
                if event.at in requests:
                    yield f"version {event.version} repeats a request that had its version: at={event.at}"
                requests.add(event.at)
            shown = (shown or event.type == "results_read") and event.type != "reopened"
            if shown and event.answers:
                yield f"revision {number} ({event.type}) lets answers count although results were shown"
            for question, answer in event.answers.items():
                yield from self._of_an_answer_in_the_trail(event, question, answer, order, least)
                answers[question] = answer
            self._answers_at[number] = dict(answers)
            self._order_at[number] = dict(order)

    def _of_an_answer_in_the_trail(
        self, event: Event, question: str, answer: Any, order: dict[str, int], least: dict[str, int]
    ) -> Iterator[str]:
        """`order` and `least` are the last and the first moment at which what counts may have been given."""
        writers = self._writers.get(_key(question, answer), [])
        if not writers:
            yield f"revision {event.revision} holds an answer to {question} that nobody gave: {answer}"
            return
        known = least.get(question, -1)
        if event.type == "answered":
            insisted = any(one.version is not None for one in writers if one.at == event.at)
            at = first = event.at
        else:
            insisted = False
            # A flush of an open row takes drafts from after the moment for which it is then completed.
            end = (1 << 62) if event.type == "merged" else self._end
            times = [one.at for one in writers if one.at <= end]
            if event.type == "merged":
                # Where a browser has sent an answer in several ways, only one of them was a draft.
                own = {other.at for other in self._trail if other.type == "answered"}
                drafts = [one for one in writers if one.kind is not Kind.COMPLETE and one.status != 409]
                times = [one.at for one in drafts if one.at not in own] or times
            # Where it was sent again after a lost reply, the first one may be the draft.
            at, first = max(times, default=-1), min(times, default=-1)
        if at < known and not insisted:
            yield f"revision {event.revision} puts an older answer to {question} over a newer: {at} < {known}"
        least[question] = max(first, known)
        order[question] = max(at, order.get(question, -1))

    def _of_the_row(self) -> Iterator[str]:
        row = self._row
        if not self._trail or self._trail[-1].revision != row.revision:
            yield f"the row has revision {row.revision}, its trail has {len(self._trail)} events"
            return
        if self._answers_at.get(row.revision) != row.answers:
            yield f"the row's answers are not those of its trail: {row.answers}"
        if self._trail[-1].version != row.version:
            yield f"the row has version {row.version}, its trail {self._trail[-1].version}"
        if not self._verified.get("intact"):
            yield f"verify: {self._verified}"
        for found in self._audited:
            yield f"the audit log recomputed: {found}"
        owners = {one.student for one in self._tries}
        if owners != {row.user}:
            yield f"it belongs to {row.user}, and was given to {sorted(owners)}"
        for question, answer in row.answers.items():
            at = row.answer_meta.get(question, {}).get("at")
            # A commit that insists on its version is later than what it replaces, by microseconds.
            times = {one.at for tries in self._writers.values() for one in tries if question in one.answers}
            if at is None or not any(one <= at < one + 1000 for one in times):
                yield f"the answer to {question} has a time that is no request's: {at}"
            writers = self._writers.get(_key(question, answer), [])
            if all(one.version is None and one.at != at for one in writers):
                yield f"the answer to {question} has another request's time: {at}"

    @property
    def _end(self) -> int:
        return (1 << 62) if self._row.ended_at is None else self._row.ended_at

    # The paper: question 2 is locked by the first answer to 3, and 4 has a time of its own

    def _find_limits(self) -> dict[str, int]:
        """Question -> the last moment at which it took answers, where its paper says so."""
        limits: dict[str, int] = {}
        for event in self._trail:
            self._limit(limits, event)
        return limits

    def _limit(self, limits: dict[str, int], event: Event) -> None:
        sent = {**event.answers, **event.changes.get("outdated", {})}
        if event.type == "answered" and self._row.quiz == "paper":
            if "3" in sent:
                limits.setdefault("2", event.at)
            if "4" in sent:
                # Nothing is entered before the start, whatever the gateway's time of a request.
                limits.setdefault("4", max(event.at, self._trail[0].at) + SECTION_SECONDS * 1_000_000)

    def _last_of(self, question: str) -> int:
        """The last moment at which the question took answers."""
        return min(self._end, self._limits.get(question, self._end))

    def _of_the_paper(self) -> Iterator[str]:
        """Nothing counts that came too late for its question, and nothing was kept that would have locked."""
        # As they were before each event: what comes late may lock for a time that is past.
        limits: dict[str, int] = {}
        for event in self._trail:
            for question, answer in event.answers.items():
                writers = self._writers.get(_key(question, answer), [])
                if event.type == "answered":
                    writers = [one for one in writers if one.at == event.at]
                if writers and all(one.at > limits.get(question, 1 << 62) for one in writers):
                    yield (
                        f"revision {event.revision} ({event.type}) lets an answer count that came too late "
                        f"for question {question}: {writers[0]}"
                    )
            self._limit(limits, event)
        for one in self._told:
            if one.kind is not Kind.AUTOSAVE or one.committed or self._row.quiz != "paper":
                continue
            for question, locks in (("3", "2"), ("4", "4")):
                if question in one.answers and locks not in self._limits and not self._is_excused(one):
                    yield f"buffered, and it was to be committed for its place in the paper: {one}"
            shown = {q for section in (one.body or {})["sections"] or () for q in section["locked"]}
            if any(q in shown and one.at > self._limits.get(q, 1 << 62) for q in one.answers):
                yield f"buffered, and shown to be locked: {one}"

    # Marks

    def _of_a_mark(self, mark: Mark) -> Iterator[str]:
        """Made once at most; once acknowledged it stands until another is made, and the score has it."""
        own = [event for event in self._trail if event.type == "marked" and _named(event) == mark.key]
        if len(own) > 1:
            yield f"it was made {len(own)} times: {mark}"
        if mark.replied is None:
            return
        if not own:
            yield f"acknowledged, and never made: {mark}"
            return
        if own[0].revision != int(mark.etag.strip('"').partition("-")[0]) + 1:
            yield f"made for another state of the session than its marker saw: {mark}"
        for other in self._evidence.marks:
            # Who holds the answer has it at least until the other one's mark is sent.
            has_it = other.held and other.given < mark.given and mark.replied < other.sent
            if has_it and (other.session, other.question) == (mark.session, mark.question):
                yield f"marked while {other.marker} had it: {mark}"
        later = [
            event
            for event in self._trail
            if event.type == "marked" and event.revision > own[0].revision
            if mark.question in event.changes["marks"]
        ]
        if later:
            return
        if self._row.marks.get(mark.question, {}).get("points") != mark.points:
            yield f"acknowledged, and not in the row: {self._row.marks}, {mark}"
        result = (self._row.results or {}).get(mark.question, {})
        worth = min(mark.points, result.get("max_points", 0))
        if not self._row.needs_grading and result.get("points") != worth:
            yield f"acknowledged, and the results have {result}: {mark}"

    # What the student was told

    def _of_a_reply(self, one: Try) -> Iterator[str]:
        assert one.body is not None
        if one.body["user_id"] != self._row.user:
            yield f"a reply names {one.body['user_id']}: {one}"
        for question, answer in one.body["answers"].items():
            if _key(question, answer) not in self._writers:
                yield f"a reply shows an answer to {question} that nobody gave here: {answer} in {one}"
        if one.body.get("quiz_id") == "hidden" and one.body.get("score") is not None:
            yield f"a reply shows a score that is never shown: {one}"
        receipt = one.body.get("receipt")
        if receipt is not None:
            yield from self._of_a_receipt(one, receipt)
        elif one.kind in (Kind.COMMIT, Kind.COMPLETE, Kind.ABANDON) and one.committed:
            yield f"committed, and no receipt: {one}"

    def _of_a_receipt(self, one: Try, receipt: str) -> Iterator[str]:
        assert one.body is not None
        try:
            says = jwt.decode(receipt, jwt.PyJWK(dict(self._evidence.receipt_key)), algorithms=["EdDSA"])
        except jwt.InvalidTokenError:
            yield f"the receipt is not signed by the key: {one}"
            return
        revision, version = says["revision"], says["version"]
        if revision >= len(self._trail):
            yield f"the receipt tells of revision {revision}, which there is not: {one}"
            return
        if (says["session_id"], version) != (one.session, one.body["version"]):
            yield f"the receipt is for another state than the reply: {says}, {one}"
        if self._trail[revision].version != version:
            yield f"the receipt has version {version} at revision {revision}: {one}"
        if says["answers_sha256"] != _sha256(self._answers_at.get(revision, {})):
            yield f"the receipt's answers are not those of revision {revision}: {one}"

    def _of_an_acknowledgement(self, one: Try) -> Iterator[str]:
        if one.committed:
            yield from self._of_a_commit(one)
        elif not self._is_excused(one):
            yield from self._of_a_draft(one)

    def _of_a_commit(self, one: Try) -> Iterator[str]:
        assert one.body is not None
        version = one.body["version"]
        event = self._commit_of(one)
        if event is not None:
            if version != event.version and not (
                version > event.version and self._database_was_in_trouble(one)
            ):
                yield f"acknowledged as version {version}, committed as {event.version}: {one}"
            if one.version is not None and event.version != one.version + 1:
                yield f"insisted on version {one.version}, and was committed as {event.version}: {one}"
            kept = {**event.changes.get("outdated", {}), **event.answers}
            for question, answer in one.answers.items():
                if kept.get(question) != answer:
                    yield f"committed without the answer to {question}: {one}"
            return
        # One that came in time to a row that had expired meanwhile is merged as a draft is.
        for question, answer in one.answers.items():
            if self._row.status != "expired" or not self._counts_or_is_superseded(one, question, answer):
                yield f"acknowledged as committed, and not in the trail: {question} of {one}"

    def _commit_of(self, one: Try) -> Event | None:
        """The event of a commit, or of the one that it repeats; None where its session had expired."""
        for event in self._trail:
            if event.type == "answered" and event.at == one.at:
                return event
        if one.version is None:
            return None
        # The answers had been committed, by the version after the one that was insisted on.
        for event in self._trail:
            if (
                event.type == "answered"
                and event.version == one.version + 1
                and event.answers.items() >= one.answers.items()
            ):
                return event
        return None

    def _of_a_draft(self, one: Try) -> Iterator[str]:
        for question, answer in one.answers.items():
            if self._may_be_displaced(one) and (
                self._is_recorded(question, answer) or self._is_replaced(one, question)
            ):
                continue
            if not self._counts_or_is_superseded(one, question, answer):
                yield f"acknowledged as buffered, and lost: {question} of {one}"

    def _counts_or_is_superseded(self, one: Try, question: str, answer: Any) -> bool:
        at = self._row.answer_meta.get(question, {}).get("at", -1)
        if at > one.at or (at == one.at and self._row.answers[question] == answer):
            return True
        if at == one.at:
            # A commit that insisted on its version took the place, and the time stays.
            return any(
                w.version is not None for w in self._writers[_key(question, self._row.answers[question])]
            )
        if one.at <= self._last_of(question):
            # docs/reliability.md: its place may have been taken by one that came after the end, or its lock.
            return self._late(question) > self._last_of(question) and not one.committed
        # Made after the end: kept as a late answer, it or one that is later still.
        return self._late(question) >= one.at

    def _late(self, question: str) -> int:
        """The time of the latest answer that was kept uncounted; -1 without any."""
        late = (event.changes.get("late_answers", {}).get(question) for event in self._trail)
        return max((kept["at"] for kept in late if kept is not None), default=-1)

    def _of_an_end(self, one: Try | Act) -> Iterator[str]:
        """It stays, and what had been acknowledged before is in it."""
        status = ENDS[one.kind] if isinstance(one, Try) else "completed"
        if self._row.status != status:
            yield f"acknowledged as {status}, and is {self._row.status}: {one}"
            return
        begin = min(
            *(other.sent for other in self._tries if other.kind in ENDS),
            *(act.sent for act in self._acts if act.action is Action.HAND_IN and not self._came_before(act)),
            math.inf,
            math.inf,
        )
        if one.replied is None or not self._is_calm(begin, one.replied):
            return
        revision = next((event.revision for event in self._trail if event.type == status), -1)
        order = self._order_at.get(revision, {})
        before = [told for told in self._told if told.replied is not None and told.replied < begin]
        for question, at in self._known(before).items():
            if order.get(question, -1) < at <= self._last_of(question) and self._late(question) < 0:
                yield f"{status} without an answer to {question} that had been acknowledged (at={at}): {one}"

    def _of_a_refusal(self, one: Try) -> Iterator[str]:
        if one.status == 404:
            yield f"told that there is no such session: {one}"
        # In trouble it may have been committed by a first statement without a reply.
        committed = any(event.type == "answered" and event.at == one.at for event in self._trail)
        if one.status in (404, 409, 422) and committed and not self._database_was_in_trouble(one):
            yield f"refused, and committed all the same: {one}"
        if (
            one.code == "session_closed"
            and one.kind is Kind.COMPLETE
            and not self._database_was_in_trouble(one)
        ):
            for question, answer in one.answers.items():
                if not self._is_recorded(question, answer):
                    yield f"handed in a second time, and recorded nowhere: {question} of {one}"
        if one.code == "other_device" and not self._database_was_in_trouble(one):
            for question, answer in one.answers.items():
                if not self._is_recorded(question, answer):
                    yield f"told that another device has it, and recorded nowhere: {question} of {one}"
        if one.code == "session_paused":
            for question, answer in one.answers.items():
                if len(self._writers[_key(question, answer)]) == 1 and self._is_recorded(question, answer):
                    yield f"told that the clock stands, and recorded all the same: {question} of {one}"
        if one.status == 410:
            for question, answer in one.answers.items():
                if one.code == "section_expired" and question != "4":
                    continue
                if not self._is_recorded(question, answer) and not self._is_replaced(one, question):
                    yield f"told that it came too late, and recorded nowhere: {question} of {one}"

    def _of_a_gain(self, one: Try) -> Iterator[str]:
        """What was not whole before the session was over counts for nothing, however early it began."""
        if one.acknowledged:
            yield f"acknowledged, and came whole after the end: {one}"
        for event in self._trail:
            if any(event.answers.get(question) == answer for question, answer in one.answers.items()):
                yield f"revision {event.revision} ({event.type}) lets count what came after the end: {one}"

    # Of several writers

    def _of_what_was_brought(self, one: Try) -> Iterator[str]:
        """It is in the trail, unless Valkey has lost it or its own writer has replaced it."""
        if not one.committed and self._is_excused(one):
            return
        for question, answer in one.answers.items():
            replaced = self._is_replaced(one, question)
            if one.kind is not Kind.COMPLETE and not one.committed:
                overtaken = self._late(question) > self._last_of(question)
                if replaced or overtaken or question in self._drafts:
                    continue
            elif one.kind is not Kind.COMPLETE:
                continue
            if not self._is_recorded(question, answer):
                yield f"acknowledged, and recorded nowhere: {question} of {one}"

    def _is_replaced(self, one: Try, question: str) -> bool:
        """Whether its own writer sent a later answer."""
        others = [other for other in self._tries if other is not one and question in other.answers]
        return any(other.client == one.client and other.at > one.at for other in others)

    def _is_recorded(self, question: str, answer: Any) -> bool:
        for event in self._trail:
            late = event.changes.get("late_answers", {}).get(question, {}).get("answer")
            displaced = [
                lost["answer"] for lost in event.changes.get("displaced", []) if lost["question"] == question
            ]
            held = (event.answers.get(question), event.changes.get("outdated", {}).get(question), late)
            if answer in (*held, *displaced):
                return True
        return False

    def _of_what_was_not_seen(self, one: Try) -> Iterator[str]:
        """What had been acknowledged to another writer before is replaced only if it was shown."""
        if one.based_on is None or one.replied is None or not self._is_calm(one.sent, one.replied):
            return
        if one.committed and self._commit_of(one) is None:
            # docs/reliability.md: it came in time to a session that had expired meanwhile.
            return
        for question, tag in one.based_on.items():
            shown = -1 if tag is None else int(tag.partition(".")[0])
            before = [
                other
                for other in self._tries
                if question in other.answers and other.sent < one.sent and other is not one
            ]
            own = max((other.at for other in before if other.client == one.client), default=-1)
            for other in before:
                told = other.body is not None and other.replied is not None and other.replied < one.sent
                if not told or other.kind not in (Kind.COMMIT, Kind.AUTOSAVE) or other.client == one.client:
                    continue
                if self._may_be_displaced(other):
                    continue
                counts = max(own, shown) < other.at < one.at and not self._is_excused(other)
                if counts and not (other.committed and self._is_outdated(other, question)):
                    yield f"replaces what its writer had not seen: {question} of {other} by {one}"

    def _is_outdated(self, one: Try, question: str) -> bool:
        return any(
            event.changes.get("outdated", {}).get(question) == one.answers[question] for event in self._trail
        )

    # The exam room

    def _of_the_room(self) -> Iterator[str]:
        """Nothing ends or is answered while its clock stands; nothing of a former device counts."""
        for event, state in zip(self._trail, self._states, strict=False):
            brought = [one for one in self._tries if one.answers and one.at == event.at]
            if event.type == "expired" and state.paused_at is not None:
                yield f"revision {event.revision} lets it expire while its clock stood"
            if event.type in COUNTS_UP and brought and state.is_stopped(event.at):
                yield f"revision {event.revision} ({event.type}) has answers from when its clock stood"
            for question, answer in event.answers.items():
                writers = self._writers.get(_key(question, answer), [])
                if event.type == "answered":
                    writers = [one for one in writers if one.at == event.at]
                if writers and all(state.is_of_other_device(one.client, one.at) for one in writers):
                    yield (
                        f"revision {event.revision} ({event.type}) lets an answer of a former device count: "
                        f"{question} of {writers[0]}"
                    )
        last, row = self._states[-1], self._row
        if (row.paused_at, row.pause_seconds, row.later_seconds) != (
            last.paused_at,
            last.pause_seconds,
            last.pause_seconds,
        ):
            yield f"by its trail the clock stood as in {last}, and the row is {row}"

    def _of_an_act(self, act: Act) -> Iterator[str]:
        """Done once at most, and then in the list of staff actions; and in force if it was acknowledged."""
        own = sum(_is_of(act, event) for event in self._trail)
        if own > 1:
            yield f"it was done {own} times: {act}"
        single = act.session is not None or act.action is Action.HAND_IN
        recorded = self._evidence.actions.get((act.key, self._tries[0].session), 0)
        if single and recorded != own:
            yield f"it was done {own} times, and is {recorded} times in the list of staff actions: {act}"
        if act.replied is None or (act.session is None and not self._was_open_before(act)):
            return
        if act.action is Action.HAND_IN:
            if act.session is not None or own:
                yield from self._of_an_end(act)
            elif self._row.status not in ENDED:
                yield f"all were handed in, and this is {self._row.status}: {act}"
        elif act.action is Action.PAUSE and not own:
            flag = "quiz_paused" if act.session is None else "session_paused"
            ended = act.session is None and self._row.status in ENDED
            if not ended and not any(getattr(state, flag) for state in self._states):
                yield f"acknowledged, and never done: {act}"

    def _of_a_takeover(self, one: Try) -> Iterator[str]:
        if not any(state.device == one.client and state.device_came <= one.at for state in self._states):
            yield f"acknowledged, and that device never had it: {one}"

    def _of_what_came_in_a_pause(self, one: Try) -> Iterator[str]:
        """Once a pause was acknowledged nothing is buffered, and reads show it, until it may be over."""
        assert one.body is not None
        assert one.replied is not None
        for act in self._acts:
            if not self._stood(act, one.sent, one.replied):
                continue
            if one.kind is Kind.START and self._trail[0].at == one.at:
                yield f"started while its quiz was paused by {act}: {one}"
            if not self._was_open_before(act) or self._database_was_in_trouble(act):
                continue
            if not self._is_calm(act.sent, one.replied):
                continue
            writes = one.kind in (Kind.COMMIT, Kind.AUTOSAVE)
            if writes and not one.committed and one.at > max(act.at):
                yield f"buffered while the clock stood by {act}: {one}"
            if one.body["status"] not in ENDED and not one.body["paused"]:
                yield f"shown as if its clock ran, after {act}: {one}"

    def _stood(self, pause: Act, begin: float, end: float) -> bool:
        """Whether it was acknowledged before, and nothing that would let the clock run was sent till then."""
        if pause.action is not Action.PAUSE or pause.replied is None or pause.replied > begin:
            return False
        return not any(
            act.sent < end and (act.replied is None or act.replied > pause.sent)
            for act in self._acts
            if act.action is not Action.PAUSE
        )

    def _was_open_before(self, act: Act) -> bool:
        """Whether it had been started when staff began to do this."""
        return any(
            one.replied is not None and one.replied < act.sent
            for one in self._tries
            if one.kind is Kind.START
        )

    def _came_before(self, act: Act) -> bool:
        """Whether it was done before the session was there."""
        return act.replied is not None and act.replied < self._tries[0].sent

    def _may_be_displaced(self, one: Try) -> bool:
        """Whether another device had the session since before this came."""
        return any(state.is_of_other_device(one.client, one.at) for state in self._states)

    # Reads in their order

    def _of_reads_in_their_order(self) -> Iterator[str]:
        """In calm weather no reply is older than what had been told before it was asked for."""
        for one in self._told:
            if one.body is None or one.replied is None or not self._is_calm(one.sent, one.replied):
                continue
            before = [told for told in self._told if told.replied is not None and told.replied < one.sent]
            version = max((told.body["version"] for told in before if told.body), default=0)
            if one.body["version"] < version:
                yield f"version {version} had been told before: {one}"
            ended = {told.body["status"] for told in before if told.body} & set(ENDED)
            if ended and one.body["status"] not in ended:
                yield f"had been told to be {ended}: {one}"
            for question, at in self._known(before).items():
                last = self._last_of(question)
                is_bounded = one.body["status"] in ENDED or question in self._limits
                if is_bounded and (at > last or self._late(question) > last):
                    continue
                if not self._is_as_new(one.body["answers"].get(question), question, at):
                    yield f"a newer answer to {question} had been acknowledged (at={at}): {one}"

    def _known(self, told: Iterable[Try]) -> dict[str, int]:
        """Question -> the time of the latest answer that has been acknowledged."""
        known: dict[str, int] = {}
        for one in told:
            if one.kind not in (Kind.COMMIT, Kind.AUTOSAVE):
                continue
            if not one.committed and (self._is_excused(one) or self._may_be_displaced(one)):
                continue
            event = self._commit_of(one) if one.committed else None
            for question in one.answers:
                known[question] = max(event.at if event else one.at, known.get(question, -1))
        return known

    def _is_as_new(self, answer: Any, question: str, at: int) -> bool:
        writers = self._writers.get(_key(question, answer), [])
        return any(one.version is not None or one.at >= at for one in writers)

    # What is left

    def _of_what_is_left(self) -> Iterator[str]:
        for question, draft in self._drafts.items():
            owners = self._writers.get(_key(question, draft["answer"]), [])
            # One whose mark never came has a writer who was told of an error, of nothing at all, or that the
            # answer was committed instead.
            if any(
                o.acknowledged and not o.committed and o.at == draft["at"] and not self._is_excused(o)
                for o in owners
            ):
                yield f"a draft that was acknowledged is still in Valkey: {question}, {draft}"
        if self._cached is not None and self._cached != self._row.revision:
            yield f"the cache has revision {self._cached}, the row {self._row.revision}"
        for body in self._read:
            shown = {q: a for q, a in body["answers"].items() if q not in self._drafts}
            answers = {q: a for q, a in self._row.answers.items() if q not in self._drafts}
            if (shown, body["version"]) != (answers, self._row.version):
                yield f"a read at the end shows {body['version']}, {body['answers']}; the row is {self._row}"
            elif body["status"] != self._row.status and not self._drafts:
                yield f"a read at the end shows {body['status']}, the row says {self._row.status}"

    # The browser

    def _of_a_ledger(self, ledger: Ledger) -> Iterator[str]:
        """What was typed at a browser is on the server, and was never shown to be safer than it was."""
        if ledger.unsettled is not None:
            yield f"the browser never got rid of what it had: {ledger.unsettled}"
        by_question: dict[str, list[Typed]] = defaultdict(list)
        for typed in ledger.typed:
            by_question[typed.question].append(typed)
        for question, each in by_question.items():
            yield from self._of_what_was_typed(question, each)
            yield from self._of_what_was_promised(question, each)
        for shown in ledger.shown:
            yield from self._of_what_was_shown(shown)

    def _of_what_was_typed(self, question: str, typed: Sequence[Typed]) -> Iterator[str]:
        """The last answer that the device had, or one that was typed after it, is on the server."""
        last = max((number for number, one in enumerate(typed) if one.kept), default=None)
        if last is None:
            return
        possible = [one.value for one in typed[last:]]
        counts = self._row.answers.get(question)
        if counts in possible or any(self._is_set_aside(question, value) for value in possible):
            return
        # Another device may have replaced it.
        is_own = counts is None or counts in [one.value for one in typed]
        if is_own or not any(self._is_recorded(question, value) for value in possible):
            yield f"typed last at a browser, and lost: {typed[last]}; the server has {counts}"

    def _is_set_aside(self, question: str, value: Any) -> bool:
        """Whether the service has it although it does not count, or has said that it will not have it."""
        for event in self._trail:
            late = event.changes.get("late_answers", {}).get(question, {}).get("answer")
            displaced = [
                lost["answer"] for lost in event.changes.get("displaced", []) if lost["question"] == question
            ]
            if value in (event.changes.get("outdated", {}).get(question), late, *displaced):
                return True
        return any(
            one.code == "question_locked" and one.answers.get(question) == value for one in self._tries
        )

    def _of_what_was_promised(self, question: str, typed: Sequence[Typed]) -> Iterator[str]:
        """A commit ends once the server has the answer, or one that was typed after it."""
        for number, one in enumerate(typed):
            if one.promised is None:
                continue
            possible = [later.value for later in typed[number:]]
            if not any(self._was_told(question, each, one.promised, one.promised_at) for each in possible):
                yield f"promised to be {one.promised} at a browser, and no reply had said so: {one}"

    def _of_what_was_shown(self, shown: Shown) -> Iterator[str]:
        """A reply had said so before; that these tell the truth is checked with each of them."""
        if shown.state not in ("committed", "buffered") or shown.value is None:
            return
        if not self._was_told(shown.question, shown.value, shown.state, shown.at):
            yield f"shown as {shown.state} at a browser, and no reply had said so: {shown}"
        elif shown.state == "committed" and not any(
            event.answers.get(shown.question) == shown.value for event in self._trail
        ):
            yield f"shown as committed at a browser, and not in the trail: {shown}"

    def _was_told(self, question: str, value: Any, state: str, at: float) -> bool:
        """Whether a reply had come by then by which the answer is at least as safe as that."""
        for one in self._tries:
            if one.replied is None or one.replied > at + CLOCK_SECONDS:
                continue
            # What another device has replaced meanwhile is not in the reply to what brought it.
            if (
                one.acknowledged
                and one.answers.get(question) == value
                and (one.committed or state == "buffered")
            ):
                return True
            for body in (one.body, one.refused_with):
                if body is not None and body["answers"].get(question) == value:
                    is_buffered = question in body.get("buffered_questions", ())
                    if state == "buffered" or not is_buffered:
                        return True
        return False

    # Weather

    def _is_calm(self, begin: float, end: float) -> bool:
        return any(span.begin <= begin and end <= span.end for span in self._calm)

    def _is_excused(self, one: Try) -> bool:
        """Whether Valkey may have lost it: it was given in a time whose data is gone."""
        return one.replied is not None and any(
            loss.touches(one.sent, one.replied) for loss in self._weather.losses
        )

    def _database_was_in_trouble(self, one: Try | Act) -> bool:
        return one.replied is not None and any(
            trouble.touches(one.sent, one.replied) for trouble in self._weather.database_trouble
        )


def _key(question: str, answer: Any) -> str:
    return f"{question}={json.dumps(answer, sort_keys=True)}"


def _sha256(answers: Mapping[str, Any]) -> str:
    # Of the values that students send here, this is the canonical JSON.
    text = json.dumps(answers, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
