"""The steps of the protocol's model beside the stores: each does there what the model says that it does."""

from __future__ import annotations

import random
from collections.abc import Iterable
from uuid import UUID

import psycopg
import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import Entry
from quiz_sessions.domain.attempts import Attempt, Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.outcomes import DraftsOutcome, Flushed, Settlement, WriteOutcome
from quiz_sessions.domain.quizzes import OneDevice
from quiz_sessions.domain.tags import Tag, writer_of
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.stores.attempts import Conditions
from quiz_sessions.stores.valkey import HandedOver, Judged
from tests.harness.builders import SECOND, START
from tests.harness.service import put_quiz
from tests.harness.tables import Database, events
from tests.protocol import model

UNIT = 360 * SECOND
"""Of the model's time: the session's half an hour ends at 5."""
DEADLINE = 5


CLIENTS = {model.ANYBODY: None, "A": "client-a", "B": "client-b"}
WRITERS = {name: writer_of(client) for name, client in CLIENTS.items()}
NAMES = {writer: name for name, writer in WRITERS.items()}


def moment(at: float) -> Micros:
    """A time of the model, in which a TICK is a microsecond."""
    whole = int(at)
    return START + whole * UNIT + round((at - whole) / model.TICK)


def model_time(at: Micros) -> float:
    whole, ticks = divmod(at - START, UNIT)
    return whole + round(ticks * model.TICK, 2) if ticks else whole


def draft_of(draft: model.Draft) -> Draft:
    return Draft(draft.value, moment(draft.at), WRITERS[draft.writer])


def drafts_of(drafts: model.Drafts, displaced: Iterable[model.Placed] = ()) -> Drafts:
    return Drafts(
        {str(q): draft_of(draft) for q, draft in enumerate(drafts) if draft},
        displaced=tuple((str(q), draft_of(draft)) for q, draft in displaced),
    )


def conditions(write: model.Write, drafts: model.Drafts, *, moved: bool = False) -> Conditions:
    tags = {str(q): tag and Tag(moment(tag[0]), WRITERS[tag[1]]) for q, tag in write.based_on}
    revision = None if write.match is None else write.match[0]
    return Conditions(WRITERS[write.writer], tags, drafts_of(drafts), revision, moved)


def row_of(attempt: Attempt) -> model.Row:
    """No attempt has the head of its chain: `chain_of` looks for it."""
    answers = tuple(
        _answer(attempt, q) if q in attempt.answers else None for q in map(str, range(model.QUESTIONS))
    )
    status = "open" if attempt.status.is_open else attempt.status.value
    end = (attempt.end - START) // UNIT
    is_read = attempt.results_read_at is not None
    row = model.Row(status, answers, attempt.version, attempt.revision, end, attempt.revision, is_read)
    if attempt.device is None:
        return row
    return row._replace(device=(NAMES[attempt.device], (attempt.device_since - START) // UNIT))


def chain_of(database: Database, session_id: UUID) -> tuple[int, list[int]]:
    """The revision of the event that the row's chain ends with, and for each event that of the one before."""
    (row,) = database.execute("SELECT chain_head FROM quiz_attempts WHERE id = %s", [session_id])
    found = database.execute(
        """
        SELECT event.revision, event.hash, coalesce(before.revision, -1) AS before
        FROM attempt_events AS event LEFT JOIN attempt_events AS before
            ON before.attempt_id = event.attempt_id AND event.hash = attempt_event_hash(
                before.hash, event.attempt_id, event.revision, event.version, event.type, event.digest,
                event.at
            )
        WHERE event.attempt_id = %s ORDER BY event.revision""",
        [session_id],
    ).fetchall()
    (head,) = (event["revision"] for event in found if event["hash"] == row["chain_head"])
    return head, [event["before"] for event in found]


def _answer(attempt: Attempt, question: str) -> model.Answer:
    meta = attempt.answer_meta[question]
    at, version, writer = model_time(meta["at"]), meta["version"], NAMES[meta["writer"]]
    return model.Answer(attempt.answers[question], at, version, False, writer)


def plain(row: model.Row | None) -> model.Row | None:
    """Without what only the model knows."""
    if row is None:
        return None
    return row._replace(answers=tuple(answer and answer._replace(forced=False) for answer in row.answers))


class Both:
    """One session in the model and in the stores, with what a slow process may still hold of it."""

    def __init__(
        self, services: Services, session_id: UUID, dice: random.Random, device: str | None = None
    ) -> None:
        self.id = session_id
        self.real = services.stores
        self.dice = dice
        self.protocol = model.Protocol()
        self.writers = (model.ANYBODY, "A", "B") if device is None else ("A", "B")
        self.has_device = device is not None
        row = model.Row("open", (None,) * model.QUESTIONS, 0, 0, DEADLINE)
        row = row._replace(device=None if device is None else (device, 0))
        started = model.Event(0, 0, "started", "", ())
        self.stores = model.Stores(row, (started,), model.Valkey(row, model.NO_DRAFTS))
        self.rows: list[tuple[model.Row, Attempt]] = []
        self.read: list[tuple[model.Drafts, frozenset[model.Placed], HandedOver]] = []
        self.marks: list[tuple[int, float]] = []
        self.writes = 0

    def some_write(self) -> model.Write:
        self.writes += 1
        questions = self.dice.choice(((0,), (1,), (0, 1)))
        version = self.dice.choice((None, self.stores.row.version, max(0, self.stores.row.version - 1)))
        answers = tuple((q, self.dice.choice("ab")) for q in questions)
        writer = self.dice.choice(self.writers)
        at = self.dice.randint(0, 7)
        if self.has_device:
            # Two writers are at one moment twice more often: then they write the same.
            answers = tuple((q, "abcdefgh"[at]) for q in questions)
        write = model.Write(f"write {self.writes}", at, answers, version, writer)
        if writer != model.ANYBODY and self.dice.random() < 0.5:
            write = write._replace(based_on=tuple((q, self.some_tag(q)) for q, _ in answers))
        return write

    def some_tag(self, question: int) -> model.Tag | None:
        known = self.stores.row.answers[question]
        held = self.stores.valkey.drafts[question]
        shown = [None, *((each.at, each.writer) for each in (known, held) if each is not None)]
        return self.dice.choice(shown)

    def some_drafts(self) -> model.Drafts:
        return self.dice.choice((self.some_write().drafts, self.stores.valkey.drafts))

    def some_displaced(self) -> frozenset[model.Placed]:
        return self.dice.choice((frozenset(), self.stores.valkey.displaced))

    def same_row(self, row: model.Row, attempt: Attempt) -> None:
        assert row_of(attempt) == plain(row)
        self.rows.append((row, attempt))

    async def write(self) -> None:
        write, drafts = self.some_write(), self.some_drafts()
        if not write.based_on and self.dice.random() < 0.2:
            revision = max(0, self.stores.row.revision - self.dice.randint(0, 1))
            write = write._replace(match=(revision, model.NO_DRAFTS))
            drafts = model.NO_DRAFTS
        self.stores, (outcome, row) = self.protocol.write(self.stores, write, drafts)
        answers = {str(q): value for q, value in write.answers}
        found = await self.real.attempts.write_answers(
            self.id,
            answers,
            moment(write.at),
            version=write.version,
            conditions=conditions(write, drafts),
        )
        assert found is not None
        assert found.outcome == WriteOutcome(outcome)
        self.same_row(row, found.attempt)

    async def finish(self) -> None:
        write, drafts = self.some_write(), self.some_drafts()
        self.stores, (outcome, row) = self.protocol.finish(self.stores, write, drafts)
        answers = {str(q): value for q, value in write.answers}
        found = await self.real.attempts.finish(
            self.id,
            Status.COMPLETED,
            drafts_of(drafts),
            answers,
            moment(write.at),
            version=write.version,
            conditions=conditions(write, drafts),
        )
        assert found is not None
        assert found.outcome == WriteOutcome(outcome)
        self.same_row(row, found.attempt)

    async def flush(self) -> None:
        """As it is handed over, where Valkey passes it on as it is."""
        drafts, displaced = self.stores.valkey.drafts, self.stores.valkey.displaced
        (handed,) = await self.real.valkey.hand_over([str(self.id)], 1)
        now = self.dice.randint(0, 7)
        _, trail = self.protocol.read_trail(self.stores)
        self.stores, (row, kind, late) = self.protocol.settle(
            self.stores, drafts, now, False, trail, displaced
        )
        (flushed,) = await self.real.attempts.flush([handed.text or ""], moment(now))
        assert flushed.settlement == kind
        open_or_changed = row.is_open or kind in ("expired", "merged", "late_merge")
        too_late = {
            str(q)
            for q, draft in enumerate(drafts)
            if draft and draft.at > row.at(q) and not row.is_of_other_device(draft.writer, draft.at)
        }
        assert {*flushed.left} == (too_late if open_or_changed else set())
        assert too_late - {*flushed.left} == {str(q) for q in late}
        if flushed.session is not None:
            self.same_row(row, Attempt.from_json(flushed.session))

    async def settle(self) -> None:
        drafts, displaced, now = self.some_drafts(), self.some_displaced(), self.dice.randint(0, 7)
        _, trail = self.protocol.read_trail(self.stores)
        self.stores, (row, kind, late) = self.protocol.settle(
            self.stores, drafts, now, False, trail, displaced
        )
        (settled,) = await self.real.attempts.settle({self.id: drafts_of(drafts, displaced)}, moment(now))
        assert settled.settlement == kind
        assert settled.late == {str(q) for q in late}
        self.same_row(row, settled.attempt)

    async def put_drafts(self) -> None:
        write = self.some_write()
        valkey = self.stores.valkey
        judged, real_judged = None, None
        if write.based_on:
            revision = self.stores.row.revision
            known = [(q, self.dice.choice((None, valkey.drafts[q]))) for q, _ in write.based_on]
            judged = revision, tuple(known)
            real_judged = Judged(revision, {str(q): each and draft_of(each).tag for q, each in known})
        self.stores, is_put = self.protocol.put_drafts(self.stores, write.drafts, judged)
        self.stores, _ = self.protocol.set_mark(self.stores, write.drafts)
        put = await self.real.valkey.put_drafts(self.id, drafts_of(write.drafts), real_judged)
        assert (put.outcome is DraftsOutcome.KEPT) == is_put

    async def read_for_a_flush(self) -> None:
        (handed,) = await self.real.valkey.hand_over([str(self.id)], 1)
        self.read.append((self.stores.valkey.drafts, self.stores.valkey.displaced, handed))
        for _, mark in await self.real.valkey.dirty(0, 0, 10):
            assert self.stores.valkey.mark is not None
            self.marks.append((self.stores.valkey.mark, mark))

    async def put_committed(self) -> None:
        if self.rows:
            row, attempt = self.dice.choice(self.rows)
            questions = self.dice.choice(((0,), (1,), (0, 1)))
            self.stores, _ = self.protocol.put_session(self.stores, row)
            self.stores, _ = self.protocol.drop_superseded(self.stores, row, questions)
            await self.real.valkey.put_committed(attempt, map(str, questions))

    async def refresh(self) -> None:
        if self.rows:
            row, attempt = self.dice.choice(self.rows)
            self.stores, _ = self.protocol.put_session(self.stores, row, True)
            await self.real.valkey.refresh([attempt])

    async def clear(self) -> None:
        if self.read:
            drafts, displaced, handed = self.dice.choice(self.read)
            left = self.dice.choice((frozenset(), frozenset((0,)), frozenset((1,))))
            self.stores, cleared = self.protocol.clear_drafts(self.stores, drafts, displaced, left)
            flushed = Flushed(handed.session_id, Settlement.UNCHANGED, None, 0, [str(q) for q in left])
            assert bool((await self.real.valkey.put_settled([(handed, flushed)])).cleared) == cleared

    async def acknowledge(self) -> None:
        if self.marks:
            mark, score = self.dice.choice(self.marks)
            self.stores, _ = self.protocol.acknowledge(self.stores, mark)
            await self.real.valkey.acknowledge({str(self.id): score})

    async def take_over(self) -> None:
        at, writer = self.dice.randint(1, DEADLINE), self.dice.choice("AB")
        since = self.dice.randint(at, DEADLINE)
        self.stores, row = self.protocol.have_device(self.stores, at, writer, since, True)
        found = await self.real.devices.enter(
            self.id,
            Entry(writer=WRITERS[writer]),
            moment(at),
            since=moment(since),
            owner=None,
            takeover=True,
        )
        assert found is not None
        self.same_row(row, found.attempt)

    async def compare(self, database: Database) -> None:
        (attempt,) = await self.real.attempts.get([self.id])
        assert row_of(attempt) == plain(self.stores.row)
        assert events(database, self.id) == [event.kind for event in self.stores.events]
        before = [event.before for event in self.stores.events]
        assert chain_of(database, self.id) == (self.stores.row.head, before)
        held = await self.real.valkey.read(self.id)
        assert held.drafts.answers == drafts_of(self.stores.valkey.drafts).answers
        beside = drafts_of(model.NO_DRAFTS, self.stores.valkey.displaced).displaced
        assert sorted(held.drafts.displaced, key=str) == sorted(beside, key=str)
        assert (held.attempt and row_of(held.attempt)) == plain(self.stores.valkey.cached)
        assert bool(await self.real.valkey.dirty(0, 0, 10)) == (self.stores.valkey.mark is not None)


@pytest.mark.parametrize("device", [None, "A"], ids=["any device", "one device"])
@pytest.mark.parametrize("seed", range(20))
async def test_the_stores_do_what_the_model_of_the_protocol_says(
    services: Services,
    database: psycopg.Connection[dict[str, object]],
    valkey: redis.Redis,
    seed: int,
    device: str | None,
) -> None:
    dice = random.Random(seed)
    if device is not None:
        await put_quiz(services, one_device=OneDevice.TAKEOVER)
    client_id = None if device is None else CLIENTS[device]
    session = await services.sessions.create_session("user1", "quiz1", client_id=client_id, at=START)
    both = Both(services, session.id, dice, device)
    steps = [
        *[
            both.write,
            both.write,
            both.settle,
            both.flush,
            both.put_drafts,
            both.put_drafts,
            both.read_for_a_flush,
        ],
        *[both.put_committed, both.refresh, both.clear, both.acknowledge],
        *([] if device is None else [both.take_over]),
    ]
    for number in range(40):
        await dice.choice([*steps, both.finish] if number > 15 else steps)()
        await both.compare(database)
        if dice.random() < 0.05:
            valkey.delete(f"session:{session.id}")
            both.stores, _ = both.protocol.delete_session(both.stores)
