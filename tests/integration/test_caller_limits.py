"""What one caller may cost: writes and starts so fast, late answers so many, numbers as written out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import (
    ContentTooLargeError,
    SessionClosedError,
    SessionExpiredError,
    TooManyRequestsError,
)
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.domain.validation import MAX_SESSION_BYTES, check_answers
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api, api_of
from tests.harness.service import services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, row

BURST = 5


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


async def begin(services: Services, number: int, **more: Any) -> UUID:
    session = await services.sessions.create_session(
        "user1", "quiz1", owner="user1", at=START + number, **more
    )
    return session.id


async def test_starts_are_limited_by_caller(limited: Services) -> None:
    for number in range(3):
        await begin(limited, number)
    with pytest.raises(TooManyRequestsError):
        await begin(limited, 4)
    await limited.sessions.create_session("user2", "quiz1", owner="user2", at=START + 5)
    await begin(limited, 20 * SECOND)


async def test_a_start_that_is_sent_again_is_not_limited(limited: Services) -> None:
    first = await begin(limited, 0, idempotency_key="k")
    for number in range(1, 8):
        assert await begin(limited, number, idempotency_key="k") == first
    with pytest.raises(TooManyRequestsError):
        await begin(limited, 9, idempotency_key="another")


async def test_without_valkey_starts_are_not_limited(stores: Stores) -> None:
    async with services_on(stores, redis_url="redis://127.0.0.1:1", starts_per_minute=1) as blind:
        for number in range(3):
            await begin(blind, number)


async def test_who_is_too_fast_is_told_when_to_come_again(limited: Services) -> None:
    async with api_of(limited, jwt=True) as api:
        api.be("user1")
        for number in range(4):
            reply = await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START + number * 1000)
        assert (reply.status_code, reply.json()["code"]) == (429, "too_many_requests")
        assert int(reply.headers["retry-after"]) > 0


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
    with pytest.raises(ContentTooLargeError, match="A session has at most"):
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
