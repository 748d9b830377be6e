"""Sessions that have ended and are opened again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import (
    ActiveAttemptError,
    InvalidInputError,
    QuizClosedError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.quizzes import WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import from_micros, to_micros
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import holding, row_held
from tests.harness.service import flush_at, put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.staff import TWENTY, WHY, deadline_of, extend, give, reopen

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
    with pytest.raises(ActiveAttemptError) as refused:
        await reopen(services, expired)
    assert refused.value.session_id == other
    assert contents(database) == before
    await services.sessions.complete(other, at=END + SECOND)
    assert (await reopen(services, expired)).status is Status.STARTED
    await put_quiz(services, at=END + SECOND, when_active=WhenActive.REJECT)
    with pytest.raises(ActiveAttemptError):
        await start(services, at=END + SECOND)


async def test_a_reopening_that_meets_a_start_is_told_which_one_is_open(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, when_active=WhenActive.REJECT)
    expired = await start(services)
    await services.sessions.get_session(expired, at=END + 1)
    with holding(
        stores,
        """
        INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
            time_limit_seconds, started_at, expires_at, sole)
        SELECT gen_random_uuid(), user_id, quiz_id, 2, 'started', 1800, 1800, %s, %s, true FROM quiz_attempts
        """,
        from_micros(END + 1),
        from_micros(END + 1800 * SECOND),
    ) as starting:
        opening = await starting.behind(reopen(services, expired))
        starting.commit()
        with pytest.raises(ActiveAttemptError) as refused:
            await opening
    (other,) = (await services.audit.find(user_id="user1", statuses=[Status.STARTED], at=END + 2)).sessions
    assert refused.value.session_id == other.id


async def test_an_overdue_session_is_not_in_the_way_of_one_that_is_opened_again(
    services: Services, database: Database
) -> None:
    await put_quiz(services, when_active=WhenActive.REJECT)
    expired = await start(services)
    await services.sessions.get_session(expired, at=END + 1)
    over = END + 1802 * SECOND
    other = await start(services, at=END + SECOND)
    await services.sessions.update_answer(other, 0, "draft", autosave=True, at=over - SECOND)
    assert (await reopen(services, expired, at=over)).status is Status.STARTED
    assert (row(database, other)["status"], row(database, other)["answers"]) == ("expired", {"0": "draft"})


async def test_a_refused_reopening_over_http_tells_which_one_is_open(api: Api) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await api("PUT", "/quizzes/quiz1", {"when_active": "reject"})
    first = (await api("POST", "/sessions/start", body, at=START)).json()
    other = (await api("POST", "/sessions/start", body, at=END + 1000)).json()
    refused = await api("POST", f"/sessions/{first['id']}/reopen", {"seconds": 60, "reason": WHY})
    assert (refused.status_code, refused.json()["code"]) == (409, "attempt_active")
    assert refused.json()["session_id"] == other["id"]


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
