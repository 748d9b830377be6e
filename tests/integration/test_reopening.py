"""Sessions that have ended and are opened again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    ActiveAttemptError,
    InvalidInputError,
    QuizClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import from_micros, iso, to_micros
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.locks import holding, row_held
from tests.harness.service import flush_at, put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.staff import TWENTY, WHY, cached, deadline_of, give, reopen

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


async def test_only_what_has_ended_is_opened_again(services: Services, database: Database) -> None:
    opened = await start(services)
    before = contents(database)
    with pytest.raises(SessionStateError):
        await reopen(services, opened, at=END)
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


@pytest.mark.parametrize("micros", [0, 1, 499_999, 500_000, 999_999])
@pytest.mark.parametrize("seconds", [1, 600])
async def test_a_reopening_shows_the_seconds_that_were_given(api: Api, micros: int, seconds: int) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    await api("POST", f"/sessions/{session['id']}/abandon")
    body = {"seconds": seconds, "reason": WHY}
    # The gateway says when in milliseconds.
    at = START + 100 * SECOND + micros // 1000 * 1000
    opened = (await api("POST", f"/sessions/{session['id']}/reopen", body, at=at)).json()
    assert opened["time_remaining"] == seconds


async def test_a_reopening_that_the_close_cuts_says_by_how_much(api: Api) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    await api("GET", f"/sessions/{session['id']}", at=END + 1000)
    await api("PUT", "/quizzes/quiz1", {"closes_at": iso(from_micros(END + 100 * SECOND))})
    body = {"seconds": 600, "reason": WHY}
    opened = (await api("POST", f"/sessions/{session['id']}/reopen", body, at=END + SECOND)).json()
    assert (opened["binding"], opened["cut_seconds"], opened["time_remaining"]) == ("closes_at", 501, 99)
    assert opened["expires_at"] == opened["closes_at"]


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
    with row_held(stores, other) as held:
        changing = await held.behind(put_quiz(services, at=END, closes_at=from_micros(END + 600 * SECOND)))
        opening = await held.behind(reopen(services, session_id, 60))
        held.release()
        await changing
        assert to_micros((await opening).expires_at) == END + 61 * SECOND


# What was handed in, or given up, by mistake

HandIn = Callable[[Services, UUID], Awaitable[object]]


async def complete(services: Services, session_id: UUID) -> None:
    await services.sessions.complete(session_id, {"1": "last"}, at=LATER)


async def abandon(services: Services, session_id: UUID) -> None:
    await services.sessions.abandon(session_id, at=LATER)


by_mistake = pytest.mark.parametrize(
    ("end", "status"), [(complete, Status.COMPLETED), (abandon, Status.ABANDONED)]
)


@by_mistake
async def test_what_ended_by_mistake_goes_on_with_its_answers(
    services: Services, database: Database, end: HandIn, status: Status
) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await end(services, session_id)
    ended = await services.sessions.get_session(session_id, at=LATER)
    assert ended.status is status
    session = await reopen(services, session_id, 60, at=LATER + SECOND)
    assert (session.status, session.completed_at) == (Status.IN_PROGRESS, None)
    assert (session.answers, session.version) == (ended.answers, ended.version)
    assert to_micros(session.expires_at) == LATER + 61 * SECOND
    assert row(database, session_id)["ended_at"] is None
    (change,) = changes(database, session_id, "reopened")
    assert (change["by"], change["reason"], change["status"]) == ("teacher", WHY, "in_progress")
    assert (await services.audit.verify(session_id)).intact
    more = await services.sessions.update_answer(session_id, 2, "more", at=LATER + 2 * SECOND)
    assert more.answers == {**ended.answers, "2": "more"}


@by_mistake
async def test_what_ended_by_mistake_ends_again(
    services: Services, database: Database, end: HandIn, status: Status
) -> None:
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}, "1": {"points": 5}})
    await put_quiz(services, questions=questions)
    session_id = await start(services)
    await end(services, session_id)
    session = await reopen(services, session_id, at=LATER + SECOND)
    assert (session.score, session.max_score) == (None, None)
    assert row(database, session_id)["results"] is None
    done = await services.sessions.complete(session_id, {"0": "A"}, at=LATER + 2 * SECOND)
    assert (done.status, done.score) == (Status.COMPLETED, 1)
    assert done.completed_at == from_micros(LATER + 2 * SECOND)
    assert (await services.audit.verify(session_id)).intact


async def test_a_hand_in_in_the_grace_is_not_late_once_there_is_more_time(services: Services) -> None:
    await put_quiz(services, grace_seconds=30)
    session_id = await start(services)
    done = await services.sessions.complete(session_id, {"0": "A"}, at=END + 20 * SECOND)
    assert done.late_ms == 20_000
    assert (await reopen(services, session_id, at=END + 25 * SECOND)).late_ms == 0


async def test_each_version_of_what_was_opened_again_is_as_it_was(services: Services) -> None:
    session_id = await start(services)
    await complete(services, session_id)
    await reopen(services, session_id, at=LATER + SECOND)
    await services.sessions.complete(session_id, at=LATER + 2 * SECOND)
    first, second = [await services.audit.at_version(session_id, version, at=END) for version in (1, 2)]
    assert (first.status, first.completed_at) == (Status.IN_PROGRESS, None)
    assert (second.status, second.completed_at) == (Status.COMPLETED, from_micros(LATER + 2 * SECOND))


@by_mistake
async def test_a_draft_that_waited_counts_by_its_time(
    services: Services, database: Database, end: HandIn, status: Status
) -> None:
    session_id = await start(services)
    await end(services, session_id)
    # They have overtaken the end, and no flush has seen them.
    waiting = Drafts({"1": Draft("older", LATER - 1), "2": Draft("newer", LATER + 1)})
    await services.stores.valkey.put_drafts(session_id, waiting)
    session = await reopen(services, session_id, at=LATER + SECOND)
    expected = {"1": "last" if status is Status.COMPLETED else "older", "2": "newer"}
    assert session.answers == expected
    await flush_at(services, LATER + 2 * SECOND)
    assert row(database, session_id)["answers"] == expected
    assert (await services.audit.verify(session_id)).intact


@by_mistake
async def test_a_late_answer_stays_one_until_it_is_accepted(
    services: Services, end: HandIn, status: Status
) -> None:
    session_id = await start(services)
    await end(services, session_id)
    await services.stores.valkey.put_drafts(session_id, Drafts({"2": Draft("late", LATER + 1)}))
    await flush_at(services, LATER + 2)
    assert "2" not in (await reopen(services, session_id, at=LATER + SECOND)).answers
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    assert (late.answers["2"]["answer"], late.accepted) == ("late", False)
    accepted = await services.administration.accept_late_answer(
        session_id, late.event, WHY, at=LATER + 2 * SECOND
    )
    assert (accepted.status, accepted.answers["2"]) == (Status.IN_PROGRESS, "late")
    assert (await services.audit.verify(session_id)).intact


@by_mistake
async def test_what_ended_by_mistake_is_no_longer_cached_as_ended(
    services: Services, valkey: redis.Redis, end: HandIn, status: Status
) -> None:
    session_id = await start(services)
    await end(services, session_id)
    await reopen(services, session_id, at=LATER + SECOND)
    (attempt,) = await services.stores.attempts.get([session_id])
    assert cached(valkey, session_id) == attempt
    saved = await services.sessions.update_answer(
        session_id, 5, "draft", autosave=True, at=LATER + 2 * SECOND
    )
    assert (saved.durability, saved.answers["5"]) == ("buffered", "draft")


async def test_a_hand_in_is_not_opened_beside_another_where_one_may_be_open(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.REJECT)
    session_id = await start(services)
    await complete(services, session_id)
    other = await start(services, at=LATER)
    with pytest.raises(ActiveAttemptError) as refused:
        await reopen(services, session_id, at=LATER + SECOND)
    assert refused.value.session_id == other


async def test_a_hand_in_by_mistake_over_http(services: Services) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("user1")
        session = (await api("POST", "/sessions/start", {"quiz_id": "quiz1"})).json()
        path = f"/sessions/{session['id']}"
        await api("POST", f"{path}/complete")
        body = {"seconds": 60, "reason": WHY}
        assert (await api("POST", f"{path}/reopen", body)).status_code == 403
        api.be("teacher", STAFF)
        opened = await api("POST", f"{path}/reopen", body, at=LATER)
        assert (opened.status_code, opened.json()["status"]) == (200, "in_progress")
        assert (opened.json()["completed_at"], opened.json()["time_remaining"]) == (None, 60)


# Without the cache


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
