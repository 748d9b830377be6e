"""A quiz's rules: what they may be, which starts they let through, also all at once, and who sees the key."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import (
    ActiveAttemptError,
    AttemptsExhaustedError,
    QuizClosedError,
    QuizInUseError,
    QuizNotFoundError,
    QuizNotOpenError,
    ResultsHiddenError,
    SessionOpenError,
)
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules, ShowResults, WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, iso
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.locks import holding
from tests.harness.service import put_quiz, services_on
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row

OPENS, CLOSES = from_micros(START), from_micros(END)
TWENTY = range(20)
ONE_OPEN = [WhenActive.RESUME, WhenActive.REJECT]
REASON = {"reason": "because"}


async def start(services: Services, user: str = "user1", at: Micros = START, **more: Any) -> Session:
    return await services.sessions.create_session(user, "quiz1", at=at, **more)


async def start_twenty(
    services: Services, at: Micros = START, **more: Any
) -> tuple[list[Session], list[BaseException]]:
    """What twenty simultaneous starts of one user came to: sessions, and refusals."""
    found = await asyncio.gather(*(start(services, at=at, **more) for _ in TWENTY), return_exceptions=True)
    return (
        [each for each in found if isinstance(each, Session)],
        [each for each in found if isinstance(each, BaseException)],
    )


def created(sessions: list[Session]) -> list[Session]:
    return [session for session in sessions if not session.resumed and not session.replayed]


# Registering


async def test_an_unregistered_quiz_works_with_defaults(services: Services) -> None:
    session = await start(services)
    deadline = await services.sessions.get_deadline(session.id, at=START)
    assert (deadline.time_limit_seconds, deadline.grace_seconds, deadline.closes_at) == (1800, 0, None)
    await services.sessions.complete(session.id, {"0": "A"}, at=LATER)
    results = await services.scores.results(session.id, at=LATER)
    assert (results.score, results.max_score, results.questions) == (None, None, None)


async def test_an_unregistered_quiz_can_not_be_read_deleted_or_regraded(api: Api) -> None:
    for reply in (
        await api("GET", "/quizzes/quiz1"),
        await api("DELETE", "/quizzes/quiz1"),
        await api("POST", "/quizzes/quiz1/regrade", REASON),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "quiz_not_found")


async def test_a_quiz_left_bare_has_the_defaults(api: Api) -> None:
    reply = await api("PUT", "/quizzes/quiz1", {})
    assert (reply.status_code, reply.headers["cache-control"]) == (201, "no-store")
    assert reply.json() == {
        "quiz_id": "quiz1",
        "revision": 1,
        "time_limit_seconds": None,
        "grace_seconds": 0,
        "opens_at": None,
        "closes_at": None,
        "max_attempts": None,
        "when_active": "resume",
        "show_results": "after_end",
        "unknown_questions": "refuse",
        "paused_at": None,
        "questions": {},
        "access": None,
        "one_device": "off",
        "admission_seconds": 0,
        "common_start": False,
        "paper": None,
        "updated_at": iso(from_micros(START)),
        "dry_run": False,
        "created": True,
        "changed": {"count": 0, "fields": []},
        "open": 0,
        "rescheduled": 0,
        "abandoned": 0,
        "moved": {"count": 0, "deadlines": []},
        "to_regrade": 0,
    }


async def test_a_put_replaces_every_rule(api: Api) -> None:
    full = {
        "time_limit_seconds": 60,
        "grace_seconds": 5,
        "opens_at": iso(OPENS),
        "closes_at": iso(CLOSES),
        "max_attempts": 2,
        "when_active": "reject",
        "show_results": "after_close",
        "access": {
            "password": "quiet please",
            "networks": ["192.0.2.0/24"],
            "seb_config_keys": ["0" * 64],
        },
        "one_device": "proctor",
        "admission_seconds": 60,
        "common_start": True,
        "paper": {
            "sections": [
                {
                    "title": "One",
                    "questions": ["0", "1"],
                    "pick": 1,
                    "shuffle": True,
                    "time_limit_seconds": 60,
                    "navigation": "forward",
                }
            ]
        },
        "questions": {
            "0": {"points": 2.0, "grading": "exact", "key": "B", "content": {"options": ["A", "B"]}},
            "1": {"points": 1.0, "grading": "numeric", "key": 1.5, "tolerance": 0.1, "decimal": ","},
        },
    }
    assert (await api("PUT", "/quizzes/quiz1", full)).status_code == 201
    read = (await api("GET", "/quizzes/quiz1")).json()
    assert {name: read[name] for name in full} == full
    changed = await api("PUT", "/quizzes/quiz1", {})
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    assert changed.json()["max_attempts"] is None
    assert (await api("GET", "/quizzes/quiz1")).json()["questions"] == {}


async def test_a_deleted_quiz_is_forgotten_and_its_attempts_stay(api: Api, services: Services) -> None:
    await put_quiz(services, time_limit_seconds=60)
    session = await start(services)
    await services.sessions.complete(session.id, at=LATER)
    assert (await api("DELETE", "/quizzes/quiz1")).status_code == 204
    assert (await api("GET", "/quizzes/quiz1")).status_code == 404
    assert (await services.sessions.get_session(session.id, at=LATER)).status is Status.COMPLETED
    assert (await start(services)).time_remaining == 1800


async def test_a_quiz_with_open_attempts_is_not_deleted(api: Api, services: Services) -> None:
    await put_quiz(services, time_limit_seconds=60)
    session = await start(services)
    reply = await api("DELETE", "/quizzes/quiz1")
    assert (reply.status_code, reply.json()["code"]) == (409, "quiz_in_use")
    assert (await services.administration.get_quiz("quiz1")).rules.time_limit_seconds == 60
    await services.sessions.abandon(session.id, at=LATER)
    await services.administration.delete_quiz("quiz1")
    with pytest.raises(QuizNotFoundError):
        await services.administration.get_quiz("quiz1")


async def test_a_quiz_is_not_deleted_under_a_start(services: Services, stores: Stores) -> None:
    await put_quiz(services, time_limit_seconds=60)
    await services.administration.put_accommodation("user1", "quiz1", 0, "a row to wait for", at=START)
    with holding(stores, "SELECT FROM attempt_counters FOR UPDATE") as held:
        starting = await held.behind(start(services))
        deleting = await held.behind(services.administration.delete_quiz("quiz1"))
        held.release()
        assert (await starting).time_remaining == 60
        with pytest.raises(QuizInUseError):
            await deleting


# Limits of a quiz; nothing is stored past them

MONTH = 31 * 24 * 3600
MAX = 2**31 - 1


@pytest.mark.parametrize(
    "fields",
    [
        {"time_limit_seconds": 1},
        {"time_limit_seconds": MONTH},
        {"grace_seconds": 0},
        {"grace_seconds": MONTH},
        {"max_attempts": 1},
        {"max_attempts": MAX},
        {"opens_at": "2027-01-15T08:00:00Z", "closes_at": "2027-01-15T08:00:00.000001Z"},
        {"opens_at": "0001-01-01T00:00:00Z", "closes_at": "9999-12-31T23:59:59.999999Z"},
        {"closes_at": "2027-01-15T08:00:00+02:00", "show_results": "after_close"},
        {"questions": {str(i): {} for i in range(512)}},
        {"questions": {"q" * 128: {"points": 1_000_000}}},
    ],
    ids=str,
)
async def test_a_quiz_at_a_limit_is_registered(api: Api, fields: dict[str, Any]) -> None:
    reply = await api("PUT", "/quizzes/quiz1", fields)
    assert reply.status_code == 201, reply.text
    start = await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})
    assert start.status_code == 201 or start.json()["code"] == "quiz_closed"


@pytest.mark.parametrize(
    "fields",
    [
        {"time_limit_seconds": 0},
        {"time_limit_seconds": MONTH + 1},
        {"time_limit_seconds": 1.5},
        {"time_limit_seconds": True},
        {"grace_seconds": -1},
        {"grace_seconds": MONTH + 1},
        {"grace_seconds": None},
        {"max_attempts": 0},
        {"max_attempts": MAX + 1},
        {"opens_at": "2027-01-15T08:00:00Z", "closes_at": "2027-01-15T08:00:00Z"},
        {"opens_at": "2027-01-15T08:00:00"},
        {"opens_at": "0001-01-01T00:00:00+01:00"},
        {"closes_at": "9999-12-31T23:59:59-01:00"},
        {"closes_at": 1_800_000_000},
        {"show_results": "after_close"},
        {"show_results": "sometimes"},
        {"when_active": "maybe"},
        {"questions": {str(i): {} for i in range(513)}},
        {"questions": {"q" * 129: {}}},
        {"questions": {"": {}}},
        {"questions": {"0": {"points": 1_000_001}}},
        {"questions": {"0": {"grading": "exact"}}},
        {"questions": {"0": {"grading": "exact", "key": "\x00"}}},
        {"questions": []},
        {"key": "B"},
    ],
    ids=lambda fields: str(fields)[:60],
)
async def test_a_quiz_past_a_limit_is_not_registered(
    api: Api, database: Database, fields: dict[str, Any]
) -> None:
    before = contents(database)
    reply = await api("PUT", "/quizzes/quiz1", fields)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_input"), reply.text
    assert contents(database) == before


async def test_a_key_has_the_size_of_an_answer_at_most(api: Api, database: Database) -> None:
    def of(size: int) -> dict[str, Any]:
        return {"questions": {"0": {"grading": "text", "key": "k" * (size - 2)}}}

    assert (await api("PUT", "/quizzes/quiz1", of(64 * 1024))).status_code == 201
    before = contents(database)
    reply = await api("PUT", "/quizzes/quiz1", of(64 * 1024 + 1))
    assert (reply.status_code, reply.json()["code"]) == (413, "content_too_large")
    assert contents(database) == before


@pytest.mark.parametrize("length", [128, 129])
async def test_an_id_of_a_quiz_has_128_characters_at_most(api: Api, length: int) -> None:
    reply = await api("PUT", f"/quizzes/{'q' * length}", {})
    assert reply.status_code == (201 if length == 128 else 422)


# Opening and closing


async def test_a_quiz_starts_from_the_moment_it_opens(services: Services, database: Database) -> None:
    await put_quiz(services, opens_at=OPENS)
    before = contents(database)
    with pytest.raises(QuizNotOpenError) as refused:
        await start(services, at=START - 1)
    assert refused.value.opens_at == OPENS
    assert contents(database) == before
    assert (await start(services, at=START)).attempt_no == 1


async def test_a_quiz_starts_until_just_before_it_closes(services: Services, database: Database) -> None:
    await put_quiz(services, when_active=WhenActive.NEW, closes_at=CLOSES)
    session = await start(services, at=END - 1)
    assert (session.expires_at, session.time_remaining) == (CLOSES, 1)
    before = contents(database)
    with pytest.raises(QuizClosedError) as refused:
        await start(services, at=END)
    assert refused.value.closes_at == CLOSES
    assert contents(database) == before


async def test_starts_out_of_hours_say_when(api: Api) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await api("PUT", "/quizzes/quiz1", {"opens_at": iso(OPENS), "closes_at": iso(CLOSES)})
    early = await api("POST", "/sessions/start", body, at=START - 1000)
    late = await api("POST", "/sessions/start", body, at=END)
    assert (early.status_code, early.json()["code"]) == (409, "quiz_not_open")
    assert early.json()["opens_at"] == iso(OPENS)
    assert (late.status_code, late.json()["code"]) == (409, "quiz_closed")
    assert late.json()["closes_at"] == iso(CLOSES)


async def test_an_attempt_started_before_the_close_is_resumed_until_then(services: Services) -> None:
    await put_quiz(services, closes_at=CLOSES, grace_seconds=10, when_active=WhenActive.RESUME)
    session = await start(services)
    assert (await start(services, at=END + 10 * SECOND)).id == session.id
    with pytest.raises(QuizClosedError):
        await start(services, at=END + 10 * SECOND + 1)


# How many attempts


async def test_twenty_simultaneous_starts_do_not_pass_max_attempts(
    services: Services, database: Database
) -> None:
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=3)
    sessions, refused = await start_twenty(services)
    assert sorted(session.attempt_no for session in sessions) == [1, 2, 3]
    assert {type(error) for error in refused} == {AttemptsExhaustedError}
    assert database.execute("SELECT last_attempt_no FROM attempt_counters").fetchall() == [
        {"last_attempt_no": 3}
    ]


async def test_ended_attempts_count_also_abandoned_ones(services: Services, database: Database) -> None:
    await put_quiz(services, max_attempts=2)
    await services.sessions.abandon((await start(services)).id, at=LATER)
    await services.sessions.complete((await start(services)).id, at=LATER)
    before = contents(database)
    with pytest.raises(AttemptsExhaustedError):
        await start(services, at=LATER)
    assert contents(database) == before
    assert (await start(services, "user2", at=LATER)).attempt_no == 1


async def test_more_attempts_can_be_allowed_and_fewer_end_none(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=1)
    first = await start(services)
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=2)
    await start(services)
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=1)
    with pytest.raises(AttemptsExhaustedError):
        await start(services)
    assert (await services.sessions.get_session(first.id, at=LATER)).status is Status.STARTED


async def test_a_start_past_the_last_attempt_is_told_which_one_is_open(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=3)
    ids = [(await start(services)).id for _ in range(3)]
    sessions, refused = await start_twenty(services)
    assert sessions == []
    told = [error.session_id for error in refused if isinstance(error, AttemptsExhaustedError)]
    assert told == [ids[2]] * 20
    await services.sessions.abandon(ids[2], at=LATER)
    with pytest.raises(AttemptsExhaustedError) as exhausted:
        await start(services, at=LATER)
    assert exhausted.value.session_id == ids[1]


async def test_starts_that_share_a_statement_are_each_judged_by_their_own_quiz_and_user(
    services: Services, database: Database
) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME, max_attempts=1)
    open_one = await start(services, "has one open")
    await services.sessions.complete((await start(services, "has had one")).id, at=START)
    named = await services.sessions.create_session("user1", "quiz2", at=START, idempotency_key="k")
    await services.sessions.create_session("user2", "quiz2", at=START)
    starts = {
        "the lane": start(services, "somebody"),
        "new": start(services, "new"),
        "open": start(services, "has one open"),
        "had": start(services, "has had one"),
        "named": services.sessions.create_session("user1", "quiz2", at=START, idempotency_key="k"),
        "for another": services.sessions.create_session("user3", "quiz3", at=START, by="proctor"),
        "again": services.sessions.create_session("user2", "quiz2", at=START),
    }
    told = dict(zip(starts, await asyncio.gather(*starts.values(), return_exceptions=True), strict=True))
    had = told.pop("had")
    assert isinstance(had, AttemptsExhaustedError)
    sessions = {name: each for name, each in told.items() if isinstance(each, Session)}
    assert sessions.keys() == told.keys()
    assert (sessions["open"].id, sessions["open"].resumed) == (open_one.id, True)
    assert (sessions["named"].id, sessions["named"].replayed) == (named.id, True)
    assert {name: (each.user_id, each.quiz_id, each.attempt_no) for name, each in sessions.items()} == {
        "the lane": ("somebody", "quiz1", 1),
        "new": ("new", "quiz1", 1),
        "open": ("has one open", "quiz1", 1),
        "named": ("user1", "quiz2", 1),
        "for another": ("user3", "quiz3", 1),
        "again": ("user2", "quiz2", 2),
    }
    (acted,) = database.execute("SELECT by, user_id, session_id FROM staff_actions WHERE action = 'start'")
    assert (acted["by"], acted["user_id"], acted["session_id"]) == (
        "proctor",
        "user3",
        sessions["for another"].id,
    )
    assert [events(database, each.id)[0] for each in sessions.values()] == ["started"] * 6


async def of_four_processes(
    stores: Stores, start_one: Callable[[Services], Coroutine[Any, Any, Session]]
) -> list[Session | BaseException]:
    """What four processes are told whose starts wait for one row."""
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(services_on(stores)) for _ in range(4)]
        with holding(stores, "SELECT FROM attempt_counters FOR UPDATE") as held:
            waiting = [await held.behind(start_one(process)) for process in processes]
            held.release()
            return await asyncio.gather(*waiting, return_exceptions=True)


async def test_starts_that_waited_for_the_last_attempt_are_told_of_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, when_active=WhenActive.NEW, max_attempts=1)
    await services.administration.put_accommodation("user1", "quiz1", 0, "a row to wait for", at=START)
    found = await of_four_processes(stores, start)
    (first,) = [each for each in found if isinstance(each, Session)]
    told = [each.session_id for each in found if isinstance(each, AttemptsExhaustedError)]
    assert told == [first.id] * 3


@pytest.mark.parametrize("ended", ["completed", "overdue"])
async def test_a_start_past_the_last_attempt_is_told_of_none_that_has_ended(
    services: Services, ended: str
) -> None:
    await put_quiz(services, max_attempts=1)
    first = await start(services)
    if ended == "completed":
        await services.sessions.complete(first.id, at=LATER)
    with pytest.raises(AttemptsExhaustedError) as exhausted:
        await start(services, at=END + 1)
    assert exhausted.value.session_id is None


async def test_a_start_past_the_last_attempt_over_http(api: Api) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await api("PUT", "/quizzes/quiz1", {"max_attempts": 1, "when_active": "new"})
    first = await api("POST", "/sessions/start", body)
    refused = await api("POST", "/sessions/start", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "attempts_exhausted")
    assert refused.json()["session_id"] == first.json()["id"]
    await api("POST", f"/sessions/{first.json()['id']}/complete")
    refused = await api("POST", "/sessions/start", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "attempts_exhausted")
    assert "session_id" not in refused.json()


async def test_extra_time_given_before_the_first_start_costs_no_attempt(services: Services) -> None:
    await put_quiz(services, max_attempts=1)
    await services.administration.put_accommodation("user1", "quiz1", 60, "slow", at=START)
    assert (await start(services)).attempt_no == 1


@pytest.mark.parametrize("max_attempts", [None, 1])
async def test_twenty_simultaneous_starts_with_one_key_are_one_start_within_max_attempts(
    services: Services, max_attempts: int | None
) -> None:
    await put_quiz(services, max_attempts=max_attempts)
    sessions, refused = await start_twenty(services, idempotency_key="k")
    assert refused == []
    assert len({session.id for session in sessions}) == len(created(sessions)) == 1


# While an attempt is open


async def test_new_starts_another_attempt_beside_the_open_one(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.NEW)
    assert [(await start(services)).attempt_no for _ in range(2)] == [1, 2]


async def test_resume_finds_the_open_attempt_with_its_answers_and_drafts(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME)
    first = await start(services)
    await services.sessions.update_answer(first.id, 0, "A", at=LATER)
    await services.sessions.update_answer(first.id, 1, "B", autosave=True, at=LATER)
    again = await start(services, at=LATER + SECOND)
    assert (again.id, again.resumed, again.replayed) == (first.id, True, False)
    assert again.answers == {"0": "A", "1": "B"}


async def test_starts_while_an_attempt_is_open_over_http(api: Api) -> None:
    body = {"user_id": "user1", "quiz_id": "quiz1"}
    await api("PUT", "/quizzes/quiz1", {"when_active": "resume"})
    first = await api("POST", "/sessions/start", body)
    assert (first.status_code, first.json()["resumed"]) == (201, False)
    again = await api("POST", "/sessions/start", body)
    assert (again.status_code, again.json()["resumed"]) == (200, True)
    assert again.headers["location"] == first.headers["location"]
    await api("PUT", "/quizzes/quiz1", {"when_active": "reject"})
    refused = await api("POST", "/sessions/start", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "attempt_active")
    assert refused.json()["session_id"] == first.json()["id"]


@pytest.mark.parametrize("max_attempts", [None, 1, 2])
async def test_twenty_simultaneous_starts_under_resume_are_one_attempt(
    services: Services, database: Database, max_attempts: int | None
) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME, max_attempts=max_attempts)
    sessions, refused = await start_twenty(services)
    assert refused == []
    assert len({session.id for session in sessions}) == len(created(sessions)) == 1
    assert database.execute("SELECT attempt_no FROM quiz_attempts").fetchall() == [{"attempt_no": 1}]
    assert database.execute("SELECT last_attempt_no FROM attempt_counters").fetchall() == [
        {"last_attempt_no": 1}
    ]


@pytest.mark.parametrize("max_attempts", [None, 1, 2])
async def test_twenty_simultaneous_starts_under_reject_are_one_attempt_and_its_id(
    services: Services, max_attempts: int | None
) -> None:
    await put_quiz(services, when_active=WhenActive.REJECT, max_attempts=max_attempts)
    sessions, refused = await start_twenty(services)
    (session,) = sessions
    told = [error.session_id for error in refused if isinstance(error, ActiveAttemptError)]
    assert told == [session.id] * 19


@pytest.mark.parametrize("max_attempts", [None, 1])
@pytest.mark.parametrize(
    ("when_active", "key"),
    [(WhenActive.RESUME, None), (WhenActive.REJECT, None), (WhenActive.NEW, "k"), (WhenActive.REJECT, "k")],
)
async def test_starts_that_waited_for_the_one_that_took_the_last_attempt_find_it(
    services: Services, stores: Stores, when_active: WhenActive, key: str | None, max_attempts: int | None
) -> None:
    await put_quiz(services, when_active=when_active, max_attempts=max_attempts)
    await services.administration.put_accommodation("user1", "quiz1", 0, "a row to wait for", at=START)
    found = await of_four_processes(stores, partial(start, idempotency_key=key))
    sessions = [each for each in found if isinstance(each, Session)]
    (first,) = created(sessions)
    assert {session.id for session in sessions} == {first.id}
    refused = [each.session_id if isinstance(each, ActiveAttemptError) else each for each in found]
    if when_active is WhenActive.REJECT and key is None:
        assert [each for each in refused if each not in sessions] == [first.id] * 3
    else:
        assert len(sessions) == 4


@pytest.mark.parametrize("when_active", ONE_OPEN)
async def test_an_ended_attempt_is_in_nobodys_way(services: Services, when_active: WhenActive) -> None:
    await put_quiz(services, when_active=when_active)
    first = await start(services)
    await services.sessions.complete(first.id, at=LATER)
    again = await start(services, at=LATER)
    assert (again.attempt_no, again.resumed) == (2, False)


@pytest.mark.parametrize("when_active", ONE_OPEN)
async def test_of_twenty_simultaneous_starts_over_an_overdue_attempt_one_is_new(
    services: Services, database: Database, when_active: WhenActive
) -> None:
    await put_quiz(services, when_active=when_active)
    first = await start(services)
    await services.sessions.update_answer(first.id, 0, "draft", autosave=True, at=END)
    sessions, refused = await start_twenty(services, at=END + 1)
    (second,) = created(sessions)
    assert second.attempt_no == 2
    assert {session.id for session in sessions} == {second.id}
    assert len(sessions) == (20 if when_active is WhenActive.RESUME else 1)
    told = [error.session_id if isinstance(error, ActiveAttemptError) else error for error in refused]
    assert told == [second.id] * (20 - len(sessions))
    assert (row(database, first.id)["status"], row(database, first.id)["answers"]) == (
        "expired",
        {"0": "draft"},
    )
    assert events(database, first.id) == ["started", "expired"]


@pytest.mark.parametrize("when_active", ONE_OPEN)
async def test_twenty_simultaneous_starts_over_an_overdue_last_attempt_are_all_refused(
    services: Services, database: Database, when_active: WhenActive
) -> None:
    await put_quiz(services, when_active=when_active, max_attempts=1)
    first = await start(services)
    sessions, refused = await start_twenty(services, at=END + 1)
    assert sessions == []
    assert {type(error) for error in refused} == {AttemptsExhaustedError}
    assert row(database, first.id)["status"] == "expired"


async def test_an_overdue_attempt_is_resumed_to_the_end_of_its_grace(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME, grace_seconds=5)
    first = await start(services)
    assert (await start(services, at=END + 5 * SECOND)).id == first.id
    again = await start(services, at=END + 5 * SECOND + 1)
    assert (again.attempt_no, again.resumed) == (2, False)


async def test_users_and_quizzes_do_not_stand_in_each_others_way(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.REJECT, max_attempts=1)
    await services.administration.put_quiz("quiz2", QuizRules(when_active=WhenActive.REJECT), at=START)
    await start(services)
    assert (await start(services, "user2")).attempt_no == 1
    assert (await services.sessions.create_session("user1", "quiz2", at=START)).attempt_no == 1


@pytest.mark.parametrize("when_active", ONE_OPEN)
async def test_an_attempt_from_before_the_rule_is_the_open_one(
    services: Services, when_active: WhenActive
) -> None:
    first = await start(services)
    await put_quiz(services, when_active=when_active)
    sessions, refused = await start_twenty(services)
    found = {session.id for session in sessions} | {
        error.session_id for error in refused if isinstance(error, ActiveAttemptError)
    }
    assert found == {first.id}


async def test_a_start_waits_for_the_overdue_attempt_that_someone_else_is_ending(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME)
    first = await start(services)
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", first.id) as held:
        starting = asyncio.create_task(start(services, at=END + 1))
        await asyncio.sleep(0.05)
        held.release()
        assert (await starting).attempt_no == 2


# A start racing a change


async def test_a_start_that_waits_for_a_change_of_the_quiz_follows_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services, time_limit_seconds=60)
    other = await start(services, "user2")
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", other.id) as held:
        changing = await held.behind(put_quiz(services, time_limit_seconds=90, when_active=WhenActive.REJECT))
        starting = await held.behind(start(services))
        held.release()
        await changing
        assert (await starting).time_remaining == 90
    with pytest.raises(ActiveAttemptError):
        await start(services)


async def test_a_change_of_the_quiz_that_waits_for_a_start_reaches_its_attempt(
    services: Services, stores: Stores, database: Database, valkey: redis.Redis
) -> None:
    await put_quiz(services, time_limit_seconds=60)
    await services.administration.put_accommodation("user1", "quiz1", 0, "a row to wait for", at=START)
    with holding(stores, "SELECT FROM attempt_counters FOR UPDATE") as held:
        starting = await held.behind(start(services))
        changing = await held.behind(put_quiz(services, time_limit_seconds=90))
        held.release()
        session = await starting
        await changing
    assert row(database, session.id)["time_limit_seconds"] == 90
    assert (await services.sessions.get_session(session.id, at=START)).time_remaining == 90


async def test_a_start_that_waits_for_extra_time_has_it(services: Services, stores: Stores) -> None:
    first = await start(services)
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", first.id) as held:
        giving = await held.behind(
            services.administration.put_accommodation("user1", "quiz1", 600, "slow", at=START)
        )
        starting = await held.behind(start(services))
        held.release()
        await giving
        assert (await starting).time_remaining == 2400


async def test_extra_time_reaches_every_attempt_that_is_started_with_it(
    services: Services, database: Database
) -> None:
    users = [f"user{i}" for i in range(10)]
    await asyncio.gather(
        *(start(services, user) for user in users),
        *(services.administration.put_accommodation(user, "quiz1", 600, "slow", at=START) for user in users),
    )
    found = database.execute("SELECT accommodation_seconds, expires_at FROM quiz_attempts").fetchall()
    assert found == [{"accommodation_seconds": 600, "expires_at": CLOSES + timedelta(seconds=600)}] * 10


async def test_every_start_follows_the_last_of_many_changes(services: Services, database: Database) -> None:
    await put_quiz(services, time_limit_seconds=1000)
    await asyncio.gather(
        *(start(services, f"user{i}") for i in range(10)),
        *(put_quiz(services, time_limit_seconds=1001 + i) for i in range(5)),
    )
    limit = (await services.administration.get_quiz("quiz1")).rules.time_limit_seconds
    found = database.execute("SELECT DISTINCT time_limit_seconds FROM quiz_attempts").fetchall()
    assert found == [{"time_limit_seconds": limit}]


# The key, and who sees it

KEYS = {"exact": "Zr-4711-exact", "set": ["Zr-4711-a", "Zr-4711-b"], "text": ["Zr-4711-text"]}
SECRET = "Zr-4711"
KEYED: dict[str, Any] = {
    "when_active": "resume",
    "max_attempts": 1,
    "questions": {
        "exact": {"grading": "exact", "key": KEYS["exact"]},
        "set": {"grading": "set", "key": KEYS["set"], "partial": True},
        "text": {"grading": "text", "key": KEYS["text"], "points": 3},
        "number": {"grading": "numeric", "key": 47114711.5, "tolerance": 0.4711471},
        "essay": {"points": 5},
    },
}


async def test_no_reply_to_a_student_has_the_key(services: Services, valkey: redis.Redis) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("teacher", STAFF)
        assert SECRET in (await api("PUT", "/quizzes/quiz1", KEYED)).text
        assert SECRET in (await api("GET", "/quizzes/quiz1")).text

        api.be("user1")
        started = await api("POST", "/sessions/start", {"quiz_id": "quiz1"})
        session = f"/sessions/{started.json()['id']}"
        version = {"question_id": 1, "answer": "A", "version": 7}
        replies = [
            started,
            await api("POST", "/sessions/start", {"quiz_id": "quiz1"}),
            await api("GET", "/quizzes/quiz1"),
            await api("PUT", "/quizzes/quiz1", KEYED),
            await api("POST", "/quizzes/quiz1/regrade", REASON),
            await api("PATCH", f"{session}/progress", {"answers": {"exact": "A", "set": ["B"], "number": 1}}),
            await api("PATCH", f"{session}/progress", {"question_id": "text", "answer": 1, "autosave": True}),
            await api("PATCH", f"{session}/progress", version),
            await api("GET", session),
            await api("GET", f"{session}/deadline"),
            await api("GET", f"{session}/results"),
            await api("POST", f"{session}/complete", {"expires_at": "2001-01-01T00:00:00Z"}),
            await api("POST", f"{session}/complete"),
            await api("POST", f"{session}/complete"),
            await api("PATCH", f"{session}/progress", {"question_id": "exact", "answer": "A"}),
            await api("GET", f"{session}/results"),
            await api("GET", f"{session}?at_version=1"),
            await api("GET", f"{session}/events"),
            await api("GET", "/sessions?quiz_id=quiz1"),
            await api("POST", "/sessions/start", {"quiz_id": "quiz1"}),
            await api("DELETE", "/quizzes/quiz1"),
        ]
        codes = Counter(reply.status_code for reply in replies)
        assert codes == {200: 11, 201: 1, 403: 4, 409: 5}, [reply.status_code for reply in replies]
        for reply in replies:
            told = reply.text + str(reply.headers)
            assert not any(secret in told for secret in (SECRET, "4711471")), told
        cached = valkey.get(f"session:{started.json()['id']}")
        assert isinstance(cached, bytes)
        assert SECRET.encode() not in cached


async def test_a_student_sees_of_a_question_its_points(services: Services) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("teacher", STAFF)
        await api("PUT", "/quizzes/quiz1", KEYED)
        api.be("user1")
        questions = (await api("GET", "/quizzes/quiz1")).json()["questions"]
    assert questions == {
        "exact": {"points": 1.0},
        "set": {"points": 1.0},
        "text": {"points": 3.0},
        "number": {"points": 1.0},
        "essay": {"points": 5.0},
    }


async def test_a_refused_quiz_does_not_repeat_its_key(api: Api) -> None:
    for question in (
        {"grading": "numeric", "key": SECRET},
        {"grading": "set", "key": [SECRET, SECRET]},
        {"grading": "exact", "key": SECRET, "partial": True},
        {"grading": SECRET, "key": SECRET},
        {"key": SECRET},
    ):
        reply = await api("PUT", "/quizzes/quiz1", {"questions": {"0": question}})
        assert reply.status_code == 422
        assert SECRET not in reply.text


# When results are shown

QUESTION = parse_questions({"0": {"grading": "exact", "key": "B"}})
AFTER_END, AFTER_CLOSE, NEVER = ShowResults


@pytest.mark.parametrize(
    ("show", "closes", "at", "shown"),
    [
        (AFTER_END, None, LATER, True),
        (AFTER_END, CLOSES, LATER, True),
        (AFTER_CLOSE, CLOSES, LATER, False),
        (AFTER_CLOSE, CLOSES, END - 1, False),
        (AFTER_CLOSE, CLOSES, END, False),
        (AFTER_CLOSE, CLOSES, END + 60 * SECOND - 1, False),
        (AFTER_CLOSE, CLOSES, END + 60 * SECOND, True),
        (NEVER, None, END + SECOND, False),
        (NEVER, CLOSES, END + SECOND, False),
    ],
)
async def test_a_student_sees_results_when_the_quiz_shows_them(
    services: Services, show: ShowResults, closes: Any, at: Micros, shown: bool
) -> None:
    await put_quiz(services, show_results=show, closes_at=closes, questions=QUESTION)
    session = await start(services)
    await services.sessions.complete(session.id, {"0": "B"}, at=LATER)
    staff = await services.scores.results(session.id, at=at)
    assert (staff.score, staff.max_score) == (1, 1)
    if shown:
        assert await services.scores.results(session.id, owner="user1", at=at) == staff
    else:
        with pytest.raises(ResultsHiddenError):
            await services.scores.results(session.id, owner="user1", at=at)


@pytest.mark.parametrize("owner", [None, "user1"])
async def test_an_open_session_has_no_results_yet(services: Services, owner: str | None) -> None:
    await put_quiz(services)
    session = await start(services)
    with pytest.raises(SessionOpenError):
        await services.scores.results(session.id, owner=owner, at=END)
    assert (await services.scores.results(session.id, owner=owner, at=END + 1)).score is None


async def test_hidden_results_are_a_403_to_a_student_alone(services: Services) -> None:
    async with api_of(services, jwt=True) as api:
        api.be("teacher", STAFF)
        await api("PUT", "/quizzes/quiz1", {**KEYED, "show_results": "never"})
        api.be("user1")
        session_id: UUID = (await api("POST", "/sessions/start", {"quiz_id": "quiz1"})).json()["id"]
        await api("POST", f"/sessions/{session_id}/complete")
        hidden: httpx.Response = await api("GET", f"/sessions/{session_id}/results")
        assert (hidden.status_code, hidden.json()["code"]) == (403, "results_hidden")
        api.be("teacher", STAFF)
        assert (await api("GET", f"/sessions/{session_id}/results")).status_code == 200


async def test_a_change_of_the_quiz_says_who_and_why_in_the_trail(
    services: Services, database: Database
) -> None:
    session = await start(services)
    await services.administration.put_quiz("quiz1", QuizRules(time_limit_seconds=60), by="teacher", at=START)
    (change,) = changes(database, session.id, "rescheduled")
    assert (change["by"], change["reason"]) == ("teacher", "the quiz was changed")
    assert change["time_limit_seconds"] == 60
