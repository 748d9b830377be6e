"""What a user has at every quiz: more time, and a later close."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import (
    AccommodationNotFoundError,
    BusyError,
    InvalidInputError,
    QuizClosedError,
)
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules, ShowResults, WhenActive
from quiz_sessions.domain.timestamps import Micros, from_micros, iso, to_micros
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.locks import holding, row_held
from tests.harness.proxy import Loss, Proxy
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events
from tests.integration.staff import TWENTY, WHY, deadline_of, extend, give, reopen

PATH = "/users/user1/accommodations"
HOUR = 3600


async def stand(
    services: Services,
    time_factor: float = 1,
    extra_seconds: int = 0,
    closes_later_seconds: int = 0,
    *,
    user: str = "user1",
    at: Micros = LATER,
) -> list[UUID]:
    """Give a user a standing accommodation; returns the sessions that it is cut for."""
    given = await services.standing_accommodations.put(
        user,
        WHY,
        time_factor=time_factor,
        extra_seconds=extra_seconds,
        closes_later_seconds=closes_later_seconds,
        by="teacher",
        at=at,
    )
    return given.cut


async def take_back(services: Services, user: str = "user1", at: Micros = LATER) -> None:
    await services.standing_accommodations.delete(user, by="head", at=at)


async def seconds_of(services: Services, session_id: UUID) -> int:
    """The extra time of a session, as everybody is told it."""
    await deadline_of(services, session_id)
    return (await services.sessions.get_deadline(session_id, at=LATER)).accommodation_seconds


# Time


async def test_it_is_in_the_deadline_of_every_quiz_that_is_started(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=600)
    await stand(services, 1.5, 300, at=START)
    assert await deadline_of(services, await start(services)) == START + (900 + 300) * SECOND
    # One that nobody registered has the service's half an hour.
    assert await deadline_of(services, await start(services, quiz="quiz2")) == START + (2700 + 300) * SECOND
    assert await deadline_of(services, await start(services, "user2")) == START + 600 * SECOND


@pytest.mark.parametrize(
    ("limit", "factor", "more"),
    [(3600, 1.1, 360), (100, 1.333, 34), (1, 1.01, 1), (3600, 1.0, 0), (3600, 4.0, 10_800), (7, 1.7, 5)],
)
async def test_a_factor_gives_whole_seconds_rounded_up_and_not_one_more(
    services: Services, limit: int, factor: float, more: int
) -> None:
    await put_quiz(services, time_limit_seconds=limit)
    await stand(services, factor, at=START)
    assert await seconds_of(services, await start(services, at=LATER - 1)) == more


async def test_open_sessions_of_the_user_follow_at_once_at_whatever_quiz(services: Services) -> None:
    one, two = await start(services), await start(services, quiz="quiz2")
    ended, other = await start(services, quiz="quiz3"), await start(services, "user2")
    await services.sessions.complete(ended, at=LATER)
    await stand(services, 1.5)
    for session_id in (one, two):
        assert await deadline_of(services, session_id) == END + 900 * SECOND
    assert await deadline_of(services, ended) == await deadline_of(services, other) == END


async def test_what_a_quiz_gives_comes_on_top(services: Services) -> None:
    session_id = await start(services)
    await give(services, 60)
    await stand(services, 1.5, 30)
    assert await seconds_of(services, session_id) == 900 + 30 + 60
    await give(services, 0)
    assert await seconds_of(services, session_id) == 900 + 30
    assert await seconds_of(services, await start(services, quiz="quiz2")) == 900 + 30


async def test_another_one_takes_the_place_of_the_first(services: Services) -> None:
    session_id = await start(services)
    await stand(services, 2, 100)
    await stand(services, 1.5)
    assert await seconds_of(services, session_id) == 900


async def test_the_factor_is_of_the_limit_that_the_quiz_has_now(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=600)
    await stand(services, 1.5, at=START)
    session_id = await start(services)
    await put_quiz(services, at=LATER, time_limit_seconds=1000)
    assert await seconds_of(services, session_id) == 500
    assert await deadline_of(services, session_id) == START + 1500 * SECOND


async def test_extensions_and_pauses_stay(services: Services) -> None:
    session_id = await start(services)
    await extend(services, session_id, 60)
    await services.room.pause(session_id, WHY, at=LATER)
    await stand(services, 1.5, at=LATER + HOUR * SECOND)
    session = await services.room.resume(session_id, WHY, at=LATER + HOUR * SECOND)
    assert session.time_remaining == 1790 + 60 + 900
    assert to_micros(session.expires_at) == END + (60 + 900 + HOUR) * SECOND


async def test_what_is_taken_back_leaves_what_was_used(services: Services, database: Database) -> None:
    await put_quiz(services, time_limit_seconds=5)
    await stand(services, 4, 100, at=START)
    session_id = await start(services)
    await take_back(services)
    assert await deadline_of(services, session_id) == LATER
    with pytest.raises(AccommodationNotFoundError):
        await services.standing_accommodations.get("user1")
    await services.sessions.complete(session_id, at=LATER)
    assert (await services.sessions.create_session("user1", "quiz1", at=LATER)).time_remaining == 5


async def test_a_reopened_session_has_what_the_user_has_now(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await stand(services, 1.5)
    await reopen(services, session_id, 600, at=LATER + SECOND)
    assert await deadline_of(services, session_id) == LATER + 601 * SECOND
    assert await seconds_of(services, session_id) == 900
    await take_back(services, at=LATER + 2 * SECOND)
    assert await seconds_of(services, session_id) == 0


# A later close


async def test_a_quiz_closes_later_for_the_user_alone(services: Services, api: Api) -> None:
    closes = START + 600 * SECOND
    await put_quiz(services, closes_at=from_micros(closes))
    await stand(services, closes_later_seconds=HOUR, at=START)
    last = closes + HOUR * SECOND - 1
    assert await deadline_of(services, await start(services, at=last)) == last + 1
    with pytest.raises(QuizClosedError):
        await start(services, "user2", at=closes)
    await take_back(services, at=last)
    await stand(services, closes_later_seconds=HOUR, user="user3", at=START)
    body = {"user_id": "user3", "quiz_id": "quiz1"}
    refused = await api("POST", "/sessions/start", body, at=closes + HOUR * SECOND)
    assert (refused.status_code, refused.json()["code"]) == (409, "quiz_closed")
    # For this user.
    assert refused.json()["closes_at"] == iso(from_micros(closes + HOUR * SECOND))


async def test_the_close_of_open_sessions_moves_and_is_explained(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(START + 600 * SECOND))
    session_id = await start(services)
    await stand(services, 1.5, closes_later_seconds=60)
    deadline = await services.sessions.get_deadline(session_id, at=LATER)
    assert await deadline_of(services, session_id) == START + 660 * SECOND
    assert (deadline.binding, deadline.closes_later_seconds, deadline.accommodation_seconds) == (
        "closes_at",
        60,
        900,
    )
    assert deadline.cut_seconds == 1800 + 900 - 660
    await stand(services, 1.5, closes_later_seconds=HOUR)
    deadline = await services.sessions.get_deadline(session_id, at=LATER)
    assert (deadline.binding, deadline.cut_seconds) == ("time_limit", 0)


async def test_a_later_close_that_is_taken_back_leaves_what_was_used(services: Services) -> None:
    closes = START + 600 * SECOND
    await put_quiz(services, closes_at=from_micros(closes))
    await stand(services, closes_later_seconds=HOUR, at=START)
    session_id = await start(services)
    now = closes + 60 * SECOND
    await take_back(services, at=now)
    assert await deadline_of(services, session_id, at=now) == now
    assert (await services.audit.verify(session_id)).intact


async def test_the_close_of_the_quiz_may_move_as_well(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(START + 600 * SECOND))
    await stand(services, closes_later_seconds=60, at=START)
    session_id = await start(services)
    await put_quiz(services, at=LATER, closes_at=from_micros(START + 700 * SECOND))
    assert await deadline_of(services, session_id) == START + 760 * SECOND


async def test_a_session_is_reopened_until_the_quiz_closes_for_its_user(services: Services) -> None:
    closes = START + 600 * SECOND
    await put_quiz(services, closes_at=from_micros(closes))
    session_id, other = await start(services), await start(services, "user2")
    for each in (session_id, other):
        await services.sessions.complete(each, at=LATER)
    await stand(services, closes_later_seconds=60)
    await reopen(services, session_id, HOUR, at=closes)
    assert await deadline_of(services, session_id, at=closes) == closes + 60 * SECOND
    with pytest.raises(QuizClosedError):
        await reopen(services, other, HOUR, at=closes)


async def test_results_wait_for_whoever_may_still_start(services: Services) -> None:
    closes = END
    rules: dict[str, Any] = {
        "show_results": ShowResults.AFTER_CLOSE,
        "closes_at": from_micros(closes),
        "questions": parse_questions({"0": {"grading": "exact", "key": "A"}}),
    }
    await put_quiz(services, **rules)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "A"}, at=LATER)
    await stand(services, closes_later_seconds=HOUR, user="user7")
    await stand(services, closes_later_seconds=60, user="user8")

    async def score(at: Micros) -> float | None:
        return (await services.sessions.get_session(session_id, owner="user1", at=at)).score

    shown = closes + (HOUR + 60) * SECOND
    assert (await score(closes + 60 * SECOND), await score(shown - 1)) == (None, None)
    assert await score(shown) == 1
    await take_back(services, "user7")


async def test_results_wait_for_a_session_that_was_open_longer(services: Services) -> None:
    rules: dict[str, Any] = {"show_results": ShowResults.AFTER_CLOSE, "questions": parse_questions({"0": {}})}
    await put_quiz(services, closes_at=from_micros(END), **rules)
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await stand(services, closes_later_seconds=HOUR, user="user2")
    await start(services, "user2", at=END)
    # So it ends at this moment.
    await take_back(services, "user2", at=END + 10 * SECOND)

    async def grading(at: Micros) -> str | None:
        return (await services.sessions.get_session(session_id, owner="user1", at=at)).grading

    shown = END + 70 * SECOND
    assert (await grading(shown - 1), await grading(shown)) == ("pending", "done")


# Over HTTP


async def test_it_is_set_read_and_taken_back(api: Api) -> None:
    for method in ("GET", "DELETE"):
        reply = await api(method, PATH)
        assert (reply.status_code, reply.json()["code"]) == (404, "accommodation_not_found")
    body = {"time_factor": 1.25, "extra_seconds": 60, "closes_later_seconds": 600, "reason": "dyslexia"}
    given = await api("PUT", PATH, body)
    assert given.status_code == 200
    told = {**body, "user_id": "user1", "granted_by": None, "granted_at": iso(from_micros(START))}
    assert given.json() == {**told, "cut": []}
    assert (await api("GET", PATH)).json() == told
    assert (await api("DELETE", PATH)).status_code == 204
    assert (await api("GET", PATH)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/users/pool%2Fuser1/accommodations", "/quizzes/quiz1/accommodations/pool%2Fuser1"]
)
async def test_the_id_of_a_user_may_have_a_slash(api: Api, path: str) -> None:
    assert (await api("PUT", path, {"extra_seconds": 60, "reason": "dyslexia"})).status_code == 200
    assert (await api("GET", path)).json()["user_id"] == "pool/user1"
    assert (await api("DELETE", path)).status_code == 204


async def test_what_is_left_out_adds_nothing(api: Api) -> None:
    told = (await api("PUT", PATH, {"reason": WHY})).json()
    assert (told["time_factor"], told["extra_seconds"], told["closes_later_seconds"]) == (1, 0, 0)


async def test_they_are_listed_by_user_a_page_at_a_time(api: Api) -> None:
    for user in ("user3", "user1", "user2"):
        await api("PUT", f"/users/{user}/accommodations", {"extra_seconds": 60, "reason": WHY})
    await api("PUT", "/quizzes/quiz1/accommodations/user4", {"extra_seconds": 60, "reason": WHY})
    first = (await api("GET", "/accommodations?limit=2")).json()
    second = (await api("GET", f"/accommodations?limit=2&after={first['next_after']}")).json()
    assert [each["user_id"] for each in first["accommodations"]] == ["user1", "user2"]
    assert [each["user_id"] for each in second["accommodations"]] == ["user3"]
    assert second["next_after"] is None
    assert (await api("GET", "/accommodations?limit=3")).json()["next_after"] is None


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_has_a_limit(api: Api, limit: int) -> None:
    assert (await api("GET", f"/accommodations?limit={limit}")).status_code == 422


GOOD: list[dict[str, Any]] = [
    {"time_factor": 1},
    {"time_factor": 4},
    {"time_factor": 1.0000000001},
    {"extra_seconds": MAX_CHANGE_SECONDS},
    {"closes_later_seconds": MAX_CHANGE_SECONDS},
]
BAD: list[dict[str, Any]] = [
    {"time_factor": 0.999},
    {"time_factor": 4.0000000001},
    {"time_factor": "2"},
    {"time_factor": True},
    {"time_factor": None},
    {"extra_seconds": -1},
    {"extra_seconds": MAX_CHANGE_SECONDS + 1},
    {"extra_seconds": 1.5},
    {"closes_later_seconds": -1},
    {"closes_later_seconds": MAX_CHANGE_SECONDS + 1},
    {"reason": ""},
    {"reason": " "},
    {"seconds": 60},
]


@pytest.mark.parametrize("body", GOOD, ids=str)
async def test_what_can_be_given(api: Api, body: dict[str, Any]) -> None:
    reply = await api("PUT", PATH, {"reason": WHY, **body})
    assert reply.status_code == 200
    assert (await api("GET", PATH)).json().items() >= body.items()


@pytest.mark.parametrize("body", BAD, ids=str)
async def test_what_can_not(api: Api, database: Database, body: dict[str, Any]) -> None:
    before = contents(database)
    assert (await api("PUT", PATH, {"reason": WHY, **body})).status_code == 422
    assert contents(database) == before


async def test_a_number_that_is_none_is_refused(services: Services) -> None:
    for factor in (float("nan"), float("inf")):
        with pytest.raises(InvalidInputError, match="time_factor"):
            await stand(services, factor)


async def test_the_longest_of_everything_fits(services: Services) -> None:
    most = MAX_CHANGE_SECONDS
    await put_quiz(services, time_limit_seconds=most)
    await give(services, most, at=START)
    await stand(services, 4, most, most, at=START)
    assert await seconds_of(services, await start(services)) == 5 * most


async def test_sessions_that_the_close_cuts_are_told(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(END + 60 * SECOND), when_active=WhenActive.NEW)
    whole, cut = await start(services, at=START - 600 * SECOND), await start(services)
    elsewhere = await start(services, quiz="quiz2")
    assert await stand(services, extra_seconds=60) == []
    assert await stand(services, extra_seconds=61) == [cut]
    assert await stand(services, extra_seconds=61, closes_later_seconds=1) == []
    assert {await seconds_of(services, each) for each in (whole, cut, elsewhere)} == {61}


async def test_only_proctors_give_and_see_it(services: Services) -> None:
    async with api_of(services, jwt=True) as api:
        for scope in ("", "sessions:grade", "quizzes:write"):
            api.be("user1", scope)
            for method, path, body in (
                ("PUT", PATH, {"reason": WHY}),
                ("GET", PATH, None),
                ("DELETE", PATH, None),
                ("GET", "/accommodations", None),
            ):
                assert (await api(method, path, body)).status_code == 403


# What is recorded


async def test_the_audit_log_says_who_changed_a_session_and_why(
    services: Services, database: Database
) -> None:
    await stand(services, 1.5, 10, 20, at=START)
    session_id = await start(services)
    await stand(services, 2, 30, 40)
    await take_back(services)
    (began,) = changes(database, session_id, "started")
    given, taken = changes(database, session_id, "rescheduled")
    assert (began["accommodation_seconds"], began["closes_later_seconds"]) == (910, 20)
    assert (given["accommodation_seconds"], given["closes_later_seconds"]) == (1830, 40)
    assert (given["by"], given["reason"]) == ("teacher", WHY)
    assert (taken["accommodation_seconds"], taken["closes_later_seconds"], taken["by"]) == (0, 0, "head")
    verified = await services.audit.verify(session_id)
    assert (verified.intact, verified.differs) == (True, [])


async def test_verification_sees_a_close_that_was_tampered_with(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await stand(services, closes_later_seconds=60)
    await reopen_after_its_end(services, session_id)
    database.execute("UPDATE quiz_attempts SET closes_later_seconds = 61")
    assert (await services.audit.verify(session_id)).differs == ["closes_later_seconds"]


async def reopen_after_its_end(services: Services, session_id: UUID) -> None:
    await services.sessions.complete(session_id, at=LATER)
    await reopen(services, session_id, 60, at=LATER + SECOND)
    assert (await services.audit.verify(session_id)).differs == []


async def test_who_gave_it_what_there_was_before_and_after_is_an_action_of_staff(services: Services) -> None:
    session_id = await start(services)
    async with api_of(services, jwt=True) as api:
        api.be("teacher", f"{STAFF} audit:read")
        for body in ({"time_factor": 1.5, "reason": "first"}, {"extra_seconds": 60, "reason": "second"}):
            await api("PUT", PATH, body, at=LATER)
        await api("DELETE", PATH, at=LATER)
        filters = ("user_id=user1", f"session_id={session_id}", "user_id=user1&quiz_id=quiz1", "by=teacher")
        found = [(await api("GET", f"/staff-actions?{each}")).json()["actions"] for each in filters]
        elsewhere = (await api("GET", "/staff-actions?user_id=user2&quiz_id=quiz1")).json()["actions"]
    assert [[each["id"] for each in actions] for actions in found] == [[each["id"] for each in found[0]]] * 4
    assert elsewhere == []
    first, second, third = found[0]
    none = {"extra_seconds": 0, "closes_later_seconds": 0, "granted_by": "teacher"}
    assert (first["action"], first["before"], first["reason"]) == (
        "put-standing-accommodation",
        None,
        "first",
    )
    assert first["after"] == second["before"] == {**none, "time_factor": 1.5, "reason": "first"}
    assert second["after"] == {**none, "time_factor": 1, "extra_seconds": 60, "reason": "second"}
    assert (third["action"], third["before"], third["after"]) == (
        "delete-standing-accommodation",
        second["after"],
        None,
    )
    assert {(each["by"], each["user_id"], each["quiz_id"]) for each in found[0]} == {
        ("teacher", "user1", None)
    }


@pytest.mark.parametrize(
    ("marker", "loss"),
    [(b"INTO user_accommodations", Loss.STATEMENT), (b"COMMIT", Loss.STATEMENT), (b"COMMIT", Loss.REPLY)],
)
async def test_one_whose_connection_breaks_is_given_and_recorded_once(
    by_proxy: Services, proxy: Proxy, database: Database, marker: bytes, loss: Loss
) -> None:
    session_id = await start(by_proxy)
    proxy.lose(marker, loss)
    await stand(by_proxy, 1.5)
    assert proxy.rules == []
    assert await seconds_of(by_proxy, session_id) == 900
    assert events(database, session_id) == ["started", "rescheduled"]
    assert database.execute("SELECT action FROM staff_actions").fetchall() == [
        {"action": "put-standing-accommodation"}
    ]


@pytest.mark.parametrize("loss", Loss)
async def test_one_that_is_taken_back_over_a_connection_that_breaks_is_gone(
    by_proxy: Services, proxy: Proxy, database: Database, loss: Loss
) -> None:
    await stand(by_proxy, 1.5, at=START)
    session_id = await start(by_proxy)
    proxy.lose(b"COMMIT", loss)
    await take_back(by_proxy)
    assert proxy.rules == []
    assert await seconds_of(by_proxy, session_id) == 0
    assert database.execute("SELECT count(*) FROM staff_actions").fetchall() == [{"count": 2}]


# At the same moment


async def test_a_start_that_meets_a_grant_under_way_has_what_it_gives(
    services: Services, stores: Stores
) -> None:
    elsewhere = await start(services, quiz="quiz2")
    with row_held(stores, elsewhere) as held:
        granting = await held.behind(stand(services, 1.5, 30, 60))
        # It has begun, and so reads tables as of before the grant.
        starting = await held.behind(start(services))
        held.release()
        await granting
    session_id = await starting
    assert await seconds_of(services, session_id) == 930
    assert row_of(stores, session_id)["closes_later_seconds"] == 60


async def test_a_grant_that_meets_a_start_under_way_reaches_its_session(
    services: Services, stores: Stores
) -> None:
    await start(services)
    with holding(stores, "SELECT FROM attempt_counters FOR UPDATE") as held:
        starting = await held.behind(start(services))
        granting = await held.behind(stand(services, 1.5))
        held.release()
        session_id = await starting
        await granting
    assert await seconds_of(services, session_id) == 900


async def test_a_start_that_meets_a_revocation_under_way_has_nothing_of_it(
    services: Services, stores: Stores
) -> None:
    await stand(services, 1.5, at=START)
    elsewhere = await start(services, quiz="quiz2")
    with row_held(stores, elsewhere) as held:
        revoking = await held.behind(take_back(services))
        starting = await held.behind(start(services))
        held.release()
        await revoking
    assert await seconds_of(services, await starting) == 0


async def test_a_reopening_that_meets_a_grant_under_way_has_what_it_gives(
    services: Services, stores: Stores
) -> None:
    session_id, elsewhere = await start(services), await start(services, quiz="quiz2")
    await services.sessions.complete(session_id, at=LATER)
    with row_held(stores, elsewhere) as held:
        granting = await held.behind(stand(services, 1.5))
        opening = await held.behind(reopen(services, session_id, 600, at=LATER))
        held.release()
        await asyncio.gather(granting, opening)
    assert await seconds_of(services, session_id) == 900
    assert await deadline_of(services, session_id) == LATER + 600 * SECOND


async def test_a_grant_that_meets_a_reopening_under_way_reaches_its_session(
    services: Services, stores: Stores
) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with row_held(stores, session_id) as held:
        opening = await held.behind(reopen(services, session_id, 600, at=LATER))
        granting = await held.behind(stand(services, 1.5))
        held.release()
        await asyncio.gather(opening, granting)
    assert await seconds_of(services, session_id) == 900
    assert await deadline_of(services, session_id) == LATER + 1500 * SECOND


@pytest.mark.parametrize("grant_first", [True, False])
async def test_a_grant_and_a_change_of_the_quiz_do_not_undo_each_other(
    services: Services, stores: Stores, grant_first: bool
) -> None:
    await put_quiz(services, time_limit_seconds=600)
    session_id = await start(services)
    both = [stand(services, 1.5), put_quiz(services, at=LATER, time_limit_seconds=1000)]
    with row_held(stores, session_id) as held:
        tasks = [await held.behind(each) for each in (both if grant_first else reversed(both))]
        held.release()
        await asyncio.gather(*tasks)
    assert await deadline_of(services, session_id) == START + 1500 * SECOND


@pytest.mark.parametrize("standing_first", [True, False])
async def test_a_standing_grant_and_one_of_the_quiz_do_not_undo_each_other(
    services: Services, stores: Stores, standing_first: bool
) -> None:
    session_id = await start(services)
    both = [stand(services, 1.5), give(services, 60)]
    with row_held(stores, session_id) as held:
        tasks = [await held.behind(each) for each in (both if standing_first else reversed(both))]
        held.release()
        await asyncio.gather(*tasks)
    assert await seconds_of(services, session_id) == 960


USER_HELD = "SELECT pg_advisory_xact_lock(hashtextextended('user:user1', 0))"


async def test_a_start_that_waits_for_a_grant_holds_no_quiz(services: Services, stores: Stores) -> None:
    """Or else a change of the quiz would wait for it, and the grant for that: nobody would go on."""
    await put_quiz(services)
    with holding(stores, USER_HELD) as held:
        starting = await held.behind(start(services))
        await put_quiz(services, at=LATER, time_limit_seconds=1000)
        assert not starting.done()
        held.release()
        session_id = await starting
    assert await deadline_of(services, session_id) == START + 1000 * SECOND


async def test_a_reopening_that_waits_for_a_grant_holds_no_quiz(services: Services, stores: Stores) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with holding(stores, USER_HELD) as held:
        opening = await held.behind(reopen(services, session_id, at=LATER))
        await put_quiz(services, at=LATER, time_limit_seconds=1000)
        held.release()
        assert (await opening).status.is_open


async def test_a_grant_keeps_nobody_else_waiting(services: Services, stores: Stores) -> None:
    # Both connections are there before the server counts its second and a half.
    await asyncio.gather(*(start(services, f"first{number}") for number in range(4)))
    with holding(stores, USER_HELD) as held:
        waiting = await held.behind(start(services))
        await start(services, "user2")
        held.release()
        # Where that took its time, the first is told to try again.
        with suppress(BusyError):
            await waiting


async def test_of_many_starts_and_grants_at_once_none_misses_the_other(services: Services) -> None:
    """In batches, in every order, at quizzes that change meanwhile: nothing is missed, nothing locks up."""
    users = [f"user{number}" for number in TWENTY]
    quizzes = ["quiz1", "quiz2"]
    for quiz in quizzes:
        await services.administration.put_quiz(quiz, QuizRules(time_limit_seconds=600), at=START)
    work: list[Any] = []
    for user in users:
        work += [start(services, user, quiz) for quiz in quizzes]
        work.append(stand(services, 1.5, user=user))
    work += [put_quiz(services, at=LATER, time_limit_seconds=600) for _ in range(3)]
    work += [give(services, 60, user=user) for user in users[:5]]
    await asyncio.gather(*work)
    for user in users:
        for quiz in quizzes:
            page = await services.audit.find(user_id=user, quiz_id=quiz, at=LATER)
            own = 60 if user in users[:5] and quiz == "quiz1" else 0
            assert await seconds_of(services, page.sessions[0].id) == 300 + own, (user, quiz)


def row_of(stores: Stores, session_id: UUID) -> dict[str, Any]:
    (found,) = stores.query("SELECT * FROM quiz_attempts WHERE id = %s", session_id)
    return found
