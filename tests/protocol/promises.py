"""What the protocol promises, as checks of the explorer's states; and what it knowingly does not."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from .model import KEY, QUESTIONS, Draft, Event, Placed, Reply, Row, Stores, Write


class Promise(StrEnum):
    """In the words of docs/protocol.md."""

    COMMITTED = "committed is kept"
    BUFFERED = "buffered is kept"
    VERSIONS = "a version is given out once"
    READS = "reads do not go back"
    ENDED = "what has ended stays ended"
    REFUSALS = "a refusal is true"
    REST = "it comes to rest"
    UNSEEN = "nothing unseen is replaced"
    RECORDED = "nothing is dropped unrecorded"
    SHOWN = "results that were shown stay"
    PAUSED = "a pause takes no time, gives none, and lets no answer pass"
    DEVICE = "what another device sends after a takeover takes no place"
    PAPER = "what comes after its lock, or its section, takes no place"
    MARKS = "a mark is replaced by who knew it, and the score has it"
    CHAIN = "the trail is one chain"


class Gap(StrEnum):
    """What is not promised."""

    LOST_WITH_VALKEY = "buffered answers go with Valkey's data"
    END_WITHOUT_DRAFTS = "a completion that cannot read the drafts ends without them; they count later"
    WITHOUT_DRAFTS = "a request that cannot read Valkey shows no drafts"
    OVERTAKEN_END = "a draft from after the end, or its lock, takes the place of one from before it"
    UNHELD_DEVICE = "the same from after a takeover that Valkey could not be told of"
    UNMARKED_DRAFT = "a draft that nobody was told of waits in Valkey without a mark"
    STALE_UNTIL_HEALED = "reads may be old from a trouble with Valkey to the end of the next clean flush"
    SLOW_READER = "a request that began before that flush may put an old session into the cache after it"
    OLD_ROW = "a cached session stays behind a row that was not changed in the last 90 s"
    CONFLICT_FROM_CACHE = "without PostgreSQL a repeated write may be told a conflict with itself"


class Broken(NamedTuple):
    promise: Promise
    how: str


class Told(NamedTuple):
    """What the clients know.

    `committed` and `buffered` are what they were told of their own answers, `tagged` both with the time that
    the answer got, `handed_in` what completions brought, `lost` those drafts that Valkey lost, `at` and
    `version` the latest of what replies showed.
    """

    committed: frozenset[tuple[str, int, str, float, int]] = frozenset()
    buffered: frozenset[Placed] = frozenset()
    tagged: frozenset[Placed] = frozenset()
    handed_in: frozenset[Placed] = frozenset()
    lost: frozenset[Placed] = frozenset()
    at: tuple[float, ...] = (-1,) * QUESTIONS
    version: int = 0


def stands(row: Row, question: int, value: str, at: float, version: int) -> bool:
    """Whether an answer is in the row, or one that may take its place."""
    answer = row.answers[question]
    return answer is not None and (
        answer.at > at or answer.value == value or (answer.forced and answer.version > version)
    )


def is_recorded(stores: Stores, placed: Placed) -> bool:
    """Whether the trail has an answer, in effect or beside."""
    return any(placed in event.changes or placed in event.beside for event in stores.events)


def of_step(before: Stores, after: Stores) -> Iterator[Broken]:
    """Promises about one step of a process."""
    if not before.row.is_open and (after.row.status, after.row.end) != (before.row.status, before.row.end):
        yield Broken(Promise.ENDED, f"a session that is {before.row.status} becomes {after.row.status}")
    if before.row.read and before.row.answers != after.row.answers:
        yield Broken(Promise.SHOWN, f"after results were shown, {before.row} becomes {after.row}")
    if len(after.events) > len(before.events) and before.row.paused is not None:
        event = after.events[-1]
        if event.kind == "expired":
            yield Broken(Promise.PAUSED, "a session expires while its clock stands")
        if event.kind == "answered" and any(before.row.is_stopped(int(d.at)) for _, d in event.changes):
            yield Broken(Promise.PAUSED, "an answer is written while the clock stands")
    match before.held, after.held:
        case (holder, until), (taker, longer) if taker != holder and longer < until + 10:
            yield Broken(Promise.MARKS, f"an answer is given to {taker} that {holder} has")
    stopped = after.row.paused
    if before.row.paused is None and stopped and stopped[1] > before.row.end - before.row.started:
        yield Broken(Promise.PAUSED, "a clock is stopped that shows more than the session's time")
    if len(after.events) > len(before.events):
        event = after.events[-1]
        if any(before.row.is_of_other_device(draft.writer, draft.at) for _, draft in event.changes):
            yield Broken(Promise.DEVICE, f"an answer of another device counts: {event.kind}")
    if len(after.events) > len(before.events) and (event := after.events[-1]).kind != "late_answer":
        if any(before.row.is_past(q, draft.at) for q, draft in event.changes):
            yield Broken(Promise.PAPER, f"an answer from after its lock or section counts: {event.kind}")
        end = after.row.end if event.kind == "completed" else before.row.end
        if any(draft.at > end for _, draft in event.changes):
            yield Broken(Promise.ENDED, f"an answer from after the end counts: {event.kind}")


def of_state(stores: Stores, told: Told) -> Iterator[Broken]:
    """Promises about PostgreSQL at every moment."""
    row, events = stores.row, stores.events
    for name, q, value, at, version in told.committed:
        if not stands(row, q, value, at, version):
            yield Broken(Promise.COMMITTED, f"{name} was told committed, and {value}@{at} is gone")
    if [event.revision for event in events] != list(range(row.revision + 1)):
        yield Broken(Promise.VERSIONS, "the trail has not one event for each revision")
    versions = [event.version for event in events]
    if any(b.version - a.version != _makes_version(b) for a, b in pairwise(events)):
        yield Broken(Promise.VERSIONS, f"the versions of the trail are {versions}")
    for event in events:
        if _makes_version(event) and sum(other.request == event.request for other in events) > 1:
            yield Broken(Promise.VERSIONS, f"{event.request} was carried out twice")
    if any(event.before != before.revision for before, event in pairwise(events)):
        yield Broken(Promise.CHAIN, "an event does not name the one before it")
    if row.head != events[-1].revision:
        yield Broken(Promise.CHAIN, f"the chain ends with r{row.head} by the row")
    late = [change for event in events if event.kind == "late_answer" for change in event.changes]
    if len(late) != len(set(late)):
        yield Broken(Promise.ENDED, "a late answer is recorded twice")
    beside = [each for event in events if not _makes_version(event) for each in event.beside]
    if len(beside) != len(set(beside)):
        yield Broken(Promise.RECORDED, "a displaced answer is recorded twice")
    for q, draft in told.handed_in:
        if not is_recorded(stores, (q, draft)):
            yield Broken(Promise.RECORDED, f"{draft} to question {q} was handed in, and is recorded nowhere")
    if stores.wrong:
        yield Broken(Promise.MARKS, stores.wrong)
    tags = {(q, draft.at, draft.writer) for q, draft in told.tagged}
    if len(tags) != len(told.tagged):
        yield Broken(Promise.UNSEEN, "one tag was given to two answers")
    for q, draft in stores.passed & told.tagged:
        yield Broken(
            Promise.UNSEEN, f"a draft was put over {draft} to question {q}, which it was not judged by"
        )


def of_reply(
    reply: Reply, stores: Stores, floor: Told, told: Told, excused: frozenset[Gap]
) -> Iterator[Broken]:
    """Promises about a reply; `floor` is what was told when its request began."""
    row, write = reply.row, reply.write
    if write is not None and reply.kind in ("committed", "buffered") and reply.outcome != "repeated":
        passed = [d.at for q, d in floor.buffered if q == 1]
        answers_former = any(q == 0 for q, _ in write.answers)
        if row is not None and row.forward and answers_former and any(at < write.at for at in passed):
            yield Broken(Promise.PAPER, f"{write.name} answers a question before one that was answered")
    if reply.outcome == "unknown":
        yield Broken(Promise.REFUSALS, "a session that is there is said not to be")
    if write is not None and write.version is not None:
        yield from _of_version(reply, write.version, stores, floor, excused)
    if write is not None and (write.based_on or write.match):
        yield from _of_what_was_seen(reply, write, stores, floor, told, excused)
    if row is None:
        return
    if reply.outcome == "ended" or (reply.outcome == "blind" and Gap.END_WITHOUT_DRAFTS not in excused):
        for q, draft in floor.buffered - told.lost:
            other = row.is_of_other_device(draft.writer, draft.at)
            other = other or _lost_its_place(stores, q, draft, excused)
            if row.at(q) < draft.at <= row.end and not other and not _overtaken(stores, q, excused):
                yield Broken(Promise.ENDED, f"a completion leaves out {draft} to question {q}")
    if Gap.STALE_UNTIL_HEALED in excused:
        return
    if row.version < floor.version:
        yield Broken(Promise.READS, f"a reply shows version {row.version} after {floor.version}")
    for q, (shown, at) in enumerate(zip(reply.shown, floor.at, strict=True)):
        if Gap.WITHOUT_DRAFTS in excused or at > row.end or _overtaken(stores, q, excused):
            continue
        # A device that was taken over may have been shown what counts no more.
        if any(q == other and stores.row.is_of_other_device(d.writer, d.at) for other, d in stores.put):
            continue
        # Nor what was put before the cache knew of a lock.
        if any(q == other and stores.row.is_past(q, d.at) for other, d in stores.put):
            continue
        if (shown.at if shown else -1) < at:
            yield Broken(Promise.READS, f"{shown or 'nothing'} is shown for question {q} after one from {at}")


def _of_version(
    reply: Reply, version: int, stores: Stores, floor: Told, excused: frozenset[Gap]
) -> Iterator[Broken]:
    row, write = reply.row, reply.write
    assert write is not None
    if reply.kind == "committed" and reply.outcome != "late" and row and row.version != version + 1:
        yield Broken(Promise.VERSIONS, f"{write.name} insisted on version {version} and made {row.version}")
    if reply.outcome != "conflict" or Gap.CONFLICT_FROM_CACHE in excused:
        return
    if version == floor.version == stores.row.version:
        yield Broken(Promise.REFUSALS, f"{write.name} names the current version and is told a conflict")
    for event in stores.events:
        sent = {(q, draft.value) for q, draft in event.changes}
        held = {(q, answer and answer.value) for q, answer in enumerate(stores.row.answers)}
        if event.version == version + 1 == stores.row.version and (sent & held).issuperset(write.answers):
            yield Broken(Promise.REFUSALS, f"{write.name} conflicts with itself")


def _of_what_was_seen(
    reply: Reply, write: Write, stores: Stores, floor: Told, told: Told, excused: frozenset[Gap]
) -> Iterator[Broken]:
    sent, own = dict(write.answers), [q for q, draft in floor.tagged if draft.writer == write.writer]
    if reply.outcome in ("unseen", "moved"):
        others = {q for q, draft in told.tagged | stores.put | _made(stores) if draft.writer != write.writer}
        if not others:
            yield Broken(Promise.REFUSALS, f"{write.name} conflicts with itself")
        return
    row = reply.row
    if row is None or reply.kind not in ("committed", "buffered", "completed") or reply.outcome == "repeated":
        return
    if Gap.STALE_UNTIL_HEALED in excused or Gap.WITHOUT_DRAFTS in excused:
        return
    if write.match and reply.outcome != "late" and row.revision != write.match[0] + 1:
        yield Broken(Promise.UNSEEN, f"{write.name} insisted on r{write.match[0]} and made r{row.revision}")
    tags = dict(write.based_on) if write.based_on else _tags_of(write)
    for q, draft in floor.tagged - told.lost:
        at, writer = tags.get(q) or (-1, "")
        known = draft.at < at or (draft.at, draft.writer) == (at, writer) or q in own
        if (
            (q in sent or write.match)
            and draft.writer != write.writer
            and draft.value != sent.get(q)
            and not known
        ):
            yield Broken(
                Promise.UNSEEN, f"{write.name} replaces {draft} to question {q}, which it did not know"
            )


def _tags_of(write: Write) -> dict[int, tuple[float, str]]:
    """What If-Match knows."""
    assert write.match is not None
    return {q: (draft.at, draft.writer) for q, draft in enumerate(write.match[1]) if draft is not None}


def _made(stores: Stores) -> frozenset[Placed]:
    return frozenset(each for event in stores.events for each in event.changes)


def of_rest(stores: Stores, told: Told, excused: frozenset[Gap]) -> Iterator[Broken]:
    """Promises about the stores after all has come to rest: flushed twice, without a fault."""
    row, valkey = stores.row, stores.valkey
    lost = told.lost if Gap.LOST_WITH_VALKEY in excused else frozenset()
    late = [
        (q, draft.at) for event in stores.events if event.kind == "late_answer" for q, draft in event.changes
    ]
    for q, draft in told.buffered - lost:
        is_late = draft.at > row.end or row.is_past(q, draft.at)
        recorded = is_late and any(q == other and at >= draft.at for other, at in late)
        skipped = draft.at <= row.end and _overtaken(stores, q, excused)
        skipped = skipped or _lost_its_place(stores, q, draft, excused)
        if row.is_of_other_device(draft.writer, draft.at):
            skipped = skipped or is_recorded(stores, (q, draft))
        if not (stands(row, q, draft.value, draft.at, -1) or recorded or skipped):
            yield Broken(Promise.BUFFERED, f"{draft} to question {q} was told buffered, and is gone")
        answer = row.answers[q]
        others = answer is not None and answer.writer != draft.writer and answer.value != draft.value
        if others and not (recorded or skipped or is_recorded(stores, (q, draft))):
            yield Broken(Promise.RECORDED, f"{draft} to question {q} gave way to {answer}, unrecorded")
    if row.mark is not None and not row.needs_grading and row.score != KEY + row.mark[1]:
        yield Broken(Promise.MARKS, f"the score is {row.score}, with a mark of {row.mark[1]}")
    if valkey.mark is not None:
        yield Broken(Promise.REST, "the session stays dirty")
    if (any(valkey.drafts) or valkey.displaced) and Gap.UNMARKED_DRAFT not in excused:
        yield Broken(Promise.REST, f"{valkey.drafts} stay in Valkey")
    if valkey.cached not in (None, row) and (stores.recent or Gap.OLD_ROW not in excused):
        yield Broken(Promise.READS, "the cached session stays behind the row")


def lost_between(before: Stores, after: Stores) -> frozenset[Placed]:
    """What Valkey has lost, and the row does not have."""
    gone = before.valkey.given - after.valkey.given
    return frozenset((q, d) for q, d in gone if not stands(before.row, q, d.value, d.at, -1))


def tell(told: Told, reply: Reply, trouble: bool) -> Told:
    """What the clients know after a reply."""
    row, write = reply.row, reply.write
    if write is not None and reply.outcome in ("expired", "over"):
        # What came too late is kept beside.
        return told._replace(handed_in=told.handed_in | frozenset(write.placed))
    if row is None:
        return told
    if write is not None and reply.kind == "buffered":
        drafts = frozenset((q, d) for q, d in enumerate(write.drafts) if d is not None)
        told = told._replace(buffered=told.buffered | drafts, tagged=told.tagged | drafts)
    if write is not None and reply.kind in ("committed", "completed"):
        answers = frozenset(
            (write.name, q, value, write.at, row.version)
            for q, value in write.answers
            if reply.kind == "committed" or stands(row, q, value, write.at, row.version)
        )
        made = [(q, row.answers[q]) for q, _ in write.answers if reply.outcome != "repeated"]
        tagged = frozenset(
            (q, Draft(answer.value, answer.at, answer.writer))
            for q, answer in made
            if answer is not None and (answer.writer, answer.version) == (write.writer, row.version)
        )
        told = told._replace(committed=told.committed | answers, tagged=told.tagged | tagged)
    if write is not None and (reply.kind == "completed" or reply.outcome == "kept"):
        told = told._replace(handed_in=told.handed_in | frozenset(write.placed))
    if not trouble:
        shown = zip(told.at, reply.shown, strict=True)
        at = tuple(max(known, answer.at if answer else -1) for known, answer in shown)
        told = told._replace(at=at, version=max(told.version, row.version))
    return told


def _overtaken(stores: Stores, question: int, excused: frozenset[Gap]) -> bool:
    """Whether a draft from after the end, or its lock, may have taken the place of one that counts."""
    late = any(
        q == question and (draft.at > stores.row.end or stores.row.is_past(q, draft.at))
        for q, draft in stores.put
    )
    return late and Gap.OVERTAKEN_END in excused


def _lost_its_place(stores: Stores, question: int, draft: Draft, excused: frozenset[Gap]) -> bool:
    """Whether its own device has put another over it, after a takeover that Valkey could not be told of."""
    return (
        stores.unheld
        and Gap.UNHELD_DEVICE in excused
        and any(
            q == question
            and (other.writer, other.at > draft.at) == (draft.writer, True)
            and stores.row.is_of_other_device(other.writer, other.at)
            for q, other in stores.put
        )
    )


def _makes_version(event: Event) -> bool:
    return event.kind in ("answered", "completed")
