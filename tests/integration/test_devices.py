"""One device at a time: which one may write, how another takes over, what becomes of what the first sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    AttemptsOpenError,
    DatabaseUnavailableError,
    IdempotencyKeyReusedError,
    InvalidInputError,
    OtherDeviceError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionStateError,
)
from quiz_sessions.domain.presence import Heard
from quiz_sessions.domain.quizzes import OneDevice, QuizRules
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.tags import writer_of
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.stores.valkey import CachedSession, ValkeyStore
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Gateway
from tests.harness.proxy import Proxy
from tests.harness.service import app_of, client_of, flush_at, put_quiz, rebuilt, with_tokens
from tests.harness.tables import Database, changes, events, row
from tests.integration.contract import check_problem
from tests.integration.staff import WHY, make_stale
from tests.integration.test_staff_hand_ins import hand_in

A, B = "laptop", "tablet"
TAKEN = LATER + 10 * SECOND
"""When B takes over."""


@pytest.fixture(params=[OneDevice.TAKEOVER, OneDevice.PROCTOR])
async def mode(request: pytest.FixtureRequest, services: Services) -> OneDevice:
    """A quiz that allows one device, whoever lets another have it."""
    await put_quiz(services, one_device=request.param)
    found: OneDevice = request.param
    return found


@pytest.fixture
async def session_id(services: Services) -> UUID:
    """An attempt that A has started, which B may take over."""
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    return await come(services, A)


async def come(services: Services, client: str | None, at: Micros = START, **options: Any) -> UUID:
    return (await services.sessions.create_session("user1", "quiz1", client_id=client, at=at, **options)).id


async def answer(
    services: Services, session_id: UUID, client: str | None, text: str, at: Micros = LATER, **options: Any
) -> Session:
    return await services.sessions.update_answer(session_id, 0, text, client_id=client, at=at, **options)


async def take_over(
    services: Services, session_id: UUID, client: str | None = B, at: Micros = TAKEN
) -> Session:
    return await services.devices.take_over(session_id, client_id=client, at=at)


async def unlock(
    services: Services, session_id: UUID, at: Micros = TAKEN, key: str | None = None, why: str = WHY
) -> Session:
    return await services.devices.unlock(session_id, why, idempotency_key=key, by="teacher", at=at)


def lost(database: Database, session_id: UUID) -> list[tuple[str, str]]:
    """What was displaced, and whose it was."""
    found = database.execute(
        "SELECT changes FROM attempt_events WHERE attempt_id = %s ORDER BY revision", [session_id]
    )
    return [
        (item["answer"], item["writer"]) for event in found for item in event["changes"].get("displaced", [])
    ]


async def test_the_device_that_starts_may_write(services: Services, mode: OneDevice) -> None:
    session_id = await come(services, A)
    await answer(services, session_id, A, "a")
    await answer(services, session_id, A, "b", autosave=True, at=LATER + 1)
    ended = await services.sessions.complete(session_id, client_id=A, at=LATER + 2)
    assert (ended.status, ended.answers) == (Status.COMPLETED, {"0": "b"})
    assert (await services.audit.verify(session_id)).differs == []


@pytest.mark.parametrize("autosave", [False, True])
async def test_another_device_may_not(
    services: Services, database: Database, mode: OneDevice, autosave: bool
) -> None:
    session_id = await come(services, A)
    with pytest.raises(OtherDeviceError) as caught:
        await answer(services, session_id, B, "b", autosave=autosave)
    assert caught.value.session.answers == {}
    with pytest.raises(OtherDeviceError):
        await services.sessions.complete(session_id, client_id=B, at=LATER)
    with pytest.raises(OtherDeviceError):
        await services.sessions.abandon(session_id, client_id=B, at=LATER)
    with pytest.raises(OtherDeviceError):
        await come(services, B, at=LATER)
    assert row(database, session_id)["device"] == writer_of(A)
    assert (await services.sessions.get_session(session_id, at=LATER)).status is Status.STARTED


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_device_is_named(services: Services, mode: OneDevice, autosave: bool) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await come(services, None)
    assert caught.value.member == "X-Client-Id"
    session_id = await come(services, A)
    for wanting in (
        come(services, None, at=LATER),
        answer(services, session_id, None, "x", autosave=autosave),
        services.sessions.complete(session_id, at=LATER),
        services.sessions.abandon(session_id, at=LATER),
    ):
        with pytest.raises(InvalidInputError) as caught:
            await wanting
        assert caught.value.member == "X-Client-Id"


async def test_elsewhere_any_device_may_write(services: Services, database: Database) -> None:
    await put_quiz(services)
    session_id = await come(services, A)
    await answer(services, session_id, B, "b")
    await answer(services, session_id, None, "c", at=LATER + 1, autosave=True)
    assert row(database, session_id)["device"] is None


# Which device


async def test_the_first_device_that_writes_has_it_where_staff_started(
    services: Services, database: Database, mode: OneDevice
) -> None:
    session_id = await come(services, None, by="teacher")
    await answer(services, session_id, B, "b", autosave=True)
    found = row(database, session_id)
    assert (found["device"], found["device_since"], found["answers"]) == (writer_of(B), LATER, {"0": "b"})
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=LATER + 1)
    assert (await services.audit.verify(session_id)).differs == []


async def test_the_first_device_has_it_once_the_quiz_allows_one(
    services: Services, database: Database
) -> None:
    await put_quiz(services)
    session_id = await come(services, A)
    await answer(services, session_id, A, "a")
    await put_quiz(services, one_device=OneDevice.PROCTOR)
    await answer(services, session_id, B, "b", at=LATER + 1)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=LATER + 2, autosave=True)


async def test_taking_the_rule_away_lets_every_device_write(services: Services, session_id: UUID) -> None:
    with pytest.raises(AttemptsOpenError) as caught:
        await services.administration.put_quiz("quiz1", QuizRules(), at=LATER)
    assert caught.value.rules == ["one_device"]
    await put_quiz(services)
    await answer(services, session_id, B, "b")


@pytest.mark.parametrize(
    ("before", "after", "weakens"),
    [("proctor", "takeover", True), ("takeover", "proctor", False), ("takeover", "off", True)],
)
async def test_the_rule_is_weakened_only_on_purpose(
    services: Services, before: str, after: str, weakens: bool
) -> None:
    await put_quiz(services, one_device=OneDevice(before))
    await come(services, A)
    rules = QuizRules(one_device=OneDevice(after))
    if weakens:
        with pytest.raises(AttemptsOpenError):
            await services.administration.put_quiz("quiz1", rules, at=LATER)
    else:
        await services.administration.put_quiz("quiz1", rules, at=LATER)


async def test_a_start_sent_again_finds_its_attempt(services: Services, database: Database) -> None:
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    session_id = await come(services, A, idempotency_key="key1")
    assert await come(services, A, idempotency_key="key1", at=LATER) == session_id
    with pytest.raises(OtherDeviceError):
        await come(services, B, idempotency_key="key1", at=LATER)
    assert events(database, session_id) == ["started", "incident"]


# A takeover


async def test_a_student_takes_over_on_another_device(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a")
    assert (await take_over(services, session_id)).answers == {"0": "a"}
    assert await come(services, B, at=TAKEN + 1) == session_id
    assert (await answer(services, session_id, B, "b", at=TAKEN + 2)).answers == {"0": "b"}
    found = row(database, session_id)
    assert (found["device"], found["device_since"], found["incidents"]) == (writer_of(B), TAKEN, 1)
    assert events(database, session_id) == ["started", "answered", "device_changed", "answered"]
    assert (await services.audit.verify(session_id)).differs == []


async def test_the_other_device_is_told_and_what_it_sends_is_recorded(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await answer(services, session_id, B, "b", at=TAKEN + 1)
    for number, autosave in enumerate((False, True)):
        with pytest.raises(OtherDeviceError):
            await answer(services, session_id, A, f"a{number}", at=TAKEN + 2 + number, autosave=autosave)
    with pytest.raises(OtherDeviceError):
        await services.sessions.complete(session_id, {"0": "a2"}, client_id=A, at=TAKEN + 4)
    assert lost(database, session_id) == [(f"a{number}", writer_of(A)) for number in range(3)]
    assert (await services.sessions.get_session(session_id, at=TAKEN + 5)).answers == {"0": "b"}
    assert (await services.audit.verify(session_id)).differs == []


async def test_what_the_former_device_sends_while_postgresql_is_away_is_to_be_sent_again(
    services: Services, by_proxy: Services, proxy: Proxy, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await proxy.close()
    for autosave in (False, True):
        with pytest.raises(DatabaseUnavailableError):
            await answer(by_proxy, session_id, A, "a", at=TAKEN + 2, autosave=autosave)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=TAKEN + 2, autosave=True)
    assert lost(database, session_id) == [("a", writer_of(A))]


async def test_what_is_the_same_as_the_answer_is_not_recorded(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a")
    await take_over(services, session_id)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=TAKEN + 1)
    assert lost(database, session_id) == []


async def test_what_another_device_sends_is_recorded_up_to_a_megabyte(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    for number in range(18):
        with pytest.raises(OtherDeviceError):
            await answer(services, session_id, A, f"{number:02}" + "x" * 60_000, at=TAKEN + 1 + number)
    assert 15 <= len(lost(database, session_id)) <= 17


async def test_a_commit_received_before_the_takeover_counts(services: Services, session_id: UUID) -> None:
    await take_over(services, session_id)
    assert (await answer(services, session_id, A, "a", at=TAKEN)).answers == {"0": "a"}
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "b", at=TAKEN + 1)


async def test_what_was_buffered_before_the_takeover_counts(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a", autosave=True)
    assert (await take_over(services, session_id)).answers == {"0": "a"}
    await flush_at(services, TAKEN + SECOND)
    assert row(database, session_id)["answers"] == {"0": "a"}
    assert lost(database, session_id) == []


async def test_what_was_buffered_before_the_takeover_counts_though_it_was_sent_later(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a", autosave=True)
    await answer(services, session_id, A, "b", autosave=True, at=TAKEN + 1)
    assert (await take_over(services, session_id)).answers == {"0": "b"}
    await flush_at(services, TAKEN + SECOND)
    assert row(database, session_id)["answers"] == {"0": "b"}
    assert row(database, session_id)["device_since"] == TAKEN + 1
    assert lost(database, session_id) == []


async def test_what_the_former_device_saves_during_a_takeover_is_committed(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a", autosave=True)
    await services.stores.valkey.hold_off(session_id, writer_of(B))
    saved = await answer(services, session_id, A, "b", autosave=True, at=TAKEN + 1)
    assert saved.durability == "committed"
    assert (await take_over(services, session_id)).answers == {"0": "b"}
    assert row(database, session_id)["answers"] == {"0": "b"}


async def test_a_takeover_that_is_refused_keeps_no_device_from_saving(services: Services) -> None:
    await put_quiz(services, one_device=OneDevice.PROCTOR)
    session_id = await come(services, A)
    with pytest.raises(OtherDeviceError):
        await take_over(services, session_id)
    with pytest.raises(SessionNotFoundError):
        await services.devices.take_over(session_id, client_id=B, owner="user2", at=TAKEN)
    saved = await answer(services, session_id, A, "a", autosave=True)
    assert saved.durability == "buffered"


async def test_what_was_buffered_counts_for_the_device_that_comes_after_an_unlock(
    services: Services, database: Database, session_id: UUID
) -> None:
    await answer(services, session_id, A, "a", autosave=True)
    await unlock(services, session_id)
    await slip_in(services, session_id, "b", TAKEN + 2)
    await come(services, B, at=TAKEN + 1)
    await flush_at(services, TAKEN + SECOND)
    assert row(database, session_id)["answers"] == {"0": "b"}
    assert lost(database, session_id) == []


async def slip_in(services: Services, session_id: UUID, text: str, at: Micros) -> None:
    """An autosave by A that a process judged before it knew of the takeover."""
    await services.stores.valkey.put_drafts(session_id, Drafts({"0": Draft(text, at, writer_of(A))}))


async def test_a_draft_that_came_after_the_takeover_is_displaced(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await slip_in(services, session_id, "a", TAKEN + 1)
    assert (await services.sessions.get_session(session_id, at=TAKEN + 2)).answers == {}
    await flush_at(services, TAKEN + SECOND)
    assert lost(database, session_id) == [("a", writer_of(A))]
    assert row(database, session_id)["answers"] == {}
    assert not (await services.stores.valkey.read(session_id)).drafts
    await flush_at(services, TAKEN + 2 * SECOND)
    assert events(database, session_id) == ["started", "device_changed", "displaced"]


async def test_an_autosave_over_such_a_draft_is_committed(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await slip_in(services, session_id, "a", TAKEN + 9 * SECOND)
    saved = await answer(services, session_id, B, "b", at=TAKEN + SECOND, autosave=True)
    assert (saved.answers, saved.durability) == ({"0": "b"}, "committed")
    await flush_at(services, TAKEN + 10 * SECOND)
    assert row(database, session_id)["answers"] == {"0": "b"}
    assert lost(database, session_id) == [("a", writer_of(A))]


async def test_a_hand_in_merges_no_such_draft(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await slip_in(services, session_id, "a", TAKEN + 1)
    ended = await services.sessions.complete(session_id, client_id=B, at=TAKEN + SECOND)
    assert (ended.status, ended.answers) == (Status.COMPLETED, {})
    await flush_at(services, TAKEN + 2 * SECOND)
    assert (row(database, session_id)["answers"], lost(database, session_id)) == ({}, [("a", writer_of(A))])


async def test_an_expiry_merges_no_such_draft(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await slip_in(services, session_id, "a", TAKEN + 1)
    await flush_at(services, END + SECOND)
    assert (row(database, session_id)["status"], row(database, session_id)["answers"]) == ("expired", {})
    assert lost(database, session_id) == [("a", writer_of(A))]


async def test_a_write_of_a_former_device_that_is_delivered_after_the_end_is_not_told_as_kept(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await flush_at(services, END + SECOND)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=TAKEN + 1)
    assert (row(database, session_id)["answers"], lost(database, session_id)) == ({}, [("a", writer_of(A))])


async def test_such_a_draft_is_no_conflict(services: Services, session_id: UUID) -> None:
    await take_over(services, session_id)
    await slip_in(services, session_id, "a", TAKEN + 1)
    saved = await answer(services, session_id, B, "b", at=TAKEN + 2, based_on={"0": None})
    assert saved.answers == {"0": "b"}


async def test_an_autosave_judged_by_an_old_cache_is_judged_anew(
    services: Services, valkey: redis.Redis, session_id: UUID
) -> None:
    stale = make_stale(valkey, session_id)
    await take_over(services, session_id)
    valkey.set(f"session:{session_id}", stale)
    assert (await answer(services, session_id, B, "b", at=TAKEN + 1, autosave=True)).answers == {"0": "b"}
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=TAKEN + 2, autosave=True)


class Slow(ValkeyStore):
    """A process that has read a session, and goes on later."""

    seen: CachedSession | None = None

    async def read(
        self, session_id: UUID, write_key: str | None = None, heard: Heard | None = None
    ) -> CachedSession:
        seen, self.seen = self.seen, None
        return seen or await super().read(session_id, write_key, heard)


async def test_drafts_are_put_only_beside_the_row_that_they_were_judged_by(
    services: Services, session_id: UUID
) -> None:
    slow = Slow(services.settings.redis_url, services.settings.session_cache_ttl_seconds)
    slow.seen = await services.stores.valkey.read(session_id)
    await take_over(services, session_id)
    process = rebuilt(services, stores=replace(services.stores, valkey=slow))
    with pytest.raises(OtherDeviceError):
        await answer(process, session_id, A, "a", at=TAKEN + 1, autosave=True)
    assert not (await slow.read(session_id)).drafts.answers
    await slow.close()


async def test_a_takeover_sent_again_changes_nothing(
    services: Services, database: Database, session_id: UUID
) -> None:
    await take_over(services, session_id)
    await take_over(services, session_id, at=TAKEN + SECOND)
    assert row(database, session_id)["device_since"] == TAKEN
    await take_over(services, session_id, A, at=TAKEN + 2 * SECOND)
    assert (row(database, session_id)["device"], row(database, session_id)["incidents"]) == (writer_of(A), 2)


async def test_a_takeover_during_a_pause_is_possible(services: Services, session_id: UUID) -> None:
    await services.room.pause(session_id, WHY, by="teacher", at=LATER)
    assert (await take_over(services, session_id)).paused


async def test_an_ended_session_is_not_taken_over(services: Services, session_id: UUID) -> None:
    with pytest.raises(SessionExpiredError):
        await take_over(services, session_id, at=END + SECOND)
    await services.sessions.complete(session_id, client_id=A, at=LATER)
    with pytest.raises(SessionClosedError):
        await take_over(services, session_id)


async def test_without_postgresql_nobody_takes_over_and_the_device_goes_on(
    by_proxy: Services, proxy: Proxy
) -> None:
    await put_quiz(by_proxy, one_device=OneDevice.TAKEOVER)
    session_id = await come(by_proxy, A)
    await proxy.close()
    with pytest.raises(DatabaseUnavailableError):
        await take_over(by_proxy, session_id)
    assert (await answer(by_proxy, session_id, A, "a")).durability == "buffered"
    # What it sends can't be recorded.
    with pytest.raises(DatabaseUnavailableError):
        await answer(by_proxy, session_id, B, "b", at=LATER + 1)


async def test_staff_hand_in_whatever_the_device(services: Services, session_id: UUID) -> None:
    assert (await hand_in(services, session_id)).status is Status.COMPLETED


# Unlocked by a proctor


async def test_a_student_does_not_take_over_where_a_proctor_has_to_unlock(services: Services) -> None:
    await put_quiz(services, one_device=OneDevice.PROCTOR)
    session_id = await come(services, A)
    with pytest.raises(OtherDeviceError):
        await take_over(services, session_id)
    await answer(services, session_id, A, "a", at=TAKEN + 1)


async def test_the_next_device_has_what_a_proctor_unlocks(
    services: Services, database: Database, mode: OneDevice
) -> None:
    session_id = await come(services, A)
    await answer(services, session_id, A, "a", autosave=True)
    assert (await unlock(services, session_id)).answers == {"0": "a"}
    assert await come(services, B, at=TAKEN + 1) == session_id
    await answer(services, session_id, B, "b", at=TAKEN + 2)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "c", at=TAKEN + 3)
    unlocked, bound = changes(database, session_id, "device_changed")
    assert (unlocked["device"], unlocked["by"], unlocked["reason"]) == (None, "teacher", WHY)
    assert (bound["device"], bound["device_since"]) == (writer_of(B), TAKEN + 1)
    # That a proctor lets it in makes it no less a second one.
    assert row(database, session_id)["incidents"] == 1
    assert (await services.audit.verify(session_id)).differs == []


async def test_unlocking_is_recorded_and_repeated_only_as_it_was(
    services: Services, session_id: UUID
) -> None:
    await unlock(services, session_id, key="key1")
    await come(services, B, at=TAKEN + 1)
    await unlock(services, session_id, at=TAKEN + 2, key="key1")
    await answer(services, session_id, B, "b", at=TAKEN + 3)
    with pytest.raises(OtherDeviceError):
        await answer(services, session_id, A, "a", at=TAKEN + 4)
    with pytest.raises(IdempotencyKeyReusedError):
        await unlock(services, session_id, key="key1", why="another")
    page = await services.administration.actions(by="teacher")
    assert [(each.action, each.session_id, each.reason) for each in page.actions] == [
        ("unlock-device", session_id, WHY)
    ]


async def test_an_ended_session_is_not_unlocked(services: Services, session_id: UUID) -> None:
    with pytest.raises(SessionStateError):
        await unlock(services, session_id, at=END + SECOND)
    await services.sessions.complete(session_id, client_id=A, at=LATER)
    with pytest.raises(SessionClosedError):
        await unlock(services, session_id)
    with pytest.raises(SessionNotFoundError):
        await unlock(services, UUID(int=1))


# Over HTTP


async def test_devices_over_http(client: httpx.AsyncClient) -> None:
    a, b = {"X-Client-Id": A}, {"X-Client-Id": B}
    await client.put("/quizzes/quiz1", json={"one_device": "takeover"})
    to_start = {"user_id": "user1", "quiz_id": "quiz1"}
    problem = check_problem(await client.post("/sessions/start", json=to_start), 422, "invalid_input")
    assert [error["location"] for error in problem["errors"]] == ["header.x-client-id"]
    started = await client.post("/sessions/start", json=to_start, headers=a)
    path, one = f"/sessions/{started.json()['id']}", {"question_id": 0, "answer": "A"}
    problem = check_problem(await client.patch(f"{path}/progress", json=one), 422, "invalid_input")
    assert [error["location"] for error in problem["errors"]] == ["header.x-client-id"]
    for refused in (
        await client.post("/sessions/start", json=to_start, headers=b),
        await client.patch(f"{path}/progress", json=one, headers=b),
        await client.post(f"{path}/complete", headers=b),
        await client.post(f"{path}/abandon", headers=b),
    ):
        problem = check_problem(refused, 409, "other_device", "session", "takeover")
        assert problem["takeover"]
        assert problem["session"]["id"] == started.json()["id"]
    taken = await client.post(f"{path}/device", json={"takeover": True}, headers=b)
    assert (taken.status_code, taken.json()["id"]) == (200, started.json()["id"])
    assert (await client.patch(f"{path}/progress", json=one, headers=b)).status_code == 200
    refused = await client.patch(f"{path}/progress", json=one, headers=a)
    check_problem(refused, 409, "other_device", "session", "takeover")
    assert (await client.post(f"{path}/device", json={"reason": WHY})).status_code == 200
    assert (await client.patch(f"{path}/progress", json=one, headers=a)).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"takeover": False}, {"takeover": True, "reason": "x"}, {"reason": ""}, {"takeover": "true"}]
)
async def test_what_is_no_change_of_devices_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    path = "/sessions/00000000-0000-4000-8000-000000000000/device"
    check_problem(await client.post(path, json=body, headers={"X-Client-Id": A}), 422, "invalid_input")


async def test_a_student_takes_over_only_its_own_and_unlocks_nothing(services: Services) -> None:
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    session_id = await come(services, A)
    gateway = Gateway(app_of(with_tokens(services)), at=TAKEN)
    async with client_of(gateway) as http:
        for subject, body, status in (
            ("user2", {"takeover": True}, 404),
            ("user2", {"reason": WHY}, 403),
            ("user1", {"reason": WHY}, 403),
            ("user1", {"takeover": True}, 200),
        ):
            gateway.claims = {"sub": subject, "scope": ""}
            reply = await http.post(f"/sessions/{session_id}/device", json=body, headers={"X-Client-Id": B})
            assert reply.status_code == status, reply.text
