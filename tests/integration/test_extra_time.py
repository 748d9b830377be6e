"""Deadlines: what they are made of, who moves them, and that nobody is cut off by what is known too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.attempts import Attempt, Status
from quiz_sessions.domain.errors import (
    AccommodationNotFoundError,
    ActiveAttemptError,
    DeadlineMovedError,
    InvalidInputError,
    QuizClosedError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.outcomes import CohortExtension, Unmoved
from quiz_sessions.domain.quizzes import QuizRules, WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, iso, to_micros
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import row_held
from tests.harness.proxy import Loss, Proxy, proxy_of
from tests.harness.service import flush_at, put_quiz, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row

TWENTY = range(20)
WHY = "because"


async def extend(
    services: Services, session_id: UUID, seconds: int, at: Micros = LATER, key: str | None = None
) -> Session:
    return await services.administration.extend(
        session_id, seconds, WHY, idempotency_key=key, by="teacher", at=at
    )


async def extend_all(
    services: Services, seconds: int, at: Micros = LATER, key: str | None = None
) -> CohortExtension:
    return await services.administration.extend_quiz(
        "quiz1", seconds, WHY, idempotency_key=key, by="teacher", at=at
    )


async def give(services: Services, seconds: int, at: Micros = LATER, user: str = "user1") -> None:
    await services.administration.put_accommodation(user, "quiz1", seconds, WHY, by="teacher", at=at)


async def reopen(
    services: Services,
    session_id: UUID,
    seconds: int = 600,
    at: Micros = END + SECOND,
    key: str | None = None,
) -> Session:
    return await services.administration.reopen(
        session_id, seconds, WHY, idempotency_key=key, by="teacher", at=at
    )


async def deadline_of(services: Services, session_id: UUID, at: Micros = LATER) -> Micros:
    """As everyone is told it, which has to be as the row has it."""
    told = await services.sessions.get_deadline(session_id, at=at)
    (attempt,) = await services.stores.attempts.get([session_id])
    assert told.expires_at == attempt.expires_at
    assert told.accepts_until == attempt.accepts_until
    return to_micros(attempt.expires_at)


def cached(valkey: redis.Redis, session_id: UUID) -> Attempt:
    text = valkey.get(f"session:{session_id}")
    assert isinstance(text, bytes)
    return Attempt.from_json(text)


def make_stale(valkey: redis.Redis, session_id: UUID) -> bytes:
    text = valkey.get(f"session:{session_id}")
    assert isinstance(text, bytes)
    return text


@pytest.fixture
async def proxy(stores: Stores) -> AsyncIterator[Proxy]:
    async with proxy_of(stores.database_url) as running:
        yield running


@pytest.fixture
async def by_proxy(stores: Stores, proxy: Proxy) -> AsyncIterator[Services]:
    async with services_on(Stores(proxy.url, stores.redis_url)) as services:
        yield services


# What a deadline is made of


@pytest.mark.parametrize(
    ("closes", "expected", "binding"),
    [
        (None, START + 1900 * SECOND, "time_limit"),
        (START + 1900 * SECOND + 1, START + 1900 * SECOND, "time_limit"),
        (START + 1900 * SECOND, START + 1900 * SECOND, "time_limit"),
        (START + 1900 * SECOND - 1, START + 1900 * SECOND - 1, "closes_at"),
    ],
)
async def test_a_deadline_is_the_sum_of_its_seconds_but_not_after_the_close(
    services: Services, closes: Micros | None, expected: Micros, binding: str
) -> None:
    await put_quiz(
        services, time_limit_seconds=1000, grace_seconds=7, closes_at=closes and from_micros(closes)
    )
    await give(services, 600, at=START)
    session_id = await start(services)
    await extend(services, session_id, 300)
    deadline = await services.sessions.get_deadline(session_id, at=LATER)
    assert (deadline.time_limit_seconds, deadline.accommodation_seconds, deadline.extension_seconds) == (
        1000,
        600,
        300,
    )
    assert to_micros(deadline.expires_at) == expected
    assert deadline.accepts_until == deadline.expires_at + timedelta(seconds=7)
    assert deadline.binding == binding


async def test_a_deadline_is_explained_over_http(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"grace_seconds": 5, "closes_at": iso(from_micros(END))})
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    reply = await api("GET", f"/sessions/{session['id']}/deadline", at=LATER)
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.json() == {
        "session_id": session["id"],
        "status": "started",
        "started_at": iso(from_micros(START)),
        "time_limit_seconds": 1800,
        "accommodation_seconds": 0,
        "extension_seconds": 0,
        "closes_at": iso(from_micros(END)),
        "grace_seconds": 5,
        "expires_at": iso(from_micros(END)),
        "accepts_until": iso(from_micros(END + 5 * SECOND)),
        "binding": "time_limit",
        "server_time": iso(from_micros(LATER)),
        "time_remaining": 1790,
    }


async def test_only_the_gateways_clock_counts(api: Api) -> None:
    session = (
        await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, at=START)
    ).json()
    path = f"/sessions/{session['id']}"
    for body in ({"question_id": 0, "answer": "A", "at": START}, {"answers": {"0": "A"}, "time": START}):
        reply = await api("PATCH", f"{path}/progress", body, at=END + 1000)
        assert reply.status_code == 422
    late = await api("PATCH", f"{path}/progress", {"question_id": 0, "answer": "A"}, at=END + 1000)
    assert late.status_code == 410
    on_time = await api("PATCH", f"{path}/progress", {"question_id": 0, "answer": "B"}, at=END)
    assert (on_time.status_code, on_time.json()["answers"]) == (200, {"0": "B"})


async def test_an_ended_sessions_deadline_stands(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await put_quiz(services, time_limit_seconds=60)
    await give(services, 60)
    deadline = await services.sessions.get_deadline(session_id, at=END)
    assert (to_micros(deadline.expires_at), deadline.time_remaining) == (END, 1790)


# Extending one session


@pytest.mark.parametrize("seconds", [1, 600, MAX_CHANGE_SECONDS])
async def test_an_extension_moves_the_deadline(services: Services, database: Database, seconds: int) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, seconds)
    assert to_micros(session.expires_at) == END + seconds * SECOND
    assert session.time_remaining == 1790 + seconds
    (change,) = changes(database, session_id, "extended")
    assert {name: change[name] for name in ("seconds", "extension_seconds", "by", "reason")} == {
        "seconds": seconds,
        "extension_seconds": seconds,
        "by": "teacher",
        "reason": WHY,
    }
    assert await deadline_of(services, session_id) == END + seconds * SECOND


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, END - SECOND),
        (-1789, START + 11 * SECOND),
        (-1790, LATER),
        (-1791, LATER),
        (-MAX_CHANGE_SECONDS, LATER),
    ],
)
async def test_a_negative_extension_goes_back_to_now_at_most(
    services: Services, seconds: int, expected: Micros
) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, seconds)
    assert to_micros(session.expires_at) == expected
    assert await deadline_of(services, session_id) == expected


async def test_now_is_rounded_up_to_a_whole_second_after_the_start(services: Services) -> None:
    session_id = await start(services)
    session = await extend(services, session_id, -1800, at=LATER + 1)
    assert to_micros(session.expires_at) == LATER + SECOND
    assert (await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)).version == 1


async def test_time_taken_away_can_be_given_back(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, -MAX_CHANGE_SECONDS)
    session = await extend(services, session_id, 60)
    assert to_micros(session.expires_at) == LATER + 60 * SECOND


async def test_a_negative_extension_in_the_grace_takes_no_used_time(services: Services) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=END + 30 * SECOND)
    await extend(services, session_id, -600, at=END + 30 * SECOND)
    assert await deadline_of(services, session_id, END + 30 * SECOND) == END
    assert (await services.sessions.get_session(session_id, at=END + 31 * SECOND)).answers == {"0": "A"}


async def test_an_extension_does_not_pass_the_close(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END + SECOND))
    session_id = await start(services)
    assert to_micros((await extend(services, session_id, 600)).expires_at) == END + SECOND
    await put_quiz(services, at=LATER)
    assert await deadline_of(services, session_id) == END + 600 * SECOND


@pytest.mark.parametrize(
    "seconds", [0, MAX_CHANGE_SECONDS + 1, -MAX_CHANGE_SECONDS - 1, 1.5, True, "60", None]
)
async def test_an_extension_past_a_limit_moves_nothing(api: Api, database: Database, seconds: object) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    before = contents(database)
    for path in (f"/sessions/{session['id']}", "/quizzes/quiz1"):
        reply = await api("POST", f"{path}/extend", {"seconds": seconds, "reason": WHY})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input")
    assert contents(database) == before


@pytest.mark.parametrize("reason", ["", "x" * 1001, "\x00", None, 1])
async def test_whatever_needs_a_reason_is_not_done_without(
    api: Api, database: Database, reason: object
) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    before = contents(database)
    for method, to, more in (
        ("POST", f"{path}/extend", {"seconds": 60}),
        ("POST", f"{path}/reopen", {"seconds": 60}),
        ("POST", f"{path}/late-answers/1/accept", {}),
        ("POST", f"{path}/score", {"score": 1, "max_score": 1}),
        ("POST", "/quizzes/quiz1/extend", {"seconds": 60}),
        ("POST", "/quizzes/quiz1/regrade", {}),
        ("PUT", "/quizzes/quiz1/accommodations/user1", {"extra_seconds": 60}),
    ):
        for body in (more, {**more, "reason": reason}):
            assert (await api(method, to, body)).status_code in (
                (422,) if "regrade" not in to else (422, 404)
            )
    assert contents(database) == before


async def test_a_reason_has_a_thousand_characters_at_most(services: Services) -> None:
    session_id = await start(services)
    await services.administration.extend(session_id, 60, "é" * 1000, at=LATER)
    with pytest.raises(InvalidInputError):
        await services.administration.extend(session_id, 60, "é" * 1001, at=LATER)


async def test_an_ended_session_is_not_extended(services: Services, database: Database) -> None:
    completed, abandoned, overdue, expired = [await start(services, f"user{i}") for i in range(4)]
    await services.sessions.complete(completed, at=LATER)
    await services.sessions.abandon(abandoned, at=LATER)
    await services.sessions.get_session(expired, at=END + 1)
    before = contents(database)
    for session_id in (completed, abandoned):
        with pytest.raises(SessionClosedError):
            await extend(services, session_id, 60, at=END)
    for session_id in (overdue, expired):
        with pytest.raises(SessionStateError):
            await extend(services, session_id, 60, at=END + 1)
    with pytest.raises(SessionNotFoundError):
        await extend(services, uuid4(), 60)
    assert contents(database) == before


async def test_a_session_is_extended_to_its_last_microsecond(services: Services) -> None:
    await put_quiz(services, grace_seconds=5)
    session_id = await start(services)
    session = await extend(services, session_id, 60, at=END + 5 * SECOND)
    assert to_micros(session.expires_at) == END + 60 * SECOND


async def test_refused_changes_over_http(api: Api) -> None:
    session = (
        await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, at=START)
    ).json()
    path = f"/sessions/{session['id']}"
    body = {"seconds": 60, "reason": WHY}
    opened = await api("POST", f"{path}/reopen", body)
    assert (opened.status_code, opened.json()["code"]) == (409, "session_state")
    over = await api("POST", f"{path}/extend", body, at=END + 1000)
    assert (over.status_code, over.json()["code"]) == (409, "session_state")
    await api("POST", f"{path}/complete", at=END)
    for change in ("extend", "reopen"):
        closed = await api("POST", f"{path}/{change}", body)
        assert (closed.status_code, closed.json()["code"]) == (409, "session_closed")
        assert closed.json()["session"]["id"] == session["id"]
        unknown = await api("POST", f"/sessions/{uuid4()}/{change}", body)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "session_not_found")


# Once and no more


async def test_a_repeated_extension_moves_once(services: Services, database: Database) -> None:
    session_id = await start(services)
    first = await extend(services, session_id, 600, key="k")
    again = await extend(services, session_id, 600, key="k")
    assert first.expires_at == again.expires_at == from_micros(END + 600 * SECOND)
    assert events(database, session_id) == ["started", "extended"]


async def test_twenty_simultaneous_extensions_with_one_key_move_once(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    moved = await asyncio.gather(*(extend(services, session_id, 600, key="k") for _ in TWENTY))
    assert {session.expires_at for session in moved} == {from_micros(END + 600 * SECOND)}
    assert events(database, session_id) == ["started", "extended"]


async def test_extensions_with_one_key_that_wait_for_each_other_move_once(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        waiting = [await held.behind(extend(services, session_id, 600, key="k")) for _ in range(4)]
        held.release()
        moved = await asyncio.gather(*waiting)
    assert {session.expires_at for session in moved} == {from_micros(END + 600 * SECOND)}
    assert events(database, session_id) == ["started", "extended"]


async def test_twenty_simultaneous_extensions_all_count(services: Services) -> None:
    session_id = await start(services)
    await asyncio.gather(
        *(extend(services, session_id, 1 + i, key=str(i) if i % 2 else None) for i in TWENTY)
    )
    assert await deadline_of(services, session_id) == END + 210 * SECOND


async def test_a_repeat_is_told_what_became_of_the_session(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600, key="k")
    await services.sessions.complete(session_id, at=LATER)
    assert (await extend(services, session_id, 600, key="k")).status is Status.COMPLETED


async def test_one_key_is_a_key_of_its_own_for_each_session_and_kind(services: Services) -> None:
    one, other = await start(services), await start(services, "user2")
    await extend(services, one, 60, key="k")
    await extend(services, other, 60, key="k")
    await extend_all(services, 60, key="k")
    assert await deadline_of(services, one) == await deadline_of(services, other) == END + 120 * SECOND


@pytest.mark.parametrize("key", ["k" * 128, "k" * 129])
async def test_a_key_has_128_characters_at_most(api: Api, key: str) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    body = {"seconds": 60, "reason": WHY}
    for path in (f"/sessions/{session['id']}/extend", "/quizzes/quiz1/extend"):
        reply = await api("POST", path, body, key=key)
        assert reply.status_code == (200 if len(key) == 128 else 422)


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("loss", Loss)
async def test_an_extension_whose_connection_breaks_moves_once(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss, key: str | None
) -> None:
    session_id = await start(by_proxy)
    proxy.lose(b"UPDATE quiz_attempts", loss)
    session = await extend(by_proxy, session_id, 600, key=key)
    assert proxy.rules == []
    assert to_micros(session.expires_at) == END + 600 * SECOND
    assert events(database, session_id) == ["started", "extended"]


@pytest.mark.parametrize("loss", Loss)
async def test_a_cohort_whose_extension_loses_its_connection_moves_once_and_is_told(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss
) -> None:
    ids = {await start(by_proxy, f"user{i}") for i in range(3)}
    proxy.lose(b"UPDATE quiz_attempts", loss)
    extension = await extend_all(by_proxy, 600)
    assert proxy.rules == []
    assert (set(extension.changed), extension.unchanged) == (ids, {})
    for session_id in ids:
        assert events(database, session_id) == ["started", "extended"]


@pytest.mark.parametrize(
    ("marker", "loss"),
    [(b"'reopened'", Loss.STATEMENT), (b"COMMIT", Loss.STATEMENT), (b"COMMIT", Loss.REPLY)],
)
async def test_a_reopening_whose_connection_breaks_happens_once(
    by_proxy: Services, proxy: Proxy, database: Database, marker: bytes, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    await by_proxy.sessions.get_session(session_id, at=END + 1)
    proxy.lose(marker, loss)
    session = await reopen(by_proxy, session_id)
    assert proxy.rules == []
    assert session.status is Status.STARTED
    assert events(database, session_id) == ["started", "expired", "reopened"]


# Extending a whole quiz


async def test_a_cohort_is_told_who_moved_who_did_not_and_why(services: Services, api: Api) -> None:
    names = ("moved", "also", "completed", "abandoned", "expired", "overdue", "repeated")
    ids = {name: await start(services, name) for name in names if name != "overdue"}
    ids["overdue"] = await start(services, "overdue", at=LATER - 1801 * SECOND)
    await services.administration.put_accommodation("expired", "quiz1", 0, WHY, at=START)
    await services.sessions.complete(ids["completed"], at=LATER)
    await services.sessions.abandon(ids["abandoned"], at=LATER)
    await extend(services, ids["expired"], -MAX_CHANGE_SECONDS, at=START)
    await services.sessions.get_session(ids["expired"], at=LATER)
    await services.sessions.complete(ids["repeated"], at=LATER)
    reply = await api("POST", "/quizzes/quiz1/extend", {"seconds": 600, "reason": WHY}, at=LATER, key="alarm")
    assert reply.status_code == 200
    body = reply.json()
    assert body["extended"] == 2
    assert {each["reason"]: (each["count"], set(each["session_ids"])) for each in body["unchanged"]} == {
        "abandoned": (1, {str(ids["abandoned"])}),
        "completed": (2, {str(ids["completed"]), str(ids["repeated"])}),
        "expired": (2, {str(ids["expired"]), str(ids["overdue"])}),
    }
    again = await api("POST", "/quizzes/quiz1/extend", {"seconds": 600, "reason": WHY}, key="alarm")
    assert again.json()["extended"] == 0
    (already,) = [each for each in again.json()["unchanged"] if each["reason"] == "extended already"]
    assert set(already["session_ids"]) == {str(ids["moved"]), str(ids["also"])}
    assert await deadline_of(services, ids["moved"]) == END + 600 * SECOND


async def test_a_cohort_at_its_close_does_not_move_and_is_told(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    extension = await extend_all(services, 600)
    assert (extension.changed, extension.unchanged) == ([], {"closes_at": (1, [session_id])})
    assert await deadline_of(services, session_id) == END


async def test_a_cohort_without_time_left_does_not_move_and_is_told(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, -MAX_CHANGE_SECONDS)
    extension = await extend_all(services, -60)
    assert (extension.changed, extension.unchanged) == ([], {"no time left": (1, [session_id])})


async def test_what_a_cohort_extension_keeps_back_is_explained_at_once(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    await extend_all(services, 600)
    assert (await services.sessions.get_deadline(session_id, at=LATER)).extension_seconds == 600


async def test_a_cohort_goes_back_to_now_at_most(services: Services) -> None:
    early, late = await start(services), await start(services, "user2", at=LATER)
    extension = await extend_all(services, -1790 - 5, at=LATER + 5 * SECOND)
    assert set(extension.changed) == {early, late}
    assert await deadline_of(services, early) == LATER + 5 * SECOND
    assert await deadline_of(services, late) == LATER + 5 * SECOND


async def test_a_quiz_that_nobody_takes_has_nobody_to_extend(services: Services) -> None:
    assert await extend_all(services, 60) == CohortExtension([], {})


async def test_other_quizzes_do_not_move(services: Services) -> None:
    other = (await services.sessions.create_session("user1", "quiz2", at=START)).id
    await start(services)
    assert len((await extend_all(services, 60)).changed) == 1
    assert await deadline_of(services, other) == END


async def test_twenty_simultaneous_cohort_extensions_with_one_key_move_once(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(30)]
    extensions = await asyncio.gather(*(extend_all(services, 600, key="k") for _ in TWENTY))
    assert sorted(len(each.changed) for each in extensions) == [0] * 19 + [30]
    assert sum(each.unchanged.get("extended already", (0, []))[0] for each in extensions) == 19 * 30
    assert {row(database, each)["expires_at"] for each in ids} == {from_micros(END + 600 * SECOND)}


async def test_cohort_extensions_accommodations_and_quiz_changes_at_once_do_no_harm(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    await put_quiz(services, time_limit_seconds=1800)
    await asyncio.gather(
        *(extend_all(services, 10) for _ in range(3)),
        *(put_quiz(services, time_limit_seconds=2000, at=LATER) for _ in range(2)),
        *(give(services, 100, user=f"user{i}") for i in range(10)),
        *(extend(services, each, 1) for each in ids),
        *(services.sessions.update_answer(each, 0, "A", at=LATER) for each in ids),
        flush_at(services, LATER),
    )
    assert {row(database, each)["expires_at"] for each in ids} == {
        from_micros(START + (2000 + 100 + 30 + 1) * SECOND)
    }
    for each in ids:
        assert (await services.audit.verify(each)).intact


async def test_a_session_that_ends_while_its_cohort_is_extended_is_told(
    services: Services, stores: Stores
) -> None:
    ending, other = await start(services), await start(services, "user2")
    with row_held(stores, ending) as held:
        completing = await held.behind(services.sessions.complete(ending, at=LATER))
        extending = await held.behind(extend_all(services, 600))
        held.release()
        assert (await completing).status is Status.COMPLETED
        extension = await extending
    assert extension == CohortExtension([other], {"completed": Unmoved(1, [ending])})


# A quiz that changes


@pytest.mark.parametrize(("limit", "expected"), [(3600, 3600), (11, 11), (10, 10), (9, 10), (1, 10)])
async def test_another_time_limit_moves_open_deadlines_to_now_at_the_earliest(
    services: Services, limit: int, expected: int
) -> None:
    session_id = await start(services)
    await put_quiz(services, at=LATER, time_limit_seconds=limit)
    assert await deadline_of(services, session_id) == START + expected * SECOND
    await put_quiz(services, at=LATER, time_limit_seconds=1800)
    assert await deadline_of(services, session_id) == END


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        (END + 1, END),
        (END - 1, END - 1),
        (LATER + 1, LATER + 1),
        (LATER, LATER),
        (LATER - 1, LATER),
        (1, LATER),
    ],
)
async def test_another_close_moves_open_deadlines_to_now_at_the_earliest(
    services: Services, closes: Micros, expected: Micros
) -> None:
    session_id = await start(services)
    await put_quiz(services, at=LATER, closes_at=from_micros(closes))
    assert await deadline_of(services, session_id) == expected
    await put_quiz(services, at=LATER)
    assert await deadline_of(services, session_id) == END


async def test_what_was_answered_before_a_shorter_limit_counts(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "committed", at=LATER)
    await services.sessions.update_answer(session_id, 1, "draft", autosave=True, at=LATER)
    await put_quiz(services, at=LATER, time_limit_seconds=1)
    session = await services.sessions.get_session(session_id, at=LATER + 1)
    assert (session.status, session.answers) == (Status.EXPIRED, {"0": "committed", "1": "draft"})


async def test_a_change_in_the_grace_keeps_the_deadline_that_was_used(services: Services) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    await put_quiz(services, at=END + 30 * SECOND, grace_seconds=60, time_limit_seconds=5)
    assert await deadline_of(services, session_id) == END
    await put_quiz(services, at=END + 30 * SECOND, grace_seconds=60, time_limit_seconds=1900)
    assert await deadline_of(services, session_id) == START + 1900 * SECOND


@pytest.mark.parametrize("closes", [None, START])
async def test_a_shorter_grace_ends_now_at_the_earliest(services: Services, closes: Micros | None) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    now = END + 30 * SECOND
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=now)
    await put_quiz(services, at=now, grace_seconds=0, closes_at=closes and from_micros(closes))
    told = await services.sessions.get_deadline(session_id, at=now)
    assert (to_micros(told.expires_at), to_micros(told.accepts_until)) == (END, now)
    session = await services.sessions.get_session(session_id, at=now + 1)
    assert (session.status, session.answers) == (Status.EXPIRED, {"0": "draft"})


async def test_a_shorter_grace_before_the_deadline_is_the_new_one(services: Services) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    await put_quiz(services, at=LATER, grace_seconds=5)
    told = await services.sessions.get_deadline(session_id, at=LATER)
    assert to_micros(told.accepts_until) == END + 5 * SECOND


async def test_a_change_that_changes_nothing_moves_nothing(services: Services, database: Database) -> None:
    await put_quiz(services, time_limit_seconds=60)
    session_id = await start(services)
    written = await services.administration.put_quiz("quiz1", QuizRules(time_limit_seconds=60), at=LATER)
    assert (written.created, written.rescheduled) == (False, [])
    assert events(database, session_id) == ["started"]


async def test_extensions_outlive_a_change_of_the_quiz(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600)
    await put_quiz(services, at=LATER, time_limit_seconds=60)
    assert await deadline_of(services, session_id) == START + 660 * SECOND


# Extra time


async def test_extra_time_before_the_start_is_in_the_deadline(services: Services) -> None:
    await give(services, 600, at=START)
    assert await deadline_of(services, await start(services)) == END + 600 * SECOND


async def test_extra_time_moves_the_open_attempts_of_its_user_alone(services: Services) -> None:
    one, two = await start(services), await start(services)
    other = await start(services, "user2")
    await give(services, 600)
    assert await deadline_of(services, one) == await deadline_of(services, two) == END + 600 * SECOND
    assert await deadline_of(services, other) == END


async def test_extra_time_is_not_added_up(services: Services) -> None:
    session_id = await start(services)
    await give(services, 600)
    await give(services, 300)
    assert await deadline_of(services, session_id) == END + 300 * SECOND


async def test_extra_time_taken_back_leaves_what_was_used(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=5)
    await give(services, 3600, at=START)
    session_id = await start(services)
    await services.administration.delete_accommodation("user1", "quiz1", by="teacher", at=LATER)
    assert await deadline_of(services, session_id) == LATER
    with pytest.raises(AccommodationNotFoundError):
        await services.administration.get_accommodation("user1", "quiz1")
    await services.sessions.complete(session_id, at=LATER)
    assert (await services.sessions.create_session("user1", "quiz1", at=LATER)).time_remaining == 5


async def test_extra_time_over_http(api: Api) -> None:
    path = "/quizzes/quiz1/accommodations/user1"
    for method in ("GET", "DELETE"):
        reply = await api(method, path)
        assert (reply.status_code, reply.json()["code"]) == (404, "accommodation_not_found")
    given = await api("PUT", path, {"extra_seconds": 900, "reason": "dyslexia"})
    assert given.status_code == 200
    assert given.json() == {
        "user_id": "user1",
        "quiz_id": "quiz1",
        "extra_seconds": 900,
        "reason": "dyslexia",
        "granted_by": None,
        "granted_at": iso(from_micros(START)),
    }
    assert (await api("GET", path)).json() == given.json()
    assert (await api("DELETE", path)).status_code == 204
    assert (await api("GET", path)).status_code == 404


@pytest.mark.parametrize("seconds", [0, MAX_CHANGE_SECONDS, -1, MAX_CHANGE_SECONDS + 1, 1.5, None])
async def test_extra_time_has_limits(api: Api, database: Database, seconds: Any) -> None:
    before = contents(database)
    reply = await api("PUT", "/quizzes/quiz1/accommodations/user1", {"extra_seconds": seconds, "reason": WHY})
    if seconds in (0, MAX_CHANGE_SECONDS):
        assert reply.status_code == 200
    else:
        assert reply.status_code == 422
        assert contents(database) == before


async def test_the_trail_says_who_gave_extra_time_and_why(services: Services, database: Database) -> None:
    session_id = await start(services)
    await give(services, 600)
    await services.administration.delete_accommodation("user1", "quiz1", by="head", at=LATER)
    given, taken = changes(database, session_id, "rescheduled")
    assert (given["accommodation_seconds"], given["by"], given["reason"]) == (600, "teacher", WHY)
    assert (taken["accommodation_seconds"], taken["by"]) == (0, "head")


async def test_extra_time_is_not_lost_to_a_change_of_the_quiz_that_waits_for_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, time_limit_seconds=1800)
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        giving = await held.behind(give(services, 600))
        changing = await held.behind(put_quiz(services, at=LATER, time_limit_seconds=2000))
        held.release()
        await asyncio.gather(giving, changing)
    assert await deadline_of(services, session_id) == START + 2600 * SECOND


@pytest.mark.parametrize("registered", [True, False])
async def test_a_change_of_the_quiz_is_not_lost_to_extra_time_that_waits_for_it(
    services: Services, stores: Stores, registered: bool
) -> None:
    if registered:
        await put_quiz(services, time_limit_seconds=1800)
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        changing = await held.behind(put_quiz(services, at=LATER, time_limit_seconds=2000))
        giving = await held.behind(give(services, 600))
        held.release()
        await asyncio.gather(giving, changing)
    assert await deadline_of(services, session_id) == START + 2600 * SECOND


async def test_extra_time_taken_back_does_not_undo_a_change_of_the_quiz(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, time_limit_seconds=1800)
    await give(services, 600, at=START)
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        changing = await held.behind(put_quiz(services, at=LATER, time_limit_seconds=2000))
        taking = await held.behind(services.administration.delete_accommodation("user1", "quiz1", at=LATER))
        held.release()
        await asyncio.gather(changing, taking)
    assert await deadline_of(services, session_id) == START + 2000 * SECOND


# What the cache says


@pytest.mark.parametrize("how", ["extend", "cohort", "quiz", "extra time", "taken back", "reopen"])
async def test_a_cached_session_shows_its_new_deadline_at_once(
    services: Services, valkey: redis.Redis, how: str
) -> None:
    if how == "taken back":
        await give(services, 600, at=START)
    session_id = await start(services)
    before = cached(valkey, session_id)
    if how == "extend":
        await extend(services, session_id, 600)
    elif how == "cohort":
        await extend_all(services, 600)
    elif how == "quiz":
        await put_quiz(services, at=LATER, time_limit_seconds=2000)
    elif how == "extra time":
        await give(services, 600)
    elif how == "taken back":
        await services.administration.delete_accommodation("user1", "quiz1", at=LATER)
    else:
        await reopen(services, session_id)
    (attempt,) = await services.stores.attempts.get([session_id])
    assert attempt.expires_at != before.expires_at
    assert cached(valkey, session_id) == attempt


@pytest.mark.parametrize("autosave", [True, False])
async def test_a_stale_cached_deadline_refuses_no_answer(
    services: Services, valkey: redis.Redis, database: Database, autosave: bool
) -> None:
    session_id = await start(services)
    stale = make_stale(valkey, session_id)
    await extend(services, session_id, 600)
    valkey.set(f"session:{session_id}", stale)
    session = await services.sessions.update_answer(
        session_id, 0, "A", autosave=autosave, at=END + 600 * SECOND
    )
    assert (session.status, session.answers) == (Status.IN_PROGRESS, {"0": "A"})
    assert session.durability == ("buffered" if autosave else "committed")
    await flush_at(services, END + 600 * SECOND)
    assert (row(database, session_id)["status"], row(database, session_id)["answers"]) == (
        "in_progress",
        {"0": "A"},
    )


async def test_a_reader_with_a_stale_cached_deadline_expires_nothing(
    services: Services, valkey: redis.Redis, database: Database
) -> None:
    session_id = await start(services)
    stale = make_stale(valkey, session_id)
    await extend(services, session_id, 600)
    valkey.set(f"session:{session_id}", stale)
    session = await services.sessions.get_session(session_id, at=END + 1)
    assert (session.status, session.time_remaining) == (Status.STARTED, 600)
    deadline = await services.sessions.get_deadline(session_id, at=END + 1)
    assert (deadline.status, to_micros(deadline.expires_at)) == (Status.STARTED, END + 600 * SECOND)
    assert events(database, session_id) == ["started", "extended"]


async def test_a_reader_with_a_stale_cached_deadline_sees_the_row_also_while_others_hold_it(
    services: Services, stores: Stores, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    stale = make_stale(valkey, session_id)
    await extend(services, session_id, 600)
    valkey.set(f"session:{session_id}", stale)
    with row_held(stores, session_id):
        session = await services.sessions.get_session(session_id, at=END + 1)
    assert (session.status, session.time_remaining) == (Status.STARTED, 600)


async def test_an_overdue_session_is_shown_as_expired_also_while_others_hold_it(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id):
        session = await services.sessions.get_session(session_id, at=END + 1)
    assert (session.status, session.time_remaining) == (Status.EXPIRED, 0)


async def test_an_autosave_after_a_shorter_limit_is_too_late(services: Services) -> None:
    session_id = await start(services)
    await put_quiz(services, at=LATER, time_limit_seconds=20)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER + 11 * SECOND)


# An old tab


async def test_an_old_tab_does_not_close_an_extended_session(services: Services, database: Database) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600)
    with pytest.raises(DeadlineMovedError) as refused:
        await services.sessions.complete(session_id, {"0": "A"}, deadline=from_micros(END), at=END)
    assert refused.value.session.expires_at == from_micros(END + 600 * SECOND)
    assert (row(database, session_id)["status"], row(database, session_id)["answers"]) == ("started", {})
    assert events(database, session_id) == ["started", "extended"]


@pytest.mark.parametrize("known", [END + 600 * SECOND, END + 700 * SECOND])
async def test_a_tab_that_knows_the_deadline_or_hopes_for_a_later_one_closes(
    services: Services, known: Micros
) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600)
    session = await services.sessions.complete(session_id, deadline=from_micros(known), at=END)
    assert session.status is Status.COMPLETED


async def test_a_tab_that_does_not_say_what_it_knows_closes(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 600)
    assert (await services.sessions.complete(session_id, at=END)).status is Status.COMPLETED


async def test_a_clock_of_whole_milliseconds_knows_the_deadline(services: Services) -> None:
    session_id = await start(services, at=START + 1_999)
    session = await services.sessions.complete(session_id, deadline=from_micros(END + 1_000), at=END)
    assert session.status is Status.COMPLETED


async def test_a_deadline_that_is_a_millisecond_later_has_moved(services: Services) -> None:
    session_id = await start(services, at=START + 2_000)
    with pytest.raises(DeadlineMovedError):
        await services.sessions.complete(session_id, deadline=from_micros(END + 1_999), at=END)


async def test_an_old_tab_over_http(api: Api) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    await api("POST", f"{path}/extend", {"seconds": 600, "reason": WHY})
    body = {"expires_at": session["expires_at"]}
    moved = await api("POST", f"{path}/complete", body, at=END)
    assert (moved.status_code, moved.json()["code"]) == (409, "deadline_moved")
    told = moved.json()["session"]
    assert (told["status"], told["time_remaining"]) == ("started", 600)
    done = await api("POST", f"{path}/complete", {"expires_at": told["expires_at"]}, at=END + 600 * SECOND)
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    again = await api("POST", f"{path}/complete", body)
    assert (again.status_code, again.json()["completed_at"]) == (200, done.json()["completed_at"])


async def test_an_old_tab_after_the_new_deadline_is_too_late(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 60)
    with pytest.raises(SessionExpiredError):
        await services.sessions.complete(session_id, deadline=from_micros(END), at=END + 60 * SECOND + 1)


# An extension racing the end


async def test_an_extension_before_the_completion_of_an_old_tab_wins(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600))
        completing = await held.behind(
            services.sessions.complete(session_id, deadline=from_micros(END), at=END)
        )
        held.release()
        await extending
        with pytest.raises(DeadlineMovedError):
            await completing
    assert (await services.sessions.get_session(session_id, at=END)).status is Status.STARTED


async def test_an_extension_after_the_completion_comes_too_late(services: Services, stores: Stores) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        completing = await held.behind(
            services.sessions.complete(session_id, deadline=from_micros(END), at=END)
        )
        extending = await held.behind(extend(services, session_id, 600))
        held.release()
        await completing
        with pytest.raises(SessionClosedError):
            await extending
    assert await deadline_of(services, session_id) == END


async def test_an_extension_in_time_keeps_a_later_write_from_being_late(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600, at=END))
        writing = await held.behind(services.sessions.update_answer(session_id, 0, "A", at=END + SECOND))
        held.release()
        await extending
        assert (await writing).status is Status.IN_PROGRESS
    assert events(database, session_id) == ["started", "extended", "answered"]


async def test_a_flush_does_not_expire_a_session_that_is_being_extended(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        extending = await held.behind(extend(services, session_id, 600, at=END))
        report = await flush_at(services, END + SECOND)
        held.release()
        await extending
    assert report.sessions_expired == 0
    assert (await flush_at(services, END + SECOND)).sessions_expired == 0
    assert events(database, session_id) == ["started", "extended"]


async def test_of_an_extension_and_an_expiry_at_once_one_happens(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    _, *extended = await asyncio.gather(
        flush_at(services, END + 1),
        *(extend(services, each, 600, at=END) for each in ids),
        return_exceptions=True,
    )
    for session_id, outcome in zip(ids, extended, strict=True):
        if isinstance(outcome, Session):
            assert events(database, session_id) == ["started", "extended"]
        else:
            assert isinstance(outcome, SessionStateError)
            assert events(database, session_id) == ["started", "expired"]


async def test_of_an_extension_and_a_completion_at_once_the_trail_tells_the_order(
    services: Services, database: Database
) -> None:
    ids = [await start(services, f"user{i}") for i in range(10)]
    found = await asyncio.gather(
        *(extend(services, each, 600) for each in ids),
        *(services.sessions.complete(each, deadline=from_micros(END), at=LATER) for each in ids),
        return_exceptions=True,
    )
    for session_id, extended, completed in zip(ids, found[:10], found[10:], strict=True):
        if isinstance(extended, Session):
            assert isinstance(completed, DeadlineMovedError)
            assert events(database, session_id) == ["started", "extended"]
        else:
            assert isinstance(extended, SessionClosedError)
            assert isinstance(completed, Session)
            assert events(database, session_id) == ["started", "completed"]


# Opening again


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("seconds", [1, MAX_CHANGE_SECONDS])
async def test_an_expired_session_is_opened_for_as_long_as_is_said(
    services: Services, database: Database, marked: bool, seconds: int
) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=END)
    if marked:
        await services.sessions.get_session(session_id, at=END + 1)
    session = await reopen(services, session_id, seconds)
    assert (session.status, session.answers) == (Status.IN_PROGRESS, {"0": "draft"})
    assert to_micros(session.expires_at) == END + SECOND + seconds * SECOND
    assert session.time_remaining == seconds
    assert events(database, session_id) == ["started", "expired", "reopened"]
    assert changes(database, session_id, "reopened")[0]["by"] == "teacher"
    assert (await services.audit.verify(session_id)).intact


async def test_a_session_opened_again_takes_answers_and_ends_again(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    again = END + 11 * SECOND
    assert (await reopen(services, session_id, 10)).status is Status.STARTED
    await services.sessions.update_answer(session_id, 0, "A", at=again)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "B", at=again + 1)
    session = await services.sessions.get_session(session_id, at=again + 1)
    assert (session.status, session.answers) == (Status.EXPIRED, {"0": "A"})


async def test_a_repeated_reopening_is_one(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    opened = await asyncio.gather(*(reopen(services, session_id, key="k") for _ in TWENTY))
    assert len({session.expires_at for session in opened}) == 1
    assert events(database, session_id) == ["started", "expired", "reopened"]


async def test_of_simultaneous_reopenings_without_key_one_succeeds(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    found = await asyncio.gather(*(reopen(services, session_id) for _ in TWENTY), return_exceptions=True)
    assert sum(isinstance(each, Session) for each in found) == 1
    assert sum(isinstance(each, SessionStateError) for each in found) == 19
    assert events(database, session_id) == ["started", "expired", "reopened"]


async def test_only_what_has_expired_is_opened_again(services: Services, database: Database) -> None:
    opened, completed, abandoned = [await start(services, f"user{i}") for i in range(3)]
    await services.sessions.complete(completed, at=LATER)
    await services.sessions.abandon(abandoned, at=LATER)
    before = contents(database)
    with pytest.raises(SessionStateError):
        await reopen(services, opened, at=END)
    for session_id in (completed, abandoned):
        with pytest.raises(SessionClosedError):
            await reopen(services, session_id)
    with pytest.raises(SessionNotFoundError):
        await reopen(services, uuid4())
    assert contents(database) == before


@pytest.mark.parametrize("seconds", [0, -1, MAX_CHANGE_SECONDS + 1])
async def test_a_session_is_not_opened_for_other_than_some_seconds(
    services: Services, api: Api, seconds: int
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    with pytest.raises(InvalidInputError):
        await reopen(services, session_id, seconds)
    reply = await api("POST", f"/sessions/{session_id}/reopen", {"seconds": seconds, "reason": WHY})
    assert reply.status_code == 422
    assert (await services.sessions.get_session(session_id, at=END + 1)).status is Status.EXPIRED


@pytest.mark.parametrize("when_active", [WhenActive.RESUME, WhenActive.REJECT])
@pytest.mark.parametrize("rule_from_the_start", [True, False])
async def test_a_session_is_not_opened_beside_another_where_one_may_be_open(
    services: Services, database: Database, when_active: WhenActive, rule_from_the_start: bool
) -> None:
    if rule_from_the_start:
        await put_quiz(services, when_active=when_active)
    expired = await start(services)
    await services.sessions.get_session(expired, at=END + 1)
    other = await start(services, at=END + 1)
    await put_quiz(services, at=END + 1, when_active=when_active)
    before = contents(database)
    with pytest.raises(ActiveAttemptError):
        await reopen(services, expired)
    assert contents(database) == before
    await services.sessions.complete(other, at=END + SECOND)
    assert (await reopen(services, expired)).status is Status.STARTED
    await put_quiz(services, at=END + SECOND, when_active=WhenActive.REJECT)
    with pytest.raises(ActiveAttemptError):
        await start(services, at=END + SECOND)


async def test_a_session_is_opened_beside_another_where_any_number_may_be(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME)
    expired = await start(services)
    await services.sessions.get_session(expired, at=END + 1)
    await start(services, at=END + 1)
    await put_quiz(services, at=END + 1, when_active=WhenActive.NEW)
    assert (await reopen(services, expired)).status is Status.STARTED


async def test_of_a_start_and_a_reopening_at_once_one_is_open(services: Services, database: Database) -> None:
    users = [f"user{i}" for i in range(10)]
    ids = [await start(services, user) for user in users]
    await flush_at(services, END + 1)
    await put_quiz(services, at=END + 1, when_active=WhenActive.RESUME)
    await asyncio.gather(
        *(start(services, user, at=END + SECOND) for user in users),
        *(reopen(services, each) for each in ids),
        return_exceptions=True,
    )
    found = database.execute(
        "SELECT count(*) AS n FROM quiz_attempts WHERE status = 'started' GROUP BY user_id"
    ).fetchall()
    assert found == [{"n": 1}] * 10


async def test_a_session_is_opened_again_by_the_rules_that_hold_now(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    with pytest.raises(QuizClosedError) as refused:
        await reopen(services, session_id)
    assert refused.value.closes_at == from_micros(END)
    await put_quiz(
        services,
        at=END + SECOND,
        closes_at=from_micros(END + 300 * SECOND),
        grace_seconds=9,
        time_limit_seconds=60,
    )
    await give(services, 30, at=END + SECOND)
    session = await reopen(services, session_id)
    assert to_micros(session.expires_at) == END + 300 * SECOND
    told = await services.sessions.get_deadline(session_id, at=END + SECOND)
    assert (told.grace_seconds, told.time_limit_seconds, told.accommodation_seconds, told.binding) == (
        9,
        60,
        30,
        "closes_at",
    )
    assert (await services.audit.verify(session_id)).intact
    await put_quiz(services, at=END + SECOND, time_limit_seconds=60)
    assert await deadline_of(services, session_id, END + SECOND) == END + 601 * SECOND


async def test_a_session_of_a_quiz_that_has_closed_since_is_not_opened_again(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    await put_quiz(services, at=END + 1, closes_at=from_micros(END + SECOND))
    before = contents(database)
    with pytest.raises(QuizClosedError) as refused:
        await reopen(services, session_id, at=END + SECOND)
    assert refused.value.closes_at == from_micros(END + SECOND)
    assert contents(database) == before
    assert (await reopen(services, session_id, at=END + SECOND - 1)).expires_at == from_micros(END + SECOND)


async def test_a_reopening_that_waits_for_a_change_of_the_quiz_follows_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, closes_at=from_micros(END))
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    other = await start(services, "user2", at=END - SECOND)
    await extend(services, other, 600, at=END - SECOND)
    with row_held(stores, other) as held:
        changing = await held.behind(put_quiz(services, at=END, closes_at=from_micros(END + 600 * SECOND)))
        opening = await held.behind(reopen(services, session_id, 60))
        held.release()
        await changing
        assert to_micros((await opening).expires_at) == END + 61 * SECOND


async def test_an_overdue_session_is_opened_again_without_the_cache(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    alone = build_services(replace(stores.settings, redis_url="redis://127.0.0.1:1"))
    try:
        session = await reopen(alone, session_id)
    finally:
        await alone.close()
    assert session.status is Status.STARTED
