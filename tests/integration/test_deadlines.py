"""Deadlines: what they are made of, and that nobody is cut off by what is known too late."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import DeadlineMovedError, SessionExpiredError
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import Micros, from_micros, iso, to_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import row_held
from tests.harness.service import flush_at, put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, events, row
from tests.integration.staff import WHY, cached, deadline_of, extend, extend_all, give, make_stale, reopen

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
        "pause_seconds": 0,
        "paused_at": None,
        "closes_at": iso(from_micros(END)),
        "closes_later_seconds": 0,
        "cut_seconds": 0,
        "grace_seconds": 5,
        "expires_at": iso(from_micros(END)),
        "accepts_until": iso(from_micros(END + 5 * SECOND)),
        "binding": "time_limit",
        "server_time": iso(from_micros(LATER)),
        "time_remaining": 1790,
        "sections": [],
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
