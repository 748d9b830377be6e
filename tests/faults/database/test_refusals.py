"""PostgreSQL refuses: statement by statement, read-only, crowded, out of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.services.flush import MAX_TRIES
from quiz_sessions.services.sessions import SessionManager
from tests.faults.conftest import Api, SlowUpdates, assert_try_again, eventually, start
from tests.faults.database.conftest import (
    EXTRA,
    MORE,
    QUIZ,
    assert_durability,
    committed_again,
    flushed,
    prepared,
)
from tests.faults.operable import CONNECTIONS
from tests.harness.locks import holding
from tests.harness.proxy import Proxy, Rule, Where
from tests.harness.stores import Servers

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
        ("PUT", "/users/user1/accommodations", {"reason": "why"}),
        ("PATCH", "/sessions/{id}", {"group": "Room 12"}),
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
    ("PUT", "/users/user1/accommodations", {"reason": "why"}, "user_accommodations"),
    ("PUT", "/users/user1/accommodations", {"time_factor": 1.5, "reason": "why"}, "quiz_attempts"),
    ("PATCH", "/sessions/{id}", {"group": "Room 12"}, "quiz_attempts"),
    ("POST", "/sessions/{id}/extend", MORE, "quiz_attempts"),
    ("POST", "/quizzes/quiz1/extend", MORE, "quiz_attempts"),
    ("PUT", "/quizzes/quiz1", QUIZ, "quiz_attempts"),
]


@pytest.mark.parametrize(("method", "path", "body", "table"), STAFF_CHANGES)
async def test_rows_that_others_hold_are_503_session_busy(
    servers: Servers, services: Services, api: Api, method: str, path: str, body: object, table: str
) -> None:
    session_id = await prepared(api, services.sessions)
    with holding(servers.stores, f"SELECT FROM {table} FOR UPDATE"):
        response = await api(method, path.format(id=session_id), body)
    assert_try_again(response, "session_busy")


@pytest.mark.parametrize(("method", "path", "body", "table"), STAFF_CHANGES[3:])
async def test_a_statement_that_takes_too_long_is_503_session_busy_and_changes_nothing(
    servers: Servers,
    services: Services,
    api: Api,
    slow_updates: SlowUpdates,
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
        return servers.stores.backends()

    await api.answer(session_id, 0, "A")
    await eventually(gone, lambda pids: pids == [])
    assert_durability(await api.answer(session_id, 1, "A"), "committed")
