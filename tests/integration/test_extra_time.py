"""Extra time that one user has for one quiz, whenever it is started."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import AccommodationNotFoundError
from quiz_sessions.domain.quizzes import WhenActive
from quiz_sessions.domain.timestamps import from_micros, iso
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import row_held
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents
from tests.integration.staff import WHY, deadline_of, give

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
        "cut": [],
    }
    assert {**(await api("GET", path)).json(), "cut": []} == given.json()
    assert (await api("DELETE", path)).status_code == 204
    assert (await api("GET", path)).status_code == 404


async def test_extra_time_that_the_close_cuts_says_for_which_session(services: Services, api: Api) -> None:
    await put_quiz(services, closes_at=from_micros(END + 60 * SECOND), when_active=WhenActive.NEW)
    whole = await start(services, at=START - 600 * SECOND)
    cut = await start(services)
    over = await start(services)
    await services.sessions.complete(over, at=LATER)
    await start(services, "user2")
    path = "/quizzes/quiz1/accommodations/user1"
    for seconds, expected in ((60, []), (61, [str(cut)]), (61, [str(cut)]), (0, [])):
        given = await api("PUT", path, {"extra_seconds": seconds, "reason": WHY}, at=LATER)
        assert (given.status_code, given.json()["cut"]) == (200, expected)
    assert await deadline_of(services, whole) == END - 600 * SECOND


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
