"""PostgreSQL is replaced by its standby, or cut off."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from httpx import Response

from development_server import processes
from migrate_database.handler import upgrade
from quiz_sessions.bootstrap import Services
from tests.faults.conftest import Api, assert_try_again, eventually, start
from tests.faults.database.conftest import (
    OperableServers,
    all_reach,
    assert_durability,
    committed_again,
    flushed,
    students_at_work,
)
from tests.faults.operable import Follower, Operable
from tests.harness.locks import holding
from tests.harness.proxy import Proxy, proxy_of
from tests.harness.service import client_of, services_on
from tests.harness.stores import Servers, Stores
from tests.harness.valkey import RestrictedValkey

# Another server under the same address


@dataclass
class Pair:
    """A server and the one that follows it; the proxy leads to one of them."""

    primary: Operable
    follower: Follower
    valkey: RestrictedValkey
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


def terminate_all(servers: Servers) -> None:
    servers.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quiz-sessions'"
    )


async def waiting_backend(servers: Servers) -> int:
    """The one of the service's backends that waits for a row."""

    async def found() -> list[int]:
        return servers.stores.backends("wait_event_type = 'Lock'")

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
    with holding(servers.stores, "SELECT FROM quiz_attempts FOR UPDATE") as held:
        answering = asyncio.create_task(api.answer(session_id, 1, "A"))
        backend = await waiting_backend(servers)
        servers.query("SELECT pg_terminate_backend(%s)", backend)
        held.release()
        assert_durability(await answering, "committed")
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered"]


async def test_a_statement_that_an_operator_cancels_is_503_session_busy(
    servers: Servers, services: Services, api: Api
) -> None:
    session_id = await start(services.sessions)
    with holding(servers.stores, "SELECT FROM quiz_attempts FOR UPDATE"):
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
            os.kill(servers.stores.backends()[0], signal.SIGKILL)
        await all_reach(students, "committed")
    await flushed(services)
    for student in students:
        student.check(servers)
