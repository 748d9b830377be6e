"""The failure table of the design, cell by cell, with servers that are really killed or frozen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable, Sequence
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.outcomes import Flushed
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.runtime.clock import current_micros
from quiz_sessions.services.flush import FlushReport
from quiz_sessions.services.sessions import SessionManager
from tests.faults.conftest import (
    REQUEST_SECONDS,
    Api,
    Outage,
    SlowUpdates,
    assert_try_again,
    eventually,
    start,
)
from tests.harness.builders import SECOND
from tests.harness.locks import row_held
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import app_of, client_of, services_on
from tests.harness.stores import Servers

REQUESTS: dict[str, tuple[str, str, object]] = {
    "start": ("POST", "/sessions/start", {"user_id": "user2", "quiz_id": "quiz1"}),
    "read": ("GET", "/sessions/{id}", None),
    "progress": ("PATCH", "/sessions/{id}/progress", {"question_id": 1, "answer": "A"}),
    "autosave": ("PATCH", "/sessions/{id}/progress", {"question_id": 1, "answer": "A", "autosave": True}),
    "complete": ("POST", "/sessions/{id}/complete", {"answers": {"1": "A"}}),
    "abandon": ("POST", "/sessions/{id}/abandon", None),
}


async def send(api: Api, name: str, session_id: object) -> httpx.Response:
    method, path, body = REQUESTS[name]
    return await api(method, path.format(id=session_id), body)


async def send_all(api: Api, names: Iterable[str], session_id: UUID) -> list[httpx.Response]:
    """At the same time, so that they wait for the same time-outs."""
    return await asyncio.gather(*(send(api, name, session_id) for name in names))


async def start_overdue(manager: SessionManager) -> UUID:
    return await start(manager, at=current_micros() - 1900 * SECOND)


async def flush(services: Services) -> FlushReport:
    async with asyncio.timeout(30):
        return await services.flusher.run()


async def flush_without_failure(services: Services) -> None:
    async def run() -> FlushReport:
        return await flush(services)

    await eventually(run, lambda report: report.flush_failures == 0)


# PostgreSQL down, Valkey up


async def test_without_postgres_a_read_shows_drafts_over_answers_from_the_cache(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await before.update_answers(session_id, {"1": "A", "2": "B"})
    await before.update_answer(session_id, 2, "C", autosave=True)
    await outage.begin("postgres")
    response = await api.read(session_id)
    assert response.status_code == 200
    session = response.json()
    assert (session["answers"], session["version"]) == ({"1": "A", "2": "C"}, 1)
    assert (session["durability"], session["buffered_questions"]) == ("buffered", ["2"])


async def test_without_postgres_an_answer_is_buffered_and_read_back(
    api: Api, services: Services, outage: Outage
) -> None:
    # The service has an open connection: this is what a request costs when the server goes away.
    session_id = await start(services.sessions)
    await outage.begin("postgres")
    for response in (await api.answer(session_id, 1, "A"), await api.read(session_id)):
        assert response.status_code == 200
        session = response.json()
        assert (session["answers"], session["status"], session["version"]) == ({"1": "A"}, "in_progress", 0)
        assert (session["durability"], session["buffered_questions"]) == ("buffered", ["1"])


async def test_without_postgres_an_autosave_is_buffered(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("postgres")
    response = await send(api, "autosave", session_id)
    assert (response.status_code, response.json()["durability"]) == (200, "buffered")


async def test_without_postgres_starting_and_ending_are_503(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("postgres")
    for response in await send_all(api, ["start", "complete", "abandon"], session_id):
        assert_try_again(response, "store_unavailable")


async def test_without_postgres_a_session_that_is_not_cached_is_503(
    before: SessionManager, servers: Servers, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    servers.uncache(session_id)
    await outage.begin("postgres")
    for response in await send_all(api, ["read", "progress", "autosave"], session_id):
        assert_try_again(response, "store_unavailable")


async def test_without_postgres_an_overdue_session_is_expired_by_the_cached_deadline_and_takes_nothing(
    before: SessionManager, servers: Servers, services: Services, api: Api, outage: Outage
) -> None:
    session_id = await start_overdue(before)
    await outage.begin("postgres")
    read, *writes = await send_all(api, ["read", "progress", "autosave"], session_id)
    assert (read.status_code, read.json()["status"]) == (200, "expired")
    # 410 would promise that the answers are kept as late ones.
    for response in writes:
        assert_try_again(response, "store_unavailable")
    await outage.end("postgres")
    await flush_without_failure(services)
    assert servers.row(session_id)["status"] == "expired"


async def test_without_postgres_the_cached_version_decides_a_conflict(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await before.update_answer(session_id, 1, "A")
    await before.update_answer(session_id, 2, "B")
    await outage.begin("postgres")
    stale, current = await asyncio.gather(
        api.answer(session_id, 3, "C", version=1), api.answer(session_id, 3, "C", version=2)
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert (stale.json()["current_version"], stale.json()["changed_questions"]) == (2, ["2"])
    assert (current.status_code, current.json()["durability"]) == (200, "buffered")


async def test_a_flush_commits_buffered_answers_once_postgres_is_back(
    before: SessionManager, servers: Servers, services: Services, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("postgres")
    await api.answer(session_id, 1, "A")
    await outage.end("postgres")
    await flush_without_failure(services)
    assert servers.row(session_id)["answers"] == {"1": "A"}
    session = (await api.read(session_id)).json()
    assert (session["answers"], session["durability"]) == ({"1": "A"}, "committed")
    assert session["buffered_questions"] == []


async def test_answers_are_committed_again_once_postgres_is_back(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("postgres")
    await api.answer(session_id, 1, "A")
    await outage.end("postgres")

    async def write() -> str:
        response = await api.answer(session_id, 2, "B")
        assert response.status_code == 200
        return str(response.json()["durability"])

    await eventually(write, lambda durability: durability == "committed")


async def test_many_requests_at_once_on_a_frozen_postgres_are_all_buffered_in_time(
    api: Api, services: Services, freezing: Outage
) -> None:
    # More than the pool has connections, and all of those open.
    sessions = [await start(services.sessions, f"user{number}") for number in range(40)]
    await asyncio.gather(*(api.answer(session_id, 0, "A") for session_id in sessions))
    await freezing.begin("postgres")
    responses = await asyncio.gather(*(api.answer(session_id, 1, "B") for session_id in sessions))
    assert {(r.status_code, r.json()["durability"]) for r in responses} == {(200, "buffered")}


async def test_a_write_that_commits_on_thaw_does_not_undo_a_newer_buffered_answer(
    servers: Servers, services: Services, api: Api, freezing: Outage
) -> None:
    session_id = await start(services.sessions)
    await freezing.begin("postgres")
    await api.answer(session_id, 1, "hung")
    await api.answer(session_id, 1, "newer")
    await freezing.end("postgres")

    async def events() -> list[str]:
        return [event["type"] for event in servers.events(session_id)]

    await eventually(events, lambda types: "answered" in types)
    await flush_without_failure(services)
    assert servers.row(session_id)["answers"] == {"1": "newer"}


async def test_a_write_that_commits_late_does_not_undo_a_newer_committed_answer(
    servers: Servers, services: Services, api: Api
) -> None:
    session_id = await start(services.sessions)
    (backend,) = servers.stores.backends()
    os.kill(backend, signal.SIGSTOP)
    # The first sending hangs in the frozen backend; it has not been carried out when this returns.
    await api.answer(session_id, 1, "hung")
    newer = await api.answer(session_id, 1, "newer")
    assert newer.json()["durability"] == "committed"
    os.kill(backend, signal.SIGCONT)

    async def backends() -> set[int]:
        return {row["pid"] for row in servers.query("SELECT pid FROM pg_stat_activity")}

    await eventually(backends, lambda pids: backend not in pids)
    assert servers.row(session_id)["answers"] == {"1": "newer"}
    # What hung had been sent again, and was carried out once.
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered", "answered"]
    assert newer.json()["version"] == servers.row(session_id)["version"] == 2


async def test_a_slow_row_does_not_keep_others_from_being_flushed(
    servers: Servers, services: Services, slow_updates: SlowUpdates
) -> None:
    slow, quick = [await start(services.sessions, f"user{i}") for i in range(2)]
    for session_id in (slow, quick):
        await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    slow_updates("quiz_attempts", slow)
    report = await services.flusher.run()
    assert (report.sessions_flushed, report.flush_failures, report.dirty_sessions) == (1, 1, 1)
    assert servers.row(quick)["answers"] == {"1": "A"}


# PostgreSQL up, Valkey down


async def test_without_valkey_every_endpoint_works(before: SessionManager, api: Api, outage: Outage) -> None:
    sessions = {name: await start(before) for name in REQUESTS}
    await outage.begin("valkey")
    for name, session_id in sessions.items():
        response = await send(api, name, session_id)
        assert response.status_code == (201 if name == "start" else 200)
        assert response.json()["durability"] == "committed"


async def test_without_valkey_answers_are_committed(
    before: SessionManager, servers: Servers, api: Api, outage: Outage
) -> None:
    sessions = {name: await start(before) for name in ("progress", "autosave", "complete")}
    await outage.begin("valkey")
    for name, session_id in sessions.items():
        await send(api, name, session_id)
        assert servers.row(session_id)["answers"] == {"1": "A"}


async def test_without_valkey_a_read_has_the_last_answer(
    api: Api, services: Services, outage: Outage
) -> None:
    session_id = await start(services.sessions)
    await outage.begin("valkey")
    await api.answer(session_id, 1, "A")
    assert (await api.read(session_id)).json()["answers"] == {"1": "A"}


async def test_no_read_is_stale_once_valkey_is_back(
    servers: Servers, api: Api, services: Services, outage: Outage
) -> None:
    session_id = await start(services.sessions)
    await api.answer(session_id, 1, "A")
    await outage.begin("valkey")
    await api.answer(session_id, 1, "B")
    await outage.end("valkey")

    async def read() -> bytes:
        assert (await api.read(session_id)).json()["answers"] == {"1": "B"}
        with servers.cache() as cache:
            return bytes(cache.get(f"session:{session_id}") or b"")

    # Until the service uses Valkey again, which holds the old state to begin with.
    await eventually(read, lambda cached: cached.startswith(b'{"revision":2,'))


async def test_of_many_reads_at_once_none_is_stale_once_valkey_is_back(
    servers: Servers, api: Api, services: Services, outage: Outage
) -> None:
    session_id = await start(services.sessions)
    await api.answer(session_id, 1, "A")
    await outage.begin("valkey")
    await api.answer(session_id, 1, "B")
    await outage.end("valkey")
    until = asyncio.get_running_loop().time() + 2
    while asyncio.get_running_loop().time() < until:
        with servers.cache() as cache:
            # Deleting what the service could not write takes its time, and reads do not.
            cache.client_pause(100, all=False)
        replies = await asyncio.gather(*(api.read(session_id) for _ in range(20)))
        assert [reply.json()["answers"] for reply in replies] == [{"1": "B"}] * 20


async def test_an_outage_of_valkey_leaves_the_keys_of_others_alone(
    before: SessionManager, servers: Servers, api: Api, services: Services, outage: Outage
) -> None:
    session_id, untouched = await start(services.sessions), await start(before, "user2")
    await outage.begin("valkey")
    await api.answer(session_id, 1, "A")
    await outage.end("valkey")

    async def ready() -> str:
        return str((await api("GET", "/health/ready")).json()["status"])

    await eventually(ready, lambda status: status == "ready")
    with servers.cache() as cache:
        assert (cache.exists(f"session:{session_id}"), cache.exists(f"session:{untouched}")) == (0, 1)


async def test_an_autosave_is_buffered_again_once_valkey_is_back(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("valkey")
    await send(api, "autosave", session_id)
    await outage.end("valkey")

    async def autosave() -> str:
        response = await send(api, "autosave", session_id)
        assert response.status_code == 200
        return str(response.json()["durability"])

    await eventually(autosave, lambda durability: durability == "buffered")


async def test_a_draft_in_a_valkey_that_was_away_at_completion_still_counts(
    before: SessionManager, servers: Servers, services: Services, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await before.update_answer(session_id, 1, "draft", autosave=True)
    await outage.begin("valkey")
    completed = await api("POST", f"/sessions/{session_id}/complete")
    assert completed.json()["answers"] == {}
    await outage.end("valkey")
    await flush_without_failure(services)
    assert servers.row(session_id)["answers"] == {"1": "draft"}
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed", "late_merge"]


# Both down


async def test_without_both_every_session_endpoint_is_503(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await outage.begin("postgres", "valkey")
    for response in await send_all(api, REQUESTS, session_id):
        assert_try_again(response, "store_unavailable")


async def test_with_open_connections_to_two_frozen_stores_every_request_ends_in_time(
    api: Api, services: Services, freezing: Outage
) -> None:
    session_id = await start(services.sessions)
    # A connection for each.
    await send_all(api, ["progress"] * len(REQUESTS), session_id)
    await freezing.begin("postgres", "valkey")
    for response in await send_all(api, REQUESTS, session_id):
        assert_try_again(response, "store_unavailable")


async def test_without_both_the_process_is_still_healthy(api: Api, outage: Outage) -> None:
    await outage.begin("postgres", "valkey")
    response = await api("GET", "/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("away", [["postgres"], ["valkey"], ["postgres", "valkey"]], ids="+".join)
async def test_readiness_names_the_store_that_is_down_until_it_is_back(
    api: Api, outage: Outage, away: list[str]
) -> None:
    await outage.begin(*away)
    response = await api("GET", "/health/ready")
    # Without the cache alone everything works.
    assert (response.status_code, response.json()) == (
        200 if away == ["valkey"] else 503,
        {
            "status": "degraded" if away == ["valkey"] else "unavailable",
            "database": "down" if "postgres" in away else "up",
            "cache": "down" if "valkey" in away else "up",
        },
    )
    await outage.end(*away)

    async def ready() -> tuple[int, object]:
        response = await api("GET", "/health/ready")
        return response.status_code, response.json()

    await eventually(
        ready, lambda found: found == (200, {"status": "ready", "database": "up", "cache": "up"})
    )


async def test_a_session_can_be_completed_after_both_were_away(
    before: SessionManager, api: Api, outage: Outage
) -> None:
    session_id = await start(before)
    await before.update_answer(session_id, 1, "A")
    await outage.begin("postgres", "valkey")
    assert_try_again(await api.read(session_id), "store_unavailable")
    await outage.end("postgres", "valkey")

    async def complete() -> httpx.Response:
        return await api("POST", f"/sessions/{session_id}/complete", {"answers": {"2": "B"}})

    completed = await eventually(complete, lambda response: response.status_code == 200)
    assert completed.json()["answers"] == {"1": "A", "2": "B"}


# One row that another client holds


async def test_a_locked_row_is_503_session_busy(servers: Servers, services: Services, api: Api) -> None:
    session_id = await start(services.sessions)
    with row_held(servers.stores, session_id):
        for response in await send_all(api, ["progress", "complete", "abandon"], session_id):
            assert_try_again(response, "session_busy")


async def test_an_answer_to_a_locked_row_is_not_kept(servers: Servers, services: Services, api: Api) -> None:
    session_id = await start(services.sessions)
    with row_held(servers.stores, session_id):
        await api.answer(session_id, 1, "A")
    assert (servers.drafts(session_id), servers.dirty()) == ({}, set())
    assert (await api.read(session_id)).json()["answers"] == {}


async def test_other_sessions_commit_while_one_row_is_locked(
    servers: Servers, services: Services, api: Api
) -> None:
    held, other = await start(services.sessions), await start(services.sessions, "user2")
    with row_held(servers.stores, held):
        waiting = asyncio.create_task(api.answer(held, 1, "A"))
        durabilities = set()
        question = 0
        while not waiting.done():
            durabilities.add((await api.answer(other, question % 100, "B")).json()["durability"])
            question += 1
        assert_try_again(waiting.result(), "session_busy")
        # Nor does the failure that was just seen count against the store.
        durabilities.add((await api.answer(other, question % 100, "B")).json()["durability"])
    assert durabilities == {"committed"}


# The flush


@pytest.mark.parametrize("away", ["postgres", "valkey"])
async def test_a_flush_without_a_store_counts_a_failure_and_the_next_catches_up(
    before: SessionManager, servers: Servers, services: Services, outage: Outage, away: str
) -> None:
    session_id = await start(before)
    await before.update_answer(session_id, 1, "A", autosave=True)
    await outage.begin(away)
    report = await flush(services)
    assert (report.flush_failures > 0, report.sessions_flushed) == (True, 0)
    await outage.end(away)
    await flush_without_failure(services)
    assert (servers.row(session_id)["answers"], servers.dirty()) == ({"1": "A"}, set())


async def test_a_flush_that_valkey_leaves_in_the_middle_merges_nothing_twice(
    before: SessionManager, servers: Servers, services: Services, outage: Outage
) -> None:
    session_id = await start(before)
    await before.update_answer(session_id, 1, "A", autosave=True)
    merge = services.stores.attempts.flush

    async def merge_then_fail(drafts: Sequence[str], now: Micros) -> list[Flushed]:
        merged = await merge(drafts, now)
        await outage.begin("valkey")
        return merged

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.stores.attempts, "flush", merge_then_fail)
        assert (await flush(services)).flush_failures > 0
    await outage.end("valkey")
    await flush_without_failure(services)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "merged"]
    assert (servers.drafts(session_id), servers.dirty()) == ({}, set())


async def test_a_locked_row_does_not_keep_other_sessions_from_being_flushed(
    servers: Servers, services: Services
) -> None:
    sessions = [await start(services.sessions, f"user{number}") for number in range(3)]
    for session_id in sessions:
        await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    with row_held(servers.stores, sessions[1]):
        report = await flush(services)
    assert (report.sessions_flushed, report.flush_failures, report.dirty_sessions) == (2, 0, 1)


async def test_a_locked_row_keeps_its_drafts_and_its_mark(servers: Servers, services: Services) -> None:
    session_id = await start(services.sessions)
    await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    drafts = servers.drafts(session_id)
    with row_held(servers.stores, session_id):
        await flush(services)
    assert (servers.drafts(session_id), servers.dirty()) == (drafts, {session_id})


async def test_the_next_run_flushes_a_row_that_was_locked(servers: Servers, services: Services) -> None:
    session_id = await start(services.sessions)
    await services.sessions.update_answer(session_id, 1, "A", autosave=True)
    with row_held(servers.stores, session_id):
        await flush(services)
    await flush(services)
    assert servers.row(session_id)["answers"] == {"1": "A"}
    assert (servers.drafts(session_id), servers.dirty()) == ({}, set())


async def test_two_flushers_at_once_merge_every_draft_exactly_once(servers: Servers) -> None:
    # With seconds for each command: a busy machine stalls for longer than the cache is given.
    patient = {"redis_url": f"{servers.stores.redis_url}?socket_timeout=10"}
    async with (
        services_on(servers.stores, **patient) as services,
        services_on(servers.stores, **patient) as other,
    ):
        await _flush_at_once(servers, services, other)


async def _flush_at_once(servers: Servers, services: Services, other: Services) -> None:
    sessions = [await start(services.sessions, f"user{number}") for number in range(450)]
    draft = Draft("A", current_micros())
    for session_id in sessions:
        await services.stores.valkey.put_drafts(session_id, Drafts({"1": draft}))
    both = await asyncio.gather(flush(services), flush(other))
    # What each left because the other held it.
    reports = [*both, await flush(services)]
    assert sum(report.flush_failures for report in reports) == 0
    merged = servers.query(
        "SELECT changes, count(*) FROM attempt_events WHERE type = 'merged' GROUP BY changes"
    )
    changes = {"answers": {"1": "A"}, "answer_tags": {"1": str(draft.tag)}}
    assert merged == [{"changes": changes, "count": len(sessions)}]
    (unmerged,) = servers.query('SELECT count(*) FROM quiz_attempts WHERE answers <> \'{"1": "A"}\'')
    assert (unmerged["count"], servers.dirty()) == (0, set())
    (deadlocks,) = servers.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks["deadlocks"] == 0


# A statement or its reply lost on the way


@pytest.mark.parametrize("version", [None, 0], ids=["without version", "with version"])
@pytest.mark.parametrize("loss", Loss)
async def test_an_answer_is_committed_exactly_once(
    servers: Servers, proxy: Proxy, by_proxy: Services, loss: Loss, version: int | None
) -> None:
    manager = by_proxy.sessions
    session_id = await start(manager)
    proxy.lose(b"write_answers_", loss)
    async with asyncio.timeout(REQUEST_SECONDS):
        session = await manager.update_answer(session_id, 1, "A", version=version)
    assert proxy.rules == []
    assert (session.version, session.durability, session.answers) == (1, "committed", {"1": "A"})
    assert servers.row(session_id)["version"] == 1
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered"]


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("key", [None, "key1"], ids=["without key", "with key"])
async def test_a_start_makes_exactly_one_attempt(
    servers: Servers, proxy: Proxy, by_proxy: Services, loss: Loss, key: str | None
) -> None:
    proxy.lose(b"create_attempts_", loss)
    async with asyncio.timeout(REQUEST_SECONDS):
        session = await by_proxy.sessions.create_session("user1", "quiz1", idempotency_key=key)
    assert proxy.rules == []
    assert (session.status, session.replayed) == ("started", False)
    (attempt,) = servers.query("SELECT id, attempt_no FROM quiz_attempts")
    assert attempt == {"id": session.id, "attempt_no": 1}


@pytest.mark.parametrize("loss", Loss)
async def test_a_completion_happens_exactly_once(
    servers: Servers, proxy: Proxy, by_proxy: Services, loss: Loss
) -> None:
    manager = by_proxy.sessions
    session_id = await start(manager)
    proxy.lose(b"finish_attempt_", loss)
    async with asyncio.timeout(REQUEST_SECONDS):
        session = await manager.complete(session_id, {"1": "A"})
    assert proxy.rules == []
    assert (session.status, session.version, session.answers) == ("completed", 1, {"1": "A"})
    assert [event["type"] for event in servers.events(session_id)] == ["started", "completed"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_flush_merges_exactly_once(
    servers: Servers, proxy: Proxy, by_proxy: Services, loss: Loss
) -> None:
    session_id = await start(by_proxy.sessions)
    await by_proxy.sessions.update_answer(session_id, 1, "A", autosave=True)
    proxy.lose(b"flush_sessions_", loss)
    report = await flush(by_proxy)
    assert proxy.rules == []
    assert (report.flush_failures, report.dirty_sessions) == (0, 0)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "merged"]


async def test_an_answer_whose_reply_is_lost_twice_is_buffered(proxy: Proxy, by_proxy: Services) -> None:
    session_id = await start(by_proxy.sessions)
    proxy.lose(b"write_answers_", Loss.REPLY, Loss.REPLY)
    session = await by_proxy.sessions.update_answer(session_id, 1, "A")
    assert (session.durability, session.buffered_questions) == ("buffered", ["1"])


async def test_a_buffered_answer_that_was_committed_after_all_is_not_merged_again(
    servers: Servers, proxy: Proxy, by_proxy: Services
) -> None:
    session_id = await start(by_proxy.sessions)
    proxy.lose(b"write_answers_", Loss.REPLY, Loss.REPLY)
    await by_proxy.sessions.update_answer(session_id, 1, "A")
    await flush_without_failure(by_proxy)
    assert [event["type"] for event in servers.events(session_id)] == ["started", "answered"]
    assert (servers.drafts(session_id), servers.dirty()) == ({}, set())


async def test_an_answer_that_a_slow_function_brings_in_time_is_read_though_its_reply_was_lost(
    proxy: Proxy, by_proxy: Services
) -> None:
    manager = by_proxy.sessions
    session_id = await start_overdue(manager)
    in_time = current_micros() - 200 * SECOND
    # The flush has expired the row and cached it so.
    await flush_without_failure(by_proxy)
    proxy.lose(b'"drafts":{"1":', Loss.REPLY)
    session = await manager.update_answer(session_id, 1, "A", at=in_time)
    assert proxy.rules == []
    assert (session.status, session.durability, session.answers) == ("expired", "committed", {"1": "A"})
    assert (await manager.get_session(session_id)).answers == {"1": "A"}


# PostgreSQL goes away while a late answer is recorded


@pytest.mark.parametrize("name", ["progress", "autosave", "complete"])
async def test_a_late_answer_that_could_not_be_recorded_is_503_and_is_kept_once_it_is_repeated(
    before: SessionManager, services: Services, by_proxy: Services, proxy: Proxy, name: str
) -> None:
    session_id = await start_overdue(before)
    method, path, body = REQUESTS[name]
    proxy.lose(b"settle_attempts", *[Loss.STATEMENT] * 2)
    async with client_of(app_of(by_proxy)) as http:
        first = await http.request(method, path.format(id=session_id), json=body)
    assert_try_again(first, "store_unavailable")
    async with client_of(app_of(services)) as http:
        second = await http.request(method, path.format(id=session_id), json=body)
    assert (second.status_code, second.json()["code"]) == (410, "session_expired")
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    assert {question: kept["answer"] for question, kept in late.answers.items()} == {"1": "A"}
