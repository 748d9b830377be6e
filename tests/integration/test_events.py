"""Domain events: at least once, of one session in their order, whatever becomes of the bus and of the relay.

Here the bus is one that remembers and fails as a test says: a real one does neither when it is told to. What
EventBridge makes of the events is tested on LocalStack.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.audit_events import OutboxMessage
from quiz_sessions.domain.errors import EventBusUnavailableError, SessionExpiredError
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.outbox_relay import PAGE, BusRelay, Relay
from quiz_sessions.stores.event_bus import CALLS_AT_ONCE, ENTRIES_A_CALL, EventBus
from quiz_sessions.stores.outbox import OutboxStore
from tests.harness.builders import LATER, SECOND, START
from tests.harness.service import flush_at, rebuilt, services_on
from tests.harness.stores import Stores
from tests.harness.tables import Database

Event = tuple[UUID, int]
"""A session and the revision of one of its events."""


class CrashError(Exception):
    """The process dies here."""


class Bus(EventBus):
    """Takes what it is sent, but for what a test has it refuse."""

    def __init__(self) -> None:
        super().__init__("a bus without a network")
        self.calls: list[list[Event]] = []
        self.taken: list[Event] = []
        self.refused: Callable[[OutboxMessage], bool] = lambda event: False
        self.down: Callable[[Sequence[OutboxMessage]], bool] = lambda events: False
        self.then: Callable[[], None] = lambda: None

    async def put(self, events: Sequence[OutboxMessage]) -> list[str | None]:
        if self.down(events):
            raise EventBusUnavailableError
        self.calls.append([identity(event) for event in events])
        codes = ["ThrottlingException" if self.refused(event) else None for event in events]
        self.taken += [identity(event) for event, code in zip(events, codes, strict=True) if code is None]
        self.then()
        return codes


def identity(event: OutboxMessage) -> Event:
    return event.attempt_id, event.revision


def relay(services: Services, bus: EventBus) -> Relay:
    """That of a process of its own."""
    return BusRelay(services.stores.outbox, bus, services.telemetry)


async def publish(services: Services, bus: EventBus, go_on: Callable[[], bool] = lambda: True) -> int:
    return await relay(services, bus).run(go_on)


async def sessions(services: Services, count: int) -> list[Event]:
    """So many sessions that were started, extended and completed; their events."""
    happened: list[Event] = []
    for number in range(count):
        # Ids of one millisecond have no order.
        session = await services.sessions.create_session(f"user{number}", "quiz1", at=START + number * 1000)
        await services.sessions.update_answer(session.id, 0, "A", at=LATER)
        await services.administration.extend(session.id, 60, "a fire drill", at=LATER)
        await services.sessions.complete(session.id, at=LATER)
        # Revision 1 is the answer, which is nobody else's concern.
        happened += [(session.id, revision) for revision in (0, 2, 3)]
    return happened


def by_session(taken: Iterable[Event]) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    for session_id, revision in taken:
        found.setdefault(session_id, []).append(revision)
    return found


def take_the_lease(database: Database, holder: UUID) -> None:
    """As another relay does, that has not been heard of since."""
    database.execute(
        """
        INSERT INTO relay_lease (holder, until) VALUES (%s, clock_timestamp() + interval '1 minute')
        ON CONFLICT (only_row) DO UPDATE SET holder = excluded.holder, until = excluded.until""",
        [holder],
    )


def let_the_lease_lapse(database: Database) -> None:
    database.execute("UPDATE relay_lease SET until = clock_timestamp() - interval '1 second'")


# A bus that takes everything


async def test_each_event_is_sent_once_and_each_session_in_its_order(services: Services) -> None:
    happened = await sessions(services, 25)
    bus = Bus()
    assert await publish(services, bus) == len(happened)
    assert sorted(bus.taken) == sorted(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())
    assert await publish(services, bus) == 0


async def test_no_call_has_more_than_ten_events_or_two_of_a_session(services: Services) -> None:
    await sessions(services, ENTRIES_A_CALL + 1)
    bus = Bus()
    await publish(services, bus)
    assert max(map(len, bus.calls)) == ENTRIES_A_CALL
    for call in bus.calls:
        assert len({session_id for session_id, _ in call}) == len(call)


async def test_more_than_a_page_is_sent_in_one_run(services: Services, database: Database) -> None:
    database.execute(
        """
        INSERT INTO quiz_attempts (
            id, user_id, quiz_id, attempt_no, status, time_remaining, time_limit_seconds, started_at,
            expires_at
        )
        SELECT gen_random_uuid(), 'user' || number, 'quiz1', 1, 'started', 0, 1800, now(), now()
        FROM generate_series(1, %s) AS number""",
        [PAGE // 2 + 1],
    )
    for revision, kind in ((0, "started"), (1, "extended")):
        database.execute(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, %s, 0, %s, '{}', now() FROM quiz_attempts ORDER BY id""",
            [revision, kind],
        )
    bus = Bus()
    assert await publish(services, bus) == PAGE + 2
    assert all(revisions == [0, 1] for revisions in by_session(bus.taken).values())


async def test_what_is_nobody_elses_concern_is_not_sent(services: Services, database: Database) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    await services.sessions.update_answer(session.id, 0, "A", at=LATER)
    await services.sessions.update_answer(session.id, 1, "B", autosave=True, at=LATER)
    await flush_at(services, LATER)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session.id, 0, "C", at=START + 1801 * SECOND)
    bus = Bus()
    await publish(services, bus)
    types = [
        event["type"]
        for event in database.execute(
            "SELECT type FROM attempt_events WHERE published_at IS NOT NULL ORDER BY revision"
        )
    ]
    assert types == ["started", "expired"]
    unsent = database.execute("SELECT type FROM attempt_events WHERE published_at IS NULL")
    assert {event["type"] for event in unsent} == {"answered", "merged", "late_answer"}


# A bus that does not


async def test_while_the_bus_is_down_everything_waits(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    happened = await sessions(services, 3)
    bus = Bus()
    bus.down = lambda events: True
    assert await publish(services, bus) == 0
    assert '"EventsDelayed"' in capsys.readouterr().out
    bus.down = lambda events: False
    assert await publish(services, bus) == len(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())


async def test_a_call_that_fails_does_not_hold_up_the_others(services: Services) -> None:
    happened = await sessions(services, ENTRIES_A_CALL * 2)
    unlucky = {session_id for session_id, _ in happened[: ENTRIES_A_CALL * 3]}
    bus = Bus()
    bus.down = lambda events: any(event.attempt_id in unlucky for event in events)
    assert await publish(services, bus) == ENTRIES_A_CALL * 3
    assert not unlucky & by_session(bus.taken).keys()
    bus.down = lambda events: False
    await publish(services, bus)
    assert sorted(bus.taken) == sorted(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())


@pytest.mark.parametrize("revision", [0, 2, 3])
async def test_behind_an_event_that_is_refused_its_session_waits_and_no_other(
    services: Services, revision: int
) -> None:
    happened = await sessions(services, 5)
    unlucky = happened[0][0]
    bus = Bus()
    bus.refused = lambda event: identity(event) == (unlucky, revision)
    await publish(services, bus)
    taken = by_session(bus.taken)
    assert taken.pop(unlucky, []) == [each for each in (0, 2, 3) if each < revision]
    assert list(taken.values()) == [[0, 2, 3]] * 4
    # It is not tried over and over: the bus has enough to do.
    assert sum((unlucky, revision) in call for call in bus.calls) == 1
    bus.refused = lambda event: False
    await publish(services, bus)
    assert by_session(bus.taken)[unlucky] == [0, 2, 3]
    assert sorted(bus.taken) == sorted(happened)


async def test_what_the_bus_refuses_is_logged_with_its_code_and_counted(
    services: Services, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A logger of this test's own: Powertools keeps one for each service, with its first stream.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", uuid4().hex)
    await sessions(services, 3)
    bus = Bus()
    bus.refused = lambda event: event.user_id != "user0"
    await BusRelay(services.stores.outbox, bus, Telemetry()).run(lambda: True)
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (refused,) = (line for line in logged if line.get("message") == "events refused")
    assert (refused["level"], refused["codes"]) == ("WARNING", ["ThrottlingException"])
    assert [line["EventsDelayed"] for line in logged if "EventsDelayed" in line] == [[1.0]]


async def test_whatever_the_bus_refuses_nothing_is_lost_and_nothing_overtaken(services: Services) -> None:
    happened = await sessions(services, 15)
    bus = Bus()
    seen: set[Event] = set()

    def first_time(event: OutboxMessage) -> bool:
        refused = identity(event) not in seen
        seen.add(identity(event))
        return refused

    bus.refused = first_time
    process = relay(services, bus)
    runs = 0
    while len(bus.taken) < len(happened):
        await process.run(lambda: True)
        runs += 1
        # Each run brings every session one event further.
        assert runs <= 4
    assert sorted(bus.taken) == sorted(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())


async def test_what_happens_meanwhile_follows_in_the_next_run(services: Services) -> None:
    session = await services.sessions.create_session("user1", "quiz1", at=START)
    bus = Bus()
    process = relay(services, bus)
    assert await process.run(lambda: True) == 1
    await services.sessions.complete(session.id, at=LATER)
    assert await process.run(lambda: True) == 1
    assert by_session(bus.taken) == {session.id: [0, 1]}


# Time


async def test_without_time_nothing_is_sent(services: Services) -> None:
    await sessions(services, 1)
    bus = Bus()
    assert await publish(services, bus, lambda: False) == 0
    assert bus.calls == []


async def test_when_the_time_runs_out_the_rest_waits(services: Services) -> None:
    happened = await sessions(services, 2)
    bus = Bus()
    process = relay(services, bus)
    # The first of each session is through by then.
    assert await process.run(lambda: not bus.calls) == 2
    assert await process.run(lambda: True) == 4
    assert sorted(bus.taken) == sorted(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())


# Several relays


async def test_while_one_relay_sends_another_does_not(services: Services) -> None:
    happened = await sessions(services, 3)
    bus, other = Bus(), Bus()
    found: list[int] = []

    class Meanwhile(Bus):
        async def put(self, events: Sequence[OutboxMessage]) -> list[str | None]:
            found.append(await publish(services, other))
            return await bus.put(events)

    assert await publish(services, Meanwhile()) == len(happened)
    assert set(found) == {0}
    assert other.calls == []
    assert sorted(bus.taken) == sorted(happened)


async def test_of_two_relays_at_once_each_event_comes_from_one(services: Services) -> None:
    happened = await sessions(services, 30)
    bus = Bus()
    sent = await asyncio.gather(publish(services, bus), publish(services, bus))
    assert sum(sent) == len(happened)
    assert sorted(bus.taken) == sorted(happened)
    assert all(revisions == [0, 2, 3] for revisions in by_session(bus.taken).values())


async def test_what_another_relay_sends_meanwhile_is_not_sent_again(services: Services) -> None:
    happened = await sessions(services, 2)
    bus = Bus()

    class Overtaken(OutboxStore):
        async def messages(self, limit: int) -> list[OutboxMessage]:
            found = await super().messages(limit)
            await publish(services, bus)
            return found

    slow = BusRelay(Overtaken(services.stores.postgres), bus, services.telemetry)
    await slow.run(lambda: True)
    assert sorted(bus.taken) == sorted(happened)


async def test_a_relay_that_is_done_leaves_the_right_to_others(services: Services) -> None:
    bus = Bus()
    for _ in range(3):
        await sessions(services, 1)
        assert await publish(services, bus) == 3


async def test_a_relay_that_died_with_the_right_holds_up_the_others_until_it_lapses(
    services: Services, database: Database
) -> None:
    happened = await sessions(services, 2)
    take_the_lease(database, uuid4())
    bus = Bus()
    assert await publish(services, bus) == 0
    assert bus.calls == []
    let_the_lease_lapse(database)
    assert await publish(services, bus) == len(happened)


async def test_a_relay_that_loses_the_right_stops(services: Services, database: Database) -> None:
    happened = await sessions(services, 2)
    bus = Bus()
    bus.then = lambda: take_the_lease(database, uuid4())
    assert await publish(services, bus) == 2
    assert by_session(bus.taken) == {session_id: [0] for session_id, _ in happened}


async def test_a_relay_that_died_before_it_noted_what_it_sent_has_it_sent_again(
    services: Services, database: Database
) -> None:
    happened = await sessions(services, 3)
    bus = Bus()

    def die() -> None:
        raise CrashError

    bus.then = die
    with pytest.raises(CrashError):
        await publish(services, bus)
    assert [revision for _, revision in bus.taken] == [0, 0, 0]
    bus.then = lambda: None
    let_the_lease_lapse(database)
    assert await publish(services, bus) == len(happened)
    # Twice, never lost, and in their order by the sequence.
    assert all(revisions == [0, 0, 2, 3] for revisions in by_session(bus.taken).values())


async def test_a_database_that_fails_after_the_bus_has_taken_it_has_it_sent_again(
    services: Services, database: Database
) -> None:
    await sessions(services, 1)
    bus = Bus()
    # The row of the event is held: noting it takes longer than a statement may.
    database.execute("BEGIN")
    database.execute("SELECT FROM attempt_events FOR UPDATE")
    report = await rebuilt(services, bus=bus).flusher.run()
    database.execute("ROLLBACK")
    assert report.flush_failures == 1
    let_the_lease_lapse(database)
    await publish(services, bus)
    assert list(by_session(bus.taken).values()) == [[0, 0, 2, 3]]


# The flush


async def test_the_flush_says_what_it_sent_and_what_waits(services: Services) -> None:
    started = current_micros() - 100 * SECOND
    await services.sessions.create_session("user1", "quiz1", at=started)
    other = await services.sessions.create_session("user2", "quiz1", at=started + 50 * SECOND)
    await services.sessions.abandon(other.id)
    bus = Bus()
    bus.refused = lambda event: event.attempt_id != other.id
    flusher = rebuilt(services, bus=bus).flusher
    metrics = (await flusher.run()).metrics()
    assert (metrics["EventsPublished"], metrics["EventsPending"]) == (2, 1)
    assert metrics["OldestEventAgeSeconds"] >= 100
    bus.refused = lambda event: False
    metrics = (await flusher.run()).metrics()
    assert (metrics["EventsPublished"], metrics["EventsPending"]) == (1, 0)
    assert metrics["OldestEventAgeSeconds"] == 0
    assert (await flusher.run()).events_published == 0


async def test_without_a_bus_events_wait_and_nobody_is_alarmed(services: Services) -> None:
    happened = await sessions(services, 1)
    metrics = (await services.flusher.run()).metrics()
    assert (metrics["EventsPublished"], metrics["EventsPending"]) == (0, 0)
    bus = Bus()
    await publish(services, bus)
    assert bus.taken == happened


@pytest.fixture
async def cut_off(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Services]:
    """A process whose EventBridge refuses connections."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    async with services_on(stores, event_bus_name="sessions") as built:
        yield built


async def test_a_bus_that_refuses_connections_delays_events_and_fails_no_flush(
    cut_off: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    happened = await sessions(cut_off, ENTRIES_A_CALL + 1)
    report = await cut_off.flusher.run()
    assert (report.flush_failures, report.events_published) == (0, 0)
    assert report.events_pending == len(happened)
    # Once for each call.
    assert capsys.readouterr().out.count('"EventsDelayed":[1.0]') == 2
    bus = Bus()
    assert await publish(cut_off, bus) == len(happened)


# The bus itself


@dataclass
class Client:
    """Answers as boto3's client of EventBridge does."""

    errors: Sequence[str | None] = (None,)
    error: Exception | None = None
    asked: list[list[dict[str, Any]]] = field(default_factory=list)

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  (AWS's name)
        self.asked.append(Entries)
        if self.error is not None:
            raise self.error
        entries = [
            {"EventId": uuid4().hex} if code is None else {"ErrorCode": code, "ErrorMessage": "not now"}
            for code in self.errors
        ]
        return {"FailedEntryCount": sum(map(bool, self.errors)), "Entries": entries}


async def waiting(services: Services, count: int) -> list[OutboxMessage]:
    for number in range(count):
        await services.sessions.create_session(f"user{number}", "quiz1", at=START)
    return await services.stores.outbox.messages(PAGE)


async def test_an_entry_says_where_it_goes_and_what_it_is(services: Services) -> None:
    (event,) = await waiting(services, 1)
    client = Client()
    await EventBus("sessions", lambda: client).put([event])
    ((entry,),) = client.asked
    detail = json.loads(entry.pop("Detail"))
    assert entry == {
        "EventBusName": "sessions",
        "Source": "quiz-sessions",
        "DetailType": "session.started",
        "Time": event.at,
    }
    assert (detail["session_id"], detail["sequence"]) == (str(event.attempt_id), 0)


async def test_an_entry_with_an_error_code_was_not_taken(services: Services) -> None:
    client = Client(errors=[None, "ThrottlingException", None, "InternalFailure"])
    outcomes = await EventBus("sessions", lambda: client).put(await waiting(services, 4))
    assert outcomes == [None, "ThrottlingException", None, "InternalFailure"]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents"),
    ],
)
async def test_whatever_fails_a_call_the_bus_is_unavailable(services: Services, error: Exception) -> None:
    client = Client(error=error)
    with pytest.raises(EventBusUnavailableError):
        await EventBus("sessions", lambda: client).put(await waiting(services, 1))


async def test_calls_made_at_once_share_one_client(services: Services) -> None:
    client = Client(errors=[None] * ENTRIES_A_CALL)
    made: list[Client] = []

    def connect() -> Client:
        # So long that all of them come to it.
        time.sleep(0.05)
        made.append(client)
        return client

    await waiting(services, ENTRIES_A_CALL * CALLS_AT_ONCE)
    assert await publish(services, EventBus("sessions", connect)) == ENTRIES_A_CALL * CALLS_AT_ONCE
    assert len(client.asked) == CALLS_AT_ONCE
    assert len(made) == 1
