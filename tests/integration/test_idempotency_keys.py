"""An Idempotency-Key belongs to one request: with another one it is refused, and that changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import IdempotencyKeyReusedError
from quiz_sessions.domain.quizzes import WhenActive
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import END, LATER, SECOND
from tests.harness.gateway import Api
from tests.harness.locks import row_held
from tests.harness.service import put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, contents, events, row
from tests.integration.staff import TWENTY, WHY, deadline_of, extend, extend_all, reopen

Act = Callable[..., Coroutine[Any, Any, object]]


async def extend_one(
    services: Services, session_id: UUID, seconds: int = 600, reason: str = WHY, by: str = "teacher"
) -> object:
    return await services.administration.extend(
        session_id, seconds, reason, idempotency_key="k", by=by, at=LATER
    )


async def extend_its_quiz(
    services: Services, session_id: UUID, seconds: int = 600, reason: str = WHY, by: str = "teacher"
) -> object:
    return await services.administration.extend_quiz(
        "quiz1", seconds, reason, idempotency_key="k", by=by, at=LATER
    )


async def reopen_it(
    services: Services, session_id: UUID, seconds: int = 600, reason: str = WHY, by: str = "teacher"
) -> object:
    return await services.administration.reopen(
        session_id, seconds, reason, idempotency_key="k", by=by, at=END + SECOND
    )


each_action = pytest.mark.parametrize("act", [extend_one, extend_its_quiz, reopen_it])


async def ready_for(act: Act, services: Services) -> UUID:
    """A session that can be acted on."""
    session_id = await start(services)
    if act is reopen_it:
        await services.sessions.get_session(session_id, at=END + 1)
    return session_id


@each_action
@pytest.mark.parametrize("other", [{"seconds": 1200}, {"seconds": 60}, {"reason": "another one"}], ids=str)
async def test_a_key_with_another_request_is_refused(
    services: Services, database: Database, act: Act, other: dict[str, Any]
) -> None:
    session_id = await ready_for(act, services)
    await act(services, session_id)
    before = contents(database)
    with pytest.raises(IdempotencyKeyReusedError):
        await act(services, session_id, **other)
    assert contents(database) == before
    await act(services, session_id)
    assert contents(database) == before


@each_action
async def test_who_sends_a_request_again_does_not_matter(
    services: Services, database: Database, act: Act
) -> None:
    session_id = await ready_for(act, services)
    await act(services, session_id)
    before = contents(database)
    await act(services, session_id, by="head")
    assert contents(database) == before


@each_action
async def test_of_simultaneous_requests_with_one_key_one_kind_is_done(
    services: Services, database: Database, act: Act
) -> None:
    session_id = await ready_for(act, services)
    known = len(events(database, session_id))
    found = await asyncio.gather(
        *(act(services, session_id, 600 if number % 2 else 1200) for number in TWENTY), return_exceptions=True
    )
    refused = [isinstance(each, IdempotencyKeyReusedError) for each in found]
    assert refused in ([bool(number % 2) for number in TWENTY], [not number % 2 for number in TWENTY])
    assert len(events(database, session_id)) == known + 1


@pytest.mark.parametrize("act", [extend_one, extend_its_quiz])
async def test_a_key_with_another_request_that_waited_for_the_first_is_refused(
    services: Services, stores: Stores, database: Database, act: Act
) -> None:
    session_id = await start(services)
    with row_held(stores, session_id) as held:
        first = await held.behind(act(services, session_id, 600))
        second = await held.behind(act(services, session_id, 1200))
        held.release()
        await first
        with pytest.raises(IdempotencyKeyReusedError):
            await second
    assert row(database, session_id)["expires_at"] == from_micros(END + 600 * SECOND)


# A whole quiz


async def test_a_key_goes_on_with_the_rest_of_a_quiz_by_the_same_request_alone(services: Services) -> None:
    first = await start(services)
    await extend_all(services, 600, key="k")
    second = await start(services, "user2")
    with pytest.raises(IdempotencyKeyReusedError):
        await extend_all(services, 1200, key="k")
    assert await deadline_of(services, second) == END
    again = await extend_all(services, 600, key="k")
    assert (again.changed, again.unchanged) == ([second], {"extended already": (1, [first])})
    assert await deadline_of(services, first) == await deadline_of(services, second) == END + 600 * SECOND


async def test_a_key_is_remembered_also_once_all_that_it_extended_have_ended(
    services: Services, database: Database
) -> None:
    first = await start(services)
    await extend_all(services, 600, key="k")
    await services.sessions.complete(first, at=LATER)
    await start(services, "user2")
    before = contents(database)
    with pytest.raises(IdempotencyKeyReusedError):
        await extend_all(services, 1200, key="k")
    assert contents(database) == before


async def test_a_key_of_one_quiz_is_free_for_another(services: Services) -> None:
    await start(services)
    await services.sessions.create_session("user1", "quiz2", at=LATER)
    await extend_all(services, 600, key="k")
    other = await services.administration.extend_quiz("quiz2", 1200, WHY, idempotency_key="k", at=LATER)
    assert len(other.changed) == 1


# Over HTTP


async def test_a_key_with_another_request_over_http(api: Api) -> None:
    started = {"user_id": "user1", "quiz_id": "quiz1"}
    session = (await api("POST", "/sessions/start", started, key="k")).json()
    path = f"/sessions/{session['id']}"
    more, body = {"seconds": 1200, "reason": WHY}, {"seconds": 600, "reason": WHY}
    for to, sent, other in (
        ("/sessions/start", started, {**started, "quiz_id": "quiz2"}),
        (f"{path}/extend", body, more),
        ("/quizzes/quiz1/extend", body, more),
    ):
        assert (await api("POST", to, sent, key="k")).status_code == 200
        refused = await api("POST", to, other, key="k")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert (await api("POST", to, sent, key="k")).status_code == 200
    await api("POST", f"{path}/complete")
    assert (await api("POST", f"{path}/reopen", body, key="k")).status_code == 200
    refused = await api("POST", f"{path}/reopen", more, key="k")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_extension_that_reaches_nobody_leaves_its_key_free(services: Services) -> None:
    assert (await extend_all(services, 600, key="k")).changed == []
    session_id = await start(services)
    assert (await extend_all(services, 1200, key="k")).changed == [session_id]


async def test_a_start_that_resumes_leaves_its_key_free(services: Services) -> None:
    await put_quiz(services, when_active=WhenActive.RESUME)
    session_id = await start(services)
    resumed = await services.sessions.create_session("user1", "quiz1", idempotency_key="k", at=LATER)
    other = await services.sessions.create_session("user1", "quiz2", idempotency_key="k", at=LATER)
    assert (resumed.id, resumed.resumed, other.replayed) == (session_id, True, False)


async def test_a_refused_request_leaves_its_key_free(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    with pytest.raises(Exception, match="over"):
        await extend(services, session_id, 600, at=END + 1, key="k")
    await reopen(services, session_id, 600, key="k")
    assert (await extend(services, session_id, 60, at=END + SECOND, key="k")).time_remaining == 660
