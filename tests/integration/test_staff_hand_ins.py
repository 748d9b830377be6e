"""Staff hand in for students: one, some, or a whole room."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    IdempotencyKeyReusedError,
    SessionClosedError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.outcomes import CohortHandIn, Counted
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros
from tests.harness.builders import END, LATER, SECOND
from tests.harness.gateway import Api, api_of
from tests.harness.service import autosave, flush_at, put_quiz, start
from tests.harness.tables import Database, changes, events, row
from tests.integration.staff import WHY, reopen


async def hand_in(
    services: Services, session_id: UUID, at: Micros = LATER, key: str | None = None
) -> Session:
    return await services.room.hand_in(session_id, WHY, idempotency_key=key, by="teacher", at=at)


async def hand_in_all(
    services: Services, at: Micros = LATER, key: str | None = None, only: list[UUID] | None = None
) -> CohortHandIn:
    return await services.room.hand_in_quiz(
        "quiz1", WHY, session_ids=only, idempotency_key=key, by="teacher", at=at
    )


async def test_staff_hand_in_with_what_was_buffered(services: Services, database: Database) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    ended = await hand_in(services, session_id, at=LATER + SECOND)
    assert (ended.status, ended.answers, ended.durability) == (Status.COMPLETED, {"0": "A"}, "committed")
    (change,) = changes(database, session_id, "completed")
    assert (change["by"], change["reason"], change["answers"]) == ("teacher", WHY, {"0": "A"})
    page = await services.administration.actions(session_id=session_id)
    assert [(each.action, each.by, each.reason) for each in page.actions] == [("complete", "teacher", WHY)]


async def test_what_was_buffered_while_others_were_handed_in_counts(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER + SECOND)
    assert (await hand_in_all(services, at=LATER)).completed == 1
    ended = await services.sessions.get_session(session_id, at=LATER + 2 * SECOND)
    assert (ended.status, ended.answers) == (Status.COMPLETED, {"0": "A"})


async def test_a_student_who_still_writes_is_told_the_end(services: Services) -> None:
    session_id = await start(services)
    await hand_in(services, session_id)
    with pytest.raises(SessionClosedError) as caught:
        await services.sessions.update_answer(session_id, 0, "A", at=LATER + SECOND)
    assert caught.value.session.status is Status.COMPLETED


async def test_a_hand_in_beside_the_students_own_ends_the_session_once(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await asyncio.gather(
        hand_in(services, session_id),
        services.sessions.complete(session_id, {"0": "A"}, at=LATER),
        return_exceptions=True,
    )
    types = events(database, session_id)
    assert types.count("completed") == 1


async def test_a_session_that_is_completed_stays_as_it_is(services: Services, database: Database) -> None:
    session_id = await start(services)
    ended = await services.sessions.complete(session_id, {"0": "A"}, at=LATER)
    again = await hand_in(services, session_id, at=LATER + SECOND)
    assert (again.version, again.answers) == (ended.version, {"0": "A"})
    assert len(events(database, session_id)) == 2


async def test_an_abandoned_session_is_not_handed_in(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.abandon(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await hand_in(services, session_id)


async def test_a_session_whose_time_is_over_has_ended_by_itself(services: Services) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    with pytest.raises(SessionStateError):
        await hand_in(services, session_id, at=END + SECOND)
    session = await services.sessions.get_session(session_id, at=END + SECOND)
    assert (session.status, session.answers) == (Status.EXPIRED, {"0": "A"})


async def test_no_session_is_handed_in_that_is_not_there(services: Services) -> None:
    with pytest.raises(SessionNotFoundError):
        await hand_in(services, uuid4())


async def test_a_key_is_good_for_one_hand_in(services: Services) -> None:
    session_id = await start(services)
    await hand_in(services, session_id, key="end")
    assert (await hand_in(services, session_id, key="end")).status is Status.COMPLETED
    with pytest.raises(IdempotencyKeyReusedError):
        await services.room.hand_in(session_id, "another", idempotency_key="end", by="teacher", at=LATER)


async def test_a_paused_session_is_handed_in(services: Services) -> None:
    session_id = await start(services)
    await services.room.pause(session_id, WHY, at=LATER)
    ended = await hand_in(services, session_id, at=END + SECOND)
    assert (ended.status, ended.paused, ended.time_remaining) == (Status.COMPLETED, False, 1790)


async def test_a_whole_room_is_handed_in(services: Services) -> None:
    await put_quiz(services)
    session_ids = [await start(services, f"user{i}") for i in range(12)]
    for session_id in session_ids:
        await autosave(services, session_id, "A")
    await services.sessions.abandon(session_ids[0], at=LATER)
    result = await hand_in_all(services)
    assert result == CohortHandIn(11, {"abandoned": Counted(1, session_ids[:1])}, 0)
    for session_id in session_ids[1:]:
        session = await services.sessions.get_session(session_id, at=LATER)
        assert (session.status, session.answers) == (Status.COMPLETED, {"0": "A"})
    again = await hand_in_all(services)
    assert (again.completed, again.unchanged["completed"].number) == (0, 11)


async def test_some_sessions_of_a_room_are_handed_in(services: Services) -> None:
    first, second = await start(services), await start(services, "user2")
    elsewhere = await start(services, quiz="quiz2")
    result = await hand_in_all(services, only=[first, elsewhere])
    assert result == CohortHandIn(1, {"not found": Counted(1, [elsewhere])}, 0)
    assert (await services.sessions.get_session(second, at=LATER)).status is Status.STARTED


async def test_the_key_of_a_session_is_none_of_its_quiz(services: Services) -> None:
    session_id = await start(services)
    await hand_in(services, session_id, key="end")
    await reopen(services, session_id)
    assert (await hand_in_all(services, key="end")).completed == 1


async def test_a_key_is_good_for_one_hand_in_of_a_room(services: Services) -> None:
    first, second = await start(services), await start(services, "user2")
    await hand_in_all(services, key="end", only=[first])
    for asked in (hand_in_all(services, key="end"), hand_in_all(services, key="end", only=[second])):
        with pytest.raises(IdempotencyKeyReusedError):
            await asked
    assert (await services.sessions.get_session(second, at=LATER)).status is Status.STARTED


async def test_what_was_opened_again_stays_open_when_the_hand_in_is_sent_again(services: Services) -> None:
    session_id = await start(services)
    await hand_in_all(services, key="end")
    await reopen(services, session_id)
    again = await hand_in_all(services, key="end")
    assert again == CohortHandIn(0, {"handed in already": Counted(1, [session_id])}, 0)


@pytest.mark.parametrize(("later", "counts"), [(2 * SECOND, True), (2 * SECOND + 1, False)])
async def test_what_was_told_to_be_kept_in_the_moment_of_a_hand_in_counts(
    services: Services, later: Micros, counts: bool
) -> None:
    session_id = await start(services)
    await hand_in(services, session_id)
    # As if it had come before the cache knew of the end.
    await services.stores.valkey.put_drafts(session_id, Drafts({"0": Draft("A", LATER + later)}))
    await flush_at(services, LATER + 5 * SECOND)
    ended = await services.sessions.get_session(session_id, at=LATER + 5 * SECOND)
    assert (ended.answers, ended.completed_at) == ({"0": "A"} if counts else {}, from_micros(LATER))
    assert (await services.audit.verify(session_id)).intact


async def test_staff_do_not_hand_in_beyond_the_last_moment(services: Services, database: Database) -> None:
    session_id = await start(services)
    await hand_in(services, session_id, at=END)
    assert row(database, session_id)["ended_at"] == from_micros(END)
    assert (await services.audit.verify(session_id)).intact


async def test_an_overdue_session_of_a_room_expires(services: Services) -> None:
    session_id = await start(services)
    assert await hand_in_all(services, at=END + SECOND) == CohortHandIn(
        0, {"expired": Counted(1, [session_id])}, 0
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"on_behalf": True, "reason": "the hall is closed"}, 200),
        ({"on_behalf": True}, 422),
        ({"reason": "the hall is closed"}, 422),
        ({"on_behalf": True, "reason": "the hall is closed", "answers": {"0": "A"}}, 422),
    ],
)
async def test_staff_hand_in_over_http(api: Api, body: dict[str, object], status: int) -> None:
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    reply = await api("POST", f"/sessions/{session['id']}/complete", body)
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize("path", ["/sessions/{}/complete", "/quizzes/quiz1/complete"])
async def test_students_do_not_hand_in_for_others(services: Services, path: str) -> None:
    session_id = await start(services)
    body = {"reason": WHY} if "quizzes" in path else {"on_behalf": True, "reason": WHY}
    async with api_of(services, jwt=True) as api:
        for subject in ("user1", "user2"):
            api.be(subject)
            assert (await api("POST", path.format(session_id), body)).status_code == 403
