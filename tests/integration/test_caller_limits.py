"""What one caller may cost: writes and starts so fast, late answers so many, numbers as written out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import Access, RequestSource, config_key_hash
from quiz_sessions.domain.errors import (
    ContentTooLargeError,
    OtherDeviceError,
    SessionClosedError,
    SessionExpiredError,
    TooManyRequestsError,
)
from quiz_sessions.domain.quizzes import OneDevice
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.domain.validation import MAX_SESSION_BYTES, MIN_REFUSED_BYTES, check_answers
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api, Gateway, api_of
from tests.harness.service import app_of, client_of, put_quiz, services_on, start, with_tokens
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row
from tests.integration.staff import WHY

BURST = 5
KEY, PAGE = "81" * 32, "https://exam.example.org/take?quiz=physics"


@pytest.fixture
async def limited(stores: Stores) -> AsyncIterator[Services]:
    async with services_on(
        stores, jwt=True, starts_per_minute=3, writes_per_second=2, write_burst=BURST
    ) as built:
        yield built


async def write(
    services: Services, session_id: UUID, at: Micros, owner: str | None = "user1", **more: Any
) -> None:
    await services.sessions.update_answers(session_id, {"0": at}, owner=owner, at=at, **more)


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_burst_of_writes_is_taken_and_no_more(limited: Services, autosave: bool) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number, autosave=autosave)
    with pytest.raises(TooManyRequestsError):
        await write(limited, session_id, LATER + BURST, autosave=autosave)


@pytest.mark.parametrize("autosave", [False, True])
async def test_who_keeps_to_the_pace_is_never_refused(limited: Services, autosave: bool) -> None:
    session_id = await start(limited)
    for number in range(4 * BURST):
        await write(limited, session_id, LATER + number * SECOND // 2, autosave=autosave)


@pytest.mark.parametrize("autosave", [False, True])
async def test_after_a_burst_one_may_go_on_at_the_pace(limited: Services, autosave: bool) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number, autosave=autosave)
    with pytest.raises(TooManyRequestsError):
        await write(limited, session_id, LATER + SECOND // 2 - 1, autosave=autosave)
    await write(limited, session_id, LATER + SECOND // 2, autosave=autosave)


async def test_a_write_that_is_refused_stores_nothing(limited: Services, database: Database) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number)
    before = row(database, session_id)
    with pytest.raises(TooManyRequestsError):
        await write(limited, session_id, LATER + BURST)
    assert row(database, session_id) == before


async def test_a_repeat_is_not_limited(limited: Services) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number, idempotency_key=f"{number}")
    for _ in range(3):
        await limited.sessions.update_answers(
            session_id, {"0": LATER}, owner="user1", at=LATER + BURST, idempotency_key="0"
        )


async def test_a_hand_in_is_not_limited(limited: Services) -> None:
    session_id = await start(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number)
    done = await limited.sessions.complete(session_id, {"0": "last"}, owner="user1", at=LATER + BURST)
    assert done.answers == {"0": "last"}


async def test_one_session_does_not_slow_another_down(limited: Services) -> None:
    sessions = [await start(limited, user) for user in ("user1", "user2")]
    for number in range(BURST):
        await write(limited, sessions[0], LATER + number)
    await write(limited, sessions[1], LATER + BURST, owner="user2")


async def test_without_a_name_nobody_is_limited(limited: Services) -> None:
    session_id = await start(limited)
    for number in range(3 * BURST):
        await write(limited, session_id, LATER + number, owner=None)


async def test_simultaneous_writes_pass_no_limit(limited: Services) -> None:
    session_id = await start(limited)
    found = await asyncio.gather(
        *(write(limited, session_id, LATER + number) for number in range(20)), return_exceptions=True
    )
    assert sum(each is None for each in found) == BURST


async def begin(services: Services, at: Micros = START, owner: str | None = "user1", **more: Any) -> UUID:
    return (await services.sessions.create_session("user1", "quiz1", owner=owner, at=at, **more)).id


async def test_starts_are_limited_by_caller(limited: Services) -> None:
    for number in range(3):
        await begin(limited, START + number)
    with pytest.raises(TooManyRequestsError):
        await begin(limited, START + 4)
    await limited.sessions.create_session("user2", "quiz1", owner="user2", at=START + 5)
    await begin(limited, START + 20 * SECOND)


async def test_a_start_that_is_sent_again_is_not_limited(limited: Services) -> None:
    first = await begin(limited, idempotency_key="k")
    for number in range(1, 8):
        assert await begin(limited, START + number, idempotency_key="k") == first
    with pytest.raises(TooManyRequestsError):
        await begin(limited, START + 9, idempotency_key="another")


async def test_without_valkey_starts_are_not_limited(stores: Stores) -> None:
    async with services_on(stores, redis_url="redis://127.0.0.1:1", starts_per_minute=1) as blind:
        for number in range(3):
            await begin(blind, START + number)


async def test_who_is_too_fast_is_told_when_to_come_again(limited: Services) -> None:
    async with api_of(limited, jwt=True) as api:
        api.be("user1")
        for number in range(4):
            reply = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START + number * 1000)
        assert (reply.status_code, reply.json()["code"]) == (429, "too_many_requests")
        assert int(reply.headers["retry-after"]) > 0


# Another device, another page

Come = Callable[[Services, UUID, int, Micros, str | None], Awaitable[None]]
"""Go on with a session on another device than before, or in another page, by the number."""


def page(number: int) -> tuple[str, RequestSource]:
    """A page of the quiz, and the request of Safe Exam Browser from it."""
    url = f"{PAGE}&number={number}"
    return url, RequestSource(None, config_key_hash(url, KEY))


async def start_on_a_device(services: Services) -> UUID:
    await put_quiz(services, one_device=OneDevice.TAKEOVER, access=Access(seb_config_keys=(KEY,)))
    return await start_again(services, 0, START)


async def start_again(services: Services, number: int, at: Micros, owner: str | None = "user1") -> UUID:
    url, source = page(number)
    return await begin(
        services, at, owner, idempotency_key="k", client_id="device0", page_url=url, source=source
    )


async def on_another_device(
    services: Services, session_id: UUID, number: int, at: Micros, owner: str | None = "user1"
) -> None:
    _, source = page(0)
    await services.devices.take_over(
        session_id, client_id=f"device{number}", source=source, owner=owner, at=at
    )


async def in_another_page(
    services: Services, session_id: UUID, number: int, at: Micros, owner: str | None = "user1"
) -> None:
    assert await start_again(services, number, at, owner) == session_id


COMING = pytest.mark.parametrize("come", [on_another_device, in_another_page])


@COMING
async def test_changes_of_device_and_page_keep_to_the_pace(
    limited: Services, database: Database, come: Come
) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(1, BURST + 1):
        await come(limited, session_id, number, LATER + number, "user1")
    before = contents(database)
    with pytest.raises(TooManyRequestsError):
        await come(limited, session_id, BURST + 1, LATER + BURST + 1, "user1")
    assert contents(database) == before
    await come(limited, session_id, BURST + 1, LATER + SECOND // 2 + 1, "user1")


@COMING
async def test_who_comes_as_before_is_not_limited(limited: Services, come: Come) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(1, BURST + 1):
        await come(limited, session_id, number, LATER + number, "user1")
    for again in range(3):
        await come(limited, session_id, BURST, LATER + BURST + again, "user1")


@COMING
async def test_without_a_name_nobody_who_comes_is_limited(limited: Services, come: Come) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(3 * BURST):
        await come(limited, session_id, number, LATER + number, None)


@COMING
async def test_writes_and_changes_of_device_and_page_keep_to_one_pace(limited: Services, come: Come) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(BURST):
        await write(limited, session_id, LATER + number, client_id="device0", source=page(0)[1])
    with pytest.raises(TooManyRequestsError):
        await come(limited, session_id, 1, LATER + BURST, "user1")
    await come(limited, session_id, 1, LATER + SECOND // 2, "user1")
    with pytest.raises(TooManyRequestsError):
        await come(limited, session_id, 2, LATER + SECOND // 2, "user1")


async def test_changes_of_device_slow_writes_down(limited: Services) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(1, BURST + 1):
        await on_another_device(limited, session_id, number, LATER + number)
    with pytest.raises(TooManyRequestsError):
        await write(limited, session_id, LATER + BURST + 1, client_id=f"device{BURST}", source=page(0)[1])


async def test_a_takeover_that_is_too_fast_is_told_when_to_come_again(limited: Services) -> None:
    await put_quiz(limited, one_device=OneDevice.TAKEOVER)
    session_id = await begin(limited, client_id="device0")
    gateway = Gateway(app_of(with_tokens(limited)), at=LATER)
    gateway.claims = {"sub": "user1", "scope": ""}
    async with client_of(gateway) as http:
        replies = [
            await http.post(
                f"/sessions/{session_id}/device",
                json={"takeover": True},
                headers={"X-Client-Id": f"device{number}"},
            )
            for number in range(1, BURST + 2)
        ]
    assert [reply.status_code for reply in replies] == [200] * BURST + [429]
    assert int(replies[-1].headers["retry-after"]) > 0


async def test_staff_unlock_as_fast_as_they_like(limited: Services) -> None:
    session_id = await start_on_a_device(limited)
    for number in range(1, BURST + 1):
        await on_another_device(limited, session_id, number, LATER + number)
    unlocked = await limited.devices.unlock(session_id, WHY, by="teacher", at=LATER + BURST + 1)
    assert unlocked.id == session_id


# What is kept of what was refused


def large(attempt: int) -> dict[str, Any]:
    """Some 480 KB of answers, others for each attempt."""
    return {str(number): f"{attempt}" * 60_000 for number in range(8)}


async def test_late_answers_are_kept_up_to_the_size_of_a_session(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    for attempt in range(5):
        with pytest.raises(SessionExpiredError):
            await services.sessions.update_answers(session_id, large(attempt), at=END + attempt * SECOND + 1)
    kept = changes(database, session_id, "late_answer")
    assert len(kept) == 2
    stored = database.execute("SELECT sum(size) AS size FROM attempt_events WHERE type = 'late_answer'")
    found = stored.fetchone()
    assert found is not None
    assert found["size"] < MAX_SESSION_BYTES + 1000


async def test_other_hand_ins_are_kept_up_to_the_size_of_a_session(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    for attempt in range(5):
        with pytest.raises(SessionClosedError):
            await services.sessions.complete(session_id, large(attempt), at=LATER + attempt + 1)
    assert len(changes(database, session_id, "late_answer")) == 2


MOST_EVENTS = MAX_SESSION_BYTES // MIN_REFUSED_BYTES
"""Of each kind of what was refused, however small."""


def fill(database: Database, session_id: UUID, kind: str, changes: str) -> None:
    """Record small events of this kind until there is room for one more."""
    database.execute(
        "INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at, hash)"
        " SELECT id, revision + number, version, %s, %s, now(), chain_head"
        " FROM quiz_attempts, generate_series(1, %s) AS number WHERE id = %s",
        [kind, changes, MOST_EVENTS - 1, session_id],
    )
    database.execute("UPDATE quiz_attempts SET revision = revision + %s", [MOST_EVENTS - 1])


async def test_small_late_answers_are_kept_up_to_a_number(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    fill(database, session_id, "late_answer", '{"late_answers": {}}')
    assert MOST_EVENTS == 1024
    for number in range(3):
        with pytest.raises(SessionClosedError):
            await services.sessions.complete(session_id, {"0": number}, at=LATER + number + 1)
    assert events(database, session_id).count("late_answer") == MOST_EVENTS


@pytest.mark.parametrize("autosave", [False, True])
async def test_small_displaced_answers_are_kept_up_to_a_number(
    services: Services, database: Database, autosave: bool
) -> None:
    await put_quiz(services, one_device=OneDevice.TAKEOVER)
    session_id = await begin(services, client_id="device0")
    fill(database, session_id, "displaced", '{"displaced": []}')
    for number in range(3):
        with pytest.raises(OtherDeviceError):
            await write(services, session_id, LATER + number, client_id="other", autosave=autosave)
    assert events(database, session_id).count("displaced") == MOST_EVENTS


async def test_late_answers_that_would_make_a_session_too_large_are_not_accepted(
    services: Services, api: Api, database: Database
) -> None:
    session_id = await start(services)
    for first in (0, 8):
        answers = {str(number): "x" * 60_000 for number in range(first, first + 8)}
        await services.sessions.update_answers(session_id, answers, at=LATER)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answers(
            session_id, {str(number): "y" * 60_000 for number in range(16, 24)}, at=END + SECOND
        )
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    before = row(database, session_id)
    path = f"/sessions/{session_id}/late-answers/{late.event}/accept"
    reply = await api("POST", path, {"reason": "why"}, at=END + 2 * SECOND)
    assert (reply.status_code, reply.json()["code"]) == (413, "content_too_large")
    assert row(database, session_id) == before


# What is written out


@pytest.mark.parametrize("number", [1e308, -1e308, 1e-308, 1.5e300])
async def test_numbers_count_as_they_are_written_out(services: Services, number: float) -> None:
    answers = {str(question): [number] * 4000 for question in range(60)}
    with pytest.raises(ContentTooLargeError, match="A session may have at most"):
        check_answers(answers)


def test_what_fits_written_out_is_taken() -> None:
    check_answers({"0": [1e308] * 3000})
    with pytest.raises(ContentTooLargeError):
        check_answers({"0": [1e308] * 3000, "1": [1e308] * 600})


@pytest.mark.parametrize(
    "answer", [5e-324, 1.5e-7, 1e16, -1.25e20, 1.7976931348623157e308, 2.5, 1e22, 0.0001]
)
async def test_the_size_that_is_measured_is_that_of_the_database(database: Database, answer: float) -> None:
    from quiz_sessions.domain.validation import written_size

    found = database.execute("SELECT octet_length(%s::jsonb::text) AS size", [f"[{answer!r}]"]).fetchone()
    assert found == {"size": written_size([answer])}


async def test_a_beacon_is_limited_as_an_autosave(limited: Services) -> None:
    session_id = await start(limited)
    accepted = 0
    for number in range(2 * BURST):
        with suppress(TooManyRequestsError):
            await write(
                limited, session_id, LATER + number, autosave=True, idempotency_key=f"beacon:{number}"
            )
            accepted += 1
    assert accepted == BURST
