"""PostgreSQL in every state but well: refusing, read-only, recovering, crowded, cut off, replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx import Response

from development_server import processes
from development_server.valkey import Valkey
from migrate_database.handler import upgrade
from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import iso
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.flush import MAX_TRIES
from quiz_sessions.services.sessions import SessionManager
from tests.faults.conftest import Api, assert_try_again, eventually, start
from tests.faults.operable import CONNECTIONS, Follower, Operable
from tests.harness.builders import SECOND
from tests.harness.proxy import Loss, Proxy, Rule, Where, proxy_of
from tests.harness.service import client_of, services_on
from tests.harness.stores import Servers, Stores

QUIZ: dict[str, Any] = {
    "time_limit_seconds": 3600,
    "questions": {"1": {"points": 2, "grading": "exact", "key": "A"}},
}
EXTRA = {"extra_seconds": 600, "reason": "a broken mouse"}
MORE = {"seconds": 60, "reason": "a fire alarm"}


# What tests use


@dataclass(frozen=True)
class OperableServers(Servers):
    """Servers whose PostgreSQL has an operator."""

    postgres: Operable


@pytest.fixture(scope="module")
def own_servers() -> Iterator[OperableServers]:
    with (
        tempfile.TemporaryDirectory(prefix="quiz-faults-") as folder,
        Operable(Path(folder) / "postgres", durable=False) as postgres,
        Valkey(Path(folder) / "valkey", persist=True) as valkey,
    ):
        upgrade(postgres.url)
        yield OperableServers(postgres, valkey)


@pytest.fixture
def postgres(servers: OperableServers) -> Iterator[Operable]:
    yield servers.postgres
    servers.postgres.start()


@pytest.fixture
async def proxy(servers: OperableServers) -> AsyncIterator[Proxy]:
    async with proxy_of(servers.postgres.url) as running:
        yield running


@pytest.fixture
async def stores(servers: OperableServers, proxy: Proxy) -> Stores:
    """The service reaches PostgreSQL by the proxy, which is the address that stays."""
    return Stores(proxy.url, servers.valkey.url)


@pytest.fixture
def configure(postgres: Operable) -> Iterator[Callable[..., None]]:
    changed: set[str] = set()

    def change(**settings: str | None) -> None:
        changed.update(settings)
        postgres.configure(**settings)

    yield change
    postgres.start()
    postgres.configure(**dict.fromkeys(changed))


def assert_durability(response: Response, durability: str) -> None:
    assert (response.status_code, response.json().get("durability")) == (200, durability)


async def committed_again(api: Api, session_id: UUID) -> None:
    """Wait until answers are committed, by the same process."""

    async def durability() -> str:
        response = await api.answer(session_id, 99, "again")
        return str(response.json().get("durability"))

    await eventually(durability, lambda found: found == "committed")


async def flushed(services: Services) -> None:
    async def failures() -> int:
        return (await services.flusher.run()).flush_failures

    await eventually(failures, lambda count: count == 0)


@dataclass
class Student:
    """Answers one question after the other, and keeps what was acknowledged."""

    api: Api
    session_id: UUID
    acknowledged: dict[str, int] = field(default_factory=dict)
    durabilities: Counter[str] = field(default_factory=Counter)
    number: int = 0

    async def answer(self) -> str:
        self.number += 1
        question = self.number % 7
        response = await self.api.answer(self.session_id, question, self.number)
        if response.status_code != 200:
            assert_try_again(response, response.json()["code"])
            return "refused"
        self.acknowledged[str(question)] = self.number
        durability = str(response.json()["durability"])
        self.durabilities[durability] += 1
        return durability

    async def answer_until(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            await self.answer()
            await asyncio.sleep(0.01)

    def check(self, servers: Servers) -> None:
        """Nothing acknowledged is lost, and nothing was done twice."""
        answers = servers.row(self.session_id)["answers"]
        lost = {q: n for q, n in self.acknowledged.items() if answers.get(q, 0) < n}
        assert lost == {}
        events = servers.events(self.session_id)
        counted = Counter(
            number for event in events for number in event["changes"].get("answers", {}).values()
        )
        assert [number for number, times in counted.items() if times > 1] == []
        versions = [event["version"] for event in events if event["type"] == "answered"]
        assert versions == sorted(set(versions))


@asynccontextmanager
async def students_at_work(api: Api, manager: SessionManager) -> AsyncIterator[list[Student]]:
    """Students who answer until the block ends."""
    students = [Student(api, await start(manager, f"student{number}")) for number in range(5)]
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for student in students:
            group.create_task(student.answer_until(ended))
        await all_reach(students, "committed")
        try:
            yield students
        finally:
            ended.set()


async def all_reach(students: list[Student], durability: str) -> None:
    """Wait until each gets an answer of this durability, counted from now."""
    before = [student.durabilities[durability] for student in students]

    async def gained() -> bool:
        return all(s.durabilities[durability] > n for s, n in zip(students, before, strict=True))

    await eventually(gained, bool)


# What PostgreSQL may say to a statement


@dataclass(frozen=True)
class Refusals:
    """Changes of attempts that PostgreSQL refuses with an error of the test's choice."""

    database: psycopg.Connection[tuple[Any, ...]]

    def begin(self, sqlstate: str, only: UUID | None = None) -> None:
        condition = f"WHEN (NEW.id = '{only}')" if only else ""
        self.database.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON quiz_attempts FOR EACH ROW {condition}"
            f" EXECUTE FUNCTION refuse('{sqlstate}')".encode()
        )

    @property
    def tries(self) -> int:
        # A sequence keeps count through a rollback.
        found = self.database.execute("SELECT last_value - (NOT is_called)::int FROM tries").fetchone()
        assert found is not None
        tries: int = found[0]
        return tries


@pytest.fixture
def refusals(servers: Servers) -> Iterator[Refusals]:
    with psycopg.connect(servers.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE tries")
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM nextval('tries'); RAISE EXCEPTION USING ERRCODE = TG_ARGV[0]; END $$"
        )
        yield Refusals(connection)
        connection.execute("DROP FUNCTION refuse CASCADE")
        connection.execute("DROP SEQUENCE tries")


NOT_NOW = {
    "25006": "read only",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "53400": "configuration limit",
    "57P03": "starting up",
}
IN_TROUBLE = {
    "25P02": "failed transaction",
    "55000": "not in the state for it",
    "58030": "input or output",
    "XX000": "internal error",
    "XX001": "data corrupted",
}
IN_THE_WAY = {
    "25P04": "transaction timeout",
    "40001": "serialization",
    "40P01": "deadlock",
    "55P03": "lock timeout",
    "57014": "statement timeout",
}
LOST = {
    "08006": "connection failure",
    "25P03": "idle in transaction",
    "40003": "completion unknown",
    "57P01": "admin shutdown",
    "57P02": "crash shutdown",
    "57P05": "idle session",
}
REFUSED_DATA = {"22P02": "invalid text", "54000": "program limit", "54001": "too complex"}


def each(states: dict[str, str]) -> pytest.MarkDecorator:
    names = [f"{state} {name}" for state, name in states.items()]
    return pytest.mark.parametrize("state", list(states), ids=names)


@each(NOT_NOW | IN_TROUBLE)
async def test_what_the_server_cannot_do_now_is_tried_once_and_buffered(
    before: SessionManager, api: Api, refusals: Refusals, state: str
) -> None:
    session_id = await start(before)
    refusals.begin(state)
    assert_durability(await api.answer(session_id, 1, "A"), "buffered")
    assert refusals.tries == 1


@each(NOT_NOW | IN_TROUBLE)
async def test_what_the_server_cannot_do_now_is_503_where_nothing_can_be_buffered(
    api: Api, refusals: Refusals, state: str
) -> None:
    refusals.begin(state)
    assert_try_again(await api("POST", "/sessions/start", {"user_id": "user2", "quiz_id": "quiz1"}))
    assert refusals.tries == 1


@each(IN_TROUBLE | IN_THE_WAY)
async def test_trouble_with_one_row_does_not_keep_others_from_being_committed(
    before: SessionManager, api: Api, refusals: Refusals, state: str
) -> None:
    session_id, other = await start(before), await start(before, "user2")
    refusals.begin(state, session_id)
    await api.answer(session_id, 1, "A")
    assert refusals.tries == 1
    assert_durability(await api.answer(other, 1, "A"), "committed")


@each(IN_TROUBLE)
async def test_trouble_with_one_row_does_not_keep_others_from_being_flushed(
    servers: Servers, services: Services, refusals: Refusals, state: str
) -> None:
    sessions = [await start(services.sessions, f"user{number}") for number in range(3)]
    for session_id in sessions:
        await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    refusals.begin(state, sessions[1])
    for _ in range(MAX_TRIES + 1):
        report = await services.flusher.run()
    assert (report.flush_failures, report.dirty_sessions, report.sessions_quarantined) == (1, 1, 0)
    assert servers.dirty() == {sessions[1]}
    assert [servers.row(each)["answers"] for each in (sessions[0], sessions[2])] == [{"1": "A"}] * 2


@each(IN_THE_WAY)
async def test_what_others_are_in_the_way_of_is_tried_once_and_503_session_busy(
    before: SessionManager, servers: Servers, api: Api, refusals: Refusals, state: str
) -> None:
    session_id = await start(before)
    refusals.begin(state)
    assert_try_again(await api.answer(session_id, 1, "A"), "session_busy")
    assert refusals.tries == 1
    assert servers.drafts(session_id) == {}


@each(LOST)
async def test_a_lost_reply_is_asked_for_once_more_then_buffered(
    before: SessionManager, api: Api, refusals: Refusals, state: str
) -> None:
    session_id = await start(before)
    refusals.begin(state)
    assert_durability(await api.answer(session_id, 1, "A"), "buffered")
    assert refusals.tries == 2


@each(REFUSED_DATA)
async def test_data_that_the_server_refuses_is_tried_once_and_422(
    before: SessionManager, api: Api, refusals: Refusals, state: str
) -> None:
    session_id = await start(before)
    refusals.begin(state)
    response = await api.answer(session_id, 1, "A")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert refusals.tries == 1


@each({"42883": "undefined function"})
async def test_a_fault_of_ours_is_neither_hidden_nor_an_outage(
    before: SessionManager, api: Api, refusals: Refusals, state: str
) -> None:
    session_id, other = await start(before), await start(before, "user2")
    refusals.begin(state, session_id)
    assert (await api.answer(session_id, 1, "A")).status_code == 500
    assert_durability(await api.answer(other, 1, "A"), "committed")


# Read-only


@pytest.fixture
def read_only(configure: Callable[..., None]) -> Callable[[bool], None]:
    return lambda on: configure(default_transaction_read_only="on" if on else None)


async def test_a_read_only_server_serves_reads_and_answers_are_buffered(
    before: SessionManager, servers: Servers, api: Api, read_only: Callable[[bool], None]
) -> None:
    session_id, uncached = await start(before), await start(before, "user2")
    servers.uncache(uncached)
    read_only(True)
    assert (await api.read(uncached)).status_code == 200
    assert_durability(await api.answer(session_id, 1, "A"), "buffered")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions/start", {"user_id": "user2", "quiz_id": "quiz1"}),
        ("POST", "/sessions/{id}/complete", {"answers": {"1": "A"}}),
        ("POST", "/sessions/{id}/extend", MORE),
        ("PUT", "/quizzes/quiz1", QUIZ),
        ("DELETE", "/quizzes/quiz1", None),
        ("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA),
        ("POST", "/quizzes/quiz1/extend", MORE),
    ],
)
async def test_on_a_read_only_server_a_change_is_503(
    before: SessionManager,
    api: Api,
    read_only: Callable[[bool], None],
    method: str,
    path: str,
    body: object,
) -> None:
    session_id = await start(before)
    read_only(True)
    assert_try_again(await api(method, path.format(id=session_id), body))


async def test_what_was_buffered_on_a_read_only_server_is_committed_once_it_takes_writes(
    servers: Servers, services: Services, api: Api, read_only: Callable[[bool], None]
) -> None:
    session_id = await start(services.sessions)
    read_only(True)
    assert_durability(await api.answer(session_id, 1, "A"), "buffered")
    read_only(False)
    await flushed(services)
    assert servers.row(session_id)["answers"] == {"1": "A"}
    await committed_again(api, session_id)


# Another server under the same address


@dataclass
class Pair:
    """A server and the one that follows it; the proxy leads to one of them."""

    primary: Operable
    follower: Follower
    valkey: Valkey
    proxy: Proxy

    @property
    def after(self) -> OperableServers:
        """What there is after the failover."""
        return OperableServers(self.follower, self.valkey)

    async def wait_for_each_other(self) -> None:
        """From here on a commit is acknowledged only when the follower has it."""
        await asyncio.to_thread(self.primary.configure, synchronous_standby_names="*")

    async def lose_primary(self) -> None:
        await asyncio.to_thread(self.primary.kill)

    async def promote(self) -> None:
        await asyncio.to_thread(self.follower.promote)


@pytest.fixture
async def pair(servers: OperableServers, folder: Path) -> AsyncIterator[Pair]:
    # The servers' own PostgreSQL is not used: a failover leaves it behind.
    with ExitStack() as running:
        primary = await asyncio.to_thread(running.enter_context, Operable(folder / "primary", durable=False))
        upgrade(primary.url)
        follower = await asyncio.to_thread(running.enter_context, Follower(folder / "follower", primary))
        async with proxy_of(primary.url) as proxy:
            yield Pair(primary, follower, servers.valkey, proxy)


@pytest.fixture
async def pair_services(pair: Pair) -> AsyncIterator[Services]:
    async with services_on(Stores(pair.proxy.url, pair.valkey.url)) as services:
        yield services


@pytest.fixture
async def pair_api(pair_services: Services) -> AsyncIterator[Api]:
    async with client_of(pair_services) as http:
        yield Api(http)


async def test_a_failover_loses_nothing_and_does_nothing_twice(
    pair: Pair, pair_services: Services, pair_api: Api
) -> None:
    await pair.wait_for_each_other()
    async with students_at_work(pair_api, pair_services.sessions) as students:
        await pair.lose_primary()
        await all_reach(students, "buffered")
        # As a name does that still leads to the server which only follows.
        pair.proxy.lead_to(pair.follower.url)
        await all_reach(students, "buffered")
        await pair.promote()
        await all_reach(students, "committed")
    await flushed(pair_services)
    for student in students:
        student.check(pair.after)


async def test_during_a_failover_a_start_is_503_and_its_repeat_makes_one_attempt(
    pair: Pair, pair_api: Api
) -> None:
    await pair.wait_for_each_other()
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await pair.lose_primary()
    pair.proxy.lead_to(pair.follower.url)
    assert_try_again(await pair_api("POST", "/sessions/start", body))
    await pair.promote()

    async def status() -> int:
        return (await pair_api("POST", "/sessions/start", body)).status_code

    await eventually(status, lambda found: found == 201)
    (count,) = pair.after.query("SELECT count(*) FROM quiz_attempts")
    assert count["count"] == 1


async def test_a_follower_that_is_behind_is_not_read(
    pair: Pair, pair_services: Services, pair_api: Api
) -> None:
    session_id = await start(pair_services.sessions)
    pair.follower.operate("SELECT pg_wal_replay_pause()")
    await pair_services.sessions.update_answer(session_id, 1, "A")
    pair.after.uncache(session_id)
    await pair.lose_primary()
    pair.proxy.lead_to(pair.follower.url)
    assert_try_again(await pair_api.read(session_id))
    await pair.promote()

    async def read() -> Response:
        return await pair_api.read(session_id)

    found = await eventually(read, lambda response: response.status_code == 200)
    assert found.json()["answers"] == {"1": "A"}


async def test_a_server_that_recovers_and_lets_nobody_in_is_an_outage(
    pair: Pair, pair_services: Services, pair_api: Api
) -> None:
    session_id = await start(pair_services.sessions)
    await asyncio.to_thread(pair.follower.stop)
    pair.follower.hide()
    await asyncio.to_thread(pair.follower.start)
    await pair.lose_primary()
    pair.proxy.lead_to(pair.follower.url)
    assert_durability(await pair_api.answer(session_id, 1, "A"), "buffered")
    assert_try_again(await pair_api("POST", f"/sessions/{session_id}/complete"))
    await pair.promote()
    await flushed(pair_services)
    assert pair.after.row(session_id)["answers"] == {"1": "A"}
    await committed_again(pair_api, session_id)


async def test_connections_to_a_server_that_has_become_read_only_give_way_to_the_one_that_took_over(
    pair: Pair, pair_services: Services, pair_api: Api
) -> None:
    session_id = await start(pair_services.sessions)
    await asyncio.to_thread(pair.primary.configure, default_transaction_read_only="on")
    await pair.promote()
    pair.proxy.lead_to(pair.follower.url)
    # Its open connection still leads to the old one, which is well but for that.
    assert_durability(await pair_api.answer(session_id, 1, "A"), "buffered")
    await committed_again(pair_api, session_id)
    await flushed(pair_services)
    assert pair.after.row(session_id)["answers"] == {"1": "A", "99": "again"}


async def test_a_commit_that_waits_for_a_lost_follower_is_buffered_and_done_once(
    pair: Pair, pair_services: Services, pair_api: Api
) -> None:
    await pair.wait_for_each_other()
    session_id = await start(pair_services.sessions)
    await asyncio.to_thread(pair.follower.kill)
    assert_durability(await pair_api.answer(session_id, 1, "A"), "buffered")
    await asyncio.to_thread(pair.follower.start)
    await flushed(pair_services)
    servers = OperableServers(pair.primary, pair.valkey)
    assert servers.row(session_id)["answers"] == {"1": "A"}
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered"]


# Connections that break


def backends(servers: Servers) -> list[int]:
    rows = servers.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'quiz-sessions'")
    return [row["pid"] for row in rows]


def terminate_all(servers: Servers) -> None:
    servers.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quiz-sessions'"
    )


@contextmanager
def locked(servers: Servers, table: str) -> Iterator[Callable[[], None]]:
    """Another client holds every row of the table; what it yields lets go of them."""
    with psycopg.connect(servers.postgres.url) as connection:
        connection.execute(f"SELECT FROM {table} FOR UPDATE".encode())
        yield connection.rollback


async def waiting_backend(servers: Servers) -> int:
    """The one of the service's backends that waits for a row."""

    async def found() -> list[int]:
        rows = servers.query(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'quiz-sessions' AND wait_event_type = 'Lock'"
        )
        return [row["pid"] for row in rows]

    return (await eventually(found, bool))[0]


async def test_a_pool_whose_every_connection_was_ended_serves_all_requests(
    servers: Servers, services: Services, api: Api
) -> None:
    sessions = [await start(services.sessions, f"user{number}") for number in range(10)]
    await asyncio.gather(*(api.answer(session_id, 0, "A") for session_id in sessions))
    terminate_all(servers)
    for response in await asyncio.gather(*(api.answer(session_id, 1, "B") for session_id in sessions)):
        assert_durability(response, "committed")


async def test_a_statement_whose_connection_is_ended_is_carried_out_once(
    servers: Servers, services: Services, api: Api
) -> None:
    session_id = await start(services.sessions)
    with locked(servers, "quiz_attempts") as let_go:
        answering = asyncio.create_task(api.answer(session_id, 1, "A"))
        backend = await waiting_backend(servers)
        servers.query("SELECT pg_terminate_backend(%s)", backend)
        let_go()
        assert_durability(await answering, "committed")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered"]


async def test_a_statement_that_an_operator_cancels_is_503_session_busy(
    servers: Servers, services: Services, api: Api
) -> None:
    session_id = await start(services.sessions)
    with locked(servers, "quiz_attempts"):
        answering = asyncio.create_task(api.answer(session_id, 1, "A"))
        servers.query("SELECT pg_cancel_backend(%s)", await waiting_backend(servers))
        assert_try_again(await answering, "session_busy")


async def test_connections_ended_all_the_time_lose_nothing_and_do_nothing_twice(
    servers: Servers, services: Services, api: Api
) -> None:
    async with students_at_work(api, services.sessions) as students:
        for _ in range(30):
            await asyncio.to_thread(terminate_all, servers)
            await asyncio.sleep(0.05)
        await all_reach(students, "committed")
    await flushed(services)
    for student in students:
        student.check(servers)


async def stop_fast(postgres: Operable) -> None:
    await asyncio.to_thread(postgres.stop)


async def stop_at_once(postgres: Operable) -> None:
    processes.send(postgres.pids()[0], signal.SIGQUIT)

    async def pids() -> list[int]:
        return postgres.pids()

    await eventually(pids, lambda found: found == [])


@pytest.mark.parametrize("end", [stop_fast, stop_at_once])
async def test_a_shutdown_under_load_loses_nothing_and_does_nothing_twice(
    servers: Servers,
    postgres: Operable,
    services: Services,
    api: Api,
    end: Callable[[Operable], Awaitable[None]],
) -> None:
    async with students_at_work(api, services.sessions) as students:
        await end(postgres)
        await all_reach(students, "buffered")
        await asyncio.to_thread(postgres.start)
        await all_reach(students, "committed")
    await flushed(services)
    for student in students:
        student.check(servers)


async def test_a_backend_that_crashes_under_load_loses_nothing_and_does_nothing_twice(
    servers: Servers, postgres: Operable, services: Services, api: Api
) -> None:
    async with students_at_work(api, services.sessions) as students:
        # Then the server ends all others as well, and recovers.
        with suppress(ProcessLookupError):
            os.kill(backends(servers)[0], signal.SIGKILL)
        await all_reach(students, "committed")
    await flushed(services)
    for student in students:
        student.check(servers)


# Too many connections


@pytest.fixture
def crowd(servers: Servers) -> Iterator[Callable[[], ExitStack]]:
    """Takes every connection that is left; closing what it returns gives them back."""
    with ExitStack() as all_of_it:

        def arrive() -> ExitStack:
            others = all_of_it.enter_context(ExitStack())
            for _ in range(CONNECTIONS):
                try:
                    others.enter_context(psycopg.connect(servers.postgres.url))
                except psycopg.OperationalError:
                    return others
            raise AssertionError("there is room for more")

        yield arrive


async def test_without_a_connection_to_be_had_answers_are_buffered_and_starts_503(
    before: SessionManager, api: Api, crowd: Callable[[], ExitStack]
) -> None:
    session_id = await start(before)
    crowd()
    answer, started = await asyncio.gather(
        api.answer(session_id, 1, "A"),
        api("POST", "/sessions/start", {"user_id": "user2", "quiz_id": "quiz1"}),
    )
    assert_durability(answer, "buffered")
    assert_try_again(started)


async def test_answers_are_committed_once_there_is_room_for_a_connection_again(
    before: SessionManager,
    servers: Servers,
    services: Services,
    api: Api,
    crowd: Callable[[], ExitStack],
) -> None:
    session_id = await start(before)
    others = crowd()
    assert_durability(await api.answer(session_id, 1, "A"), "buffered")
    others.close()
    await committed_again(api, session_id)
    await flushed(services)
    assert servers.row(session_id)["answers"] == {"1": "A", "99": "again"}


async def test_the_connections_that_a_process_has_serve_it_while_there_are_no_more(
    services: Services, api: Api, crowd: Callable[[], ExitStack]
) -> None:
    sessions = [await start(services.sessions, f"user{number}") for number in range(20)]
    crowd()
    for response in await asyncio.gather(*(api.answer(session_id, 1, "A") for session_id in sessions)):
        assert_durability(response, "committed")


# Time-outs


STAFF_CHANGES = [
    ("PUT", "/quizzes/quiz1", QUIZ, "quizzes"),
    ("DELETE", "/quizzes/quiz1", None, "quizzes"),
    ("POST", "/sessions/start", {"user_id": "user2", "quiz_id": "quiz1"}, "quizzes"),
    ("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA, "attempt_counters"),
    ("DELETE", "/quizzes/quiz1/accommodations/user1", None, "attempt_counters"),
    ("POST", "/sessions/{id}/extend", MORE, "quiz_attempts"),
    ("POST", "/quizzes/quiz1/extend", MORE, "quiz_attempts"),
    ("PUT", "/quizzes/quiz1", QUIZ, "quiz_attempts"),
]


async def prepared(api: Api, manager: SessionManager) -> UUID:
    """A quiz, extra time for it, and an attempt at it."""
    await api("PUT", "/quizzes/quiz1", QUIZ)
    await api("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA)
    return await start(manager)


@pytest.mark.parametrize(("method", "path", "body", "table"), STAFF_CHANGES)
async def test_rows_that_others_hold_are_503_session_busy(
    servers: Servers, services: Services, api: Api, method: str, path: str, body: object, table: str
) -> None:
    session_id = await prepared(api, services.sessions)
    with locked(servers, table):
        response = await api(method, path.format(id=session_id), body)
    assert_try_again(response, "session_busy")


@pytest.mark.parametrize(("method", "path", "body", "table"), STAFF_CHANGES[3:])
async def test_a_statement_that_takes_too_long_is_503_session_busy_and_changes_nothing(
    servers: Servers,
    services: Services,
    api: Api,
    slow_updates: Callable[[str], None],
    method: str,
    path: str,
    body: object,
    table: str,
) -> None:
    session_id = await prepared(api, services.sessions)
    slow_updates(table)
    before = servers.row(session_id)
    changed = {**QUIZ, "time_limit_seconds": 60} if path == "/quizzes/quiz1" else body
    assert_try_again(await api(method, path.format(id=session_id), changed), "session_busy")
    assert servers.row(session_id) == before
    assert (await api.read(session_id)).status_code == 200


@pytest.fixture
def slow_updates(servers: Servers) -> Iterator[Callable[[str], None]]:
    with psycopg.connect(servers.postgres.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(5); RETURN NEW; END $$"
        )

        def slow(table: str) -> None:
            connection.execute(
                f"CREATE TRIGGER dawdle BEFORE UPDATE ON {table} FOR EACH ROW"
                " EXECUTE FUNCTION dawdle()".encode()
            )

        yield slow
        connection.execute("DROP FUNCTION dawdle CASCADE")


async def test_a_transaction_that_was_ended_for_idling_is_done_once_more(
    services: Services, api: Api, proxy: Proxy, configure: Callable[..., None]
) -> None:
    await prepared(api, services.sessions)
    configure(idle_in_transaction_session_timeout="100ms")
    proxy.apply(Rule(b"COMMIT", Where.HOLD, seconds=0.3))
    response = await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 7200})
    assert proxy.rules == []
    assert (response.status_code, response.json()["revision"], response.json()["rescheduled"]) == (200, 2, 1)


async def test_a_transaction_that_takes_too_long_is_503_session_busy_and_changes_nothing(
    services: Services, api: Api, proxy: Proxy, configure: Callable[..., None]
) -> None:
    await prepared(api, services.sessions)
    configure(transaction_timeout="100ms")
    proxy.apply(Rule(b"COMMIT", Where.HOLD, seconds=0.3))
    response = await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 7200})
    assert_try_again(response, "session_busy")
    assert (await api("GET", "/quizzes/quiz1")).json()["revision"] == 1


async def test_connections_that_were_ended_for_idling_are_no_failure(
    servers: Servers, services: Services, api: Api, configure: Callable[..., None]
) -> None:
    session_id = await start(services.sessions)
    configure(idle_session_timeout="100ms")

    async def gone() -> list[int]:
        return backends(servers)

    await api.answer(session_id, 0, "A")
    await eventually(gone, lambda pids: pids == [])
    assert_durability(await api.answer(session_id, 1, "A"), "committed")


# A lost reply, to COMMIT and to single statements


@pytest.mark.parametrize("loss", Loss)
async def test_a_new_quiz_is_registered_once(api: Api, proxy: Proxy, loss: Loss) -> None:
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1", QUIZ)
    assert proxy.rules == []
    assert (response.status_code, response.json()["revision"]) == (201, 1)


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_is_changed_once_and_its_attempts_follow(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 7200})
    assert proxy.rules == []
    assert (response.status_code, response.json()["revision"], response.json()["rescheduled"]) == (200, 2, 1)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_that_was_changed_twice_by_one_person_has_two_more_revisions(
    api: Api, proxy: Proxy, loss: Loss
) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", loss)
    assert (await api("PUT", "/quizzes/quiz1", QUIZ)).json()["revision"] == 3


@pytest.mark.parametrize("loss", Loss)
async def test_extra_time_is_given_once_and_shown_at_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("PUT", "/quizzes/quiz1/accommodations/user1", EXTRA)
    assert proxy.rules == []
    assert (response.status_code, response.json()["extra_seconds"]) == (200, 600)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_extra_time_is_taken_back_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("DELETE", "/quizzes/quiz1/accommodations/user1")
    assert proxy.rules == []
    assert response.status_code == 204
    assert [event["type"] for event in servers.events(session_id)] == ["started", "rescheduled"]
    assert (await api.read(session_id)).json()["expires_at"] == iso(servers.row(session_id)["expires_at"])


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_is_deleted_once(api: Api, proxy: Proxy, loss: Loss) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", loss)
    assert (await api("DELETE", "/quizzes/quiz1")).status_code == 204
    assert proxy.rules == []
    assert (await api("GET", "/quizzes/quiz1")).status_code == 404


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("path", ["/quizzes/quiz1", "/quizzes/quiz1/accommodations/user1"])
async def test_what_was_not_there_to_be_deleted_is_404(api: Api, proxy: Proxy, path: str, loss: Loss) -> None:
    proxy.lose(b"COMMIT", loss)
    assert (await api("DELETE", path)).status_code == 404
    assert proxy.rules == []


@pytest.mark.parametrize("loss", Loss)
async def test_a_quiz_that_students_take_is_not_deleted(
    services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    await prepared(api, services.sessions)
    proxy.lose(b"COMMIT", loss)
    response = await api("DELETE", "/quizzes/quiz1")
    assert (response.status_code, response.json()["code"]) == (409, "quiz_in_use")
    assert proxy.rules == []


@pytest.mark.parametrize("loss", Loss)
async def test_a_connection_that_breaks_before_commit_has_done_nothing(
    api: Api, proxy: Proxy, loss: Loss
) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"BEGIN", loss)
    assert (await api("PUT", "/quizzes/quiz1", QUIZ)).json()["revision"] == 2


async def test_a_change_whose_reply_is_lost_twice_is_503_and_may_be_repeated(api: Api, proxy: Proxy) -> None:
    await api("PUT", "/quizzes/quiz1", QUIZ)
    proxy.lose(b"COMMIT", Loss.REPLY, Loss.REPLY)
    assert_try_again(await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 60}))

    async def status() -> int:
        return (await api("PUT", "/quizzes/quiz1", {**QUIZ, "time_limit_seconds": 60})).status_code

    await eventually(status, lambda found: found == 200)
    assert (await api("GET", "/quizzes/quiz1")).json()["time_limit_seconds"] == 60


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("path", ["/sessions/{id}/extend", "/quizzes/quiz1/extend"])
async def test_a_deadline_is_moved_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, path: str, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    response = await api("POST", path.format(id=session_id), MORE)
    assert proxy.rules == []
    assert response.status_code == 200
    assert response.json().get("extended", 1) == 1
    assert servers.row(session_id)["extension_seconds"] == 60
    assert [event["type"] for event in servers.events(session_id)] == ["started", "extended"]


@pytest.mark.parametrize("loss", Loss)
async def test_an_attempt_is_reopened_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions, at=current_micros() - 1900 * SECOND)
    await services.flusher.run()
    proxy.lose(b"COMMIT", loss)
    response = await api("POST", f"/sessions/{session_id}/reopen", MORE)
    assert proxy.rules == []
    assert (response.status_code, response.json()["status"]) == (200, "started")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "expired", "reopened"]


@pytest.mark.parametrize("loss", Loss)
async def test_an_attempt_is_given_up_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    proxy.lose(b"finish_attempt_", loss)
    response = await api("POST", f"/sessions/{session_id}/abandon")
    assert proxy.rules == []
    assert (response.status_code, response.json()["status"]) == (200, "abandoned")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "abandoned"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_score_is_set_once(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await start(services.sessions)
    await services.sessions.complete(session_id)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    body = {"score": 1.0, "max_score": 2.0, "reason": "read by a person"}
    response = await api("POST", f"/sessions/{session_id}/score", body)
    assert proxy.rules == []
    assert (response.status_code, response.json()["score"]) == (200, 1.0)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed", "graded"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_completion_tells_its_score_when_the_reply_to_its_grading_is_lost(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    proxy.lose(b"new_results", loss)
    response = await api("POST", f"/sessions/{session_id}/complete", {"answers": {"1": "A"}})
    assert proxy.rules == []
    assert (response.status_code, response.json()["score"]) == (200, 2.0)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed", "graded"]
    assert (await api.read(session_id)).json()["score"] == 2.0


@pytest.mark.parametrize("loss", Loss)
async def test_a_regrade_is_done_once_and_counted(
    servers: Servers, services: Services, api: Api, proxy: Proxy, loss: Loss
) -> None:
    session_id = await prepared(api, services.sessions)
    await services.sessions.complete(session_id, {"1": "B"})
    await api("PUT", "/quizzes/quiz1", {"questions": {"1": {"points": 2, "grading": "exact", "key": "B"}}})
    proxy.lose(b"new_results", loss)
    response = await api("POST", "/quizzes/quiz1/regrade", {"reason": "the key was wrong"})
    assert proxy.rules == []
    assert response.json() == {"regraded": 1, "changed": 1, "complete": True}
    assert servers.row(session_id)["score"] == 2.0
    types = [event["type"] for event in servers.events(session_id)]
    assert types == ["started", "completed", "graded", "graded"]
