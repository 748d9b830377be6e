"""Admission: a crowd that waits for a quiz to open, and the clock of those who are let in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import InvalidInputError, QuizNotOpenError
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from tests.harness.builders import SECOND, START
from tests.harness.gateway import Api
from tests.harness.service import put_quiz
from tests.harness.tables import Database, changes, row
from tests.integration.contract import check_problem
from tests.integration.staff import deadline_of, extend, give

OPENS = START + 600 * SECOND
COMMON = OPENS + 60 * SECOND
"""When the clocks of all start who come by then."""
LIMIT = 1800
MINUTE: dict[str, Any] = {
    "opens_at": from_micros(OPENS),
    "admission_seconds": 60,
    "common_start": True,
    "time_limit_seconds": LIMIT,
}


async def come(services: Services, at: Micros, user: str = "user1", **options: Any) -> UUID:
    return (await services.sessions.create_session(user, "quiz1", at=at, **options)).id


async def test_before_it_opens_a_start_says_when_to_come(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"opens_at": from_micros(OPENS).isoformat(), "admission_seconds": 60})
    waits = set()
    for number in range(40):
        body = {"user_id": f"user{number}", "quiz_id": "quiz1"}
        for _ in range(2):
            reply = await api("POST", "/sessions/start", body, at=OPENS - 90 * SECOND)
            problem = check_problem(reply, 409, "quiz_not_open", "opens_at")
            assert problem["opens_at"] == from_micros(OPENS).isoformat().replace("+00:00", "Z")
            waits.add((number, int(reply.headers["retry-after"])))
    assert len(waits) == 40
    assert {90 <= wait <= 150 for _, wait in waits} == {True}
    assert len({wait for _, wait in waits}) > 10


async def test_without_admission_all_are_told_the_same(services: Services) -> None:
    await put_quiz(services, opens_at=from_micros(OPENS))
    for user in ("user1", "user2"):
        with pytest.raises(QuizNotOpenError) as caught:
            await come(services, OPENS - SECOND // 2, user)
        assert caught.value.retry_after == 1


async def test_once_it_is_open_whoever_comes_is_let_in(services: Services) -> None:
    await put_quiz(services, opens_at=from_micros(OPENS), admission_seconds=3600)
    for number in range(20):
        await come(services, OPENS, f"user{number}")


async def test_time_counts_from_ones_own_start(services: Services) -> None:
    await put_quiz(services, **{**MINUTE, "common_start": False})
    for after in (0, 30 * SECOND):
        session_id = await come(services, OPENS + after, f"user{after}")
        assert await deadline_of(services, session_id) == OPENS + after + LIMIT * SECOND


@pytest.mark.parametrize("after", [0, 1, 30 * SECOND, 60 * SECOND - 1, 60 * SECOND])
async def test_with_a_common_start_time_counts_from_there(services: Services, after: Micros) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS + after)
    session = await services.sessions.get_session(session_id, at=OPENS + after)
    assert to_micros(session.started_at) == COMMON
    assert to_micros(session.expires_at) == COMMON + LIMIT * SECOND
    assert session.time_remaining == LIMIT


async def test_who_comes_later_has_ones_own_time(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, COMMON + SECOND)
    assert await deadline_of(services, session_id) == COMMON + (1 + LIMIT) * SECOND


async def test_until_the_common_start_the_clock_stands(services: Services, client: httpx.AsyncClient) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    for at, left in ((OPENS, LIMIT), (COMMON, LIMIT), (COMMON + SECOND, LIMIT - 1)):
        session = await services.sessions.get_session(session_id, at=at)
        assert session.time_remaining == left
        assert (await services.sessions.get_deadline(session_id, at=at)).time_remaining == left


async def test_who_hands_in_before_the_common_start_had_all_the_time_left(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await services.sessions.update_answer(session_id, 0, "A", at=OPENS + SECOND)
    assert (await services.sessions.complete(session_id, at=OPENS + 2 * SECOND)).time_remaining == LIMIT
    assert (await services.audit.verify(session_id)).differs == []


async def test_the_close_of_the_quiz_cuts_a_common_start_too(services: Services) -> None:
    closes = COMMON + 10 * SECOND
    await put_quiz(services, **MINUTE, closes_at=from_micros(closes))
    assert await deadline_of(services, await come(services, OPENS)) == closes


async def test_extra_time_and_extensions_are_there_after_a_common_start(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    await give(services, 60, at=OPENS)
    session_id = await come(services, OPENS)
    assert await deadline_of(services, session_id) == COMMON + (LIMIT + 60) * SECOND
    await extend(services, session_id, 30, at=OPENS + SECOND)
    await put_quiz(services, at=OPENS + 2 * SECOND, **{**MINUTE, "time_limit_seconds": 900})
    assert await deadline_of(services, session_id) == COMMON + (900 + 60 + 30) * SECOND
    assert (await services.audit.verify(session_id)).differs == []


async def test_the_audit_log_has_both_moments(services: Services, database: Database) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS + SECOND, by="teacher")
    (started,) = changes(database, session_id, "started")
    assert started["started_at"].startswith(from_micros(COMMON).isoformat()[:19])
    at = database.execute(
        "SELECT at FROM attempt_events UNION ALL SELECT at FROM staff_actions WHERE action = 'start'"
    )
    assert {each["at"] for each in at} == {from_micros(OPENS + SECOND)}
    assert (await services.audit.verify(session_id)).differs == []
    database.execute("UPDATE quiz_attempts SET started_at = started_at - interval '1 second'")
    assert (await services.audit.verify(session_id)).differs == ["started_at"]


async def test_a_later_opening_moves_no_clock_that_has_its_start(
    services: Services, database: Database
) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await put_quiz(services, **{**MINUTE, "opens_at": MINUTE["opens_at"] + timedelta(seconds=60)})
    assert row(database, session_id)["started_at"] == from_micros(COMMON)


@pytest.mark.parametrize("seconds", [-1, 3601])
async def test_admission_takes_at_most_an_hour(services: Services, seconds: int) -> None:
    with pytest.raises(InvalidInputError):
        await services.administration.put_quiz("quiz1", QuizRules(admission_seconds=seconds), at=START)
    await services.administration.put_quiz("quiz1", QuizRules(admission_seconds=3600), at=START)


async def test_a_common_start_needs_an_opening(client: httpx.AsyncClient) -> None:
    reply = await client.put("/quizzes/quiz1", json={"common_start": True})
    problem = check_problem(reply, 422, "invalid_input")
    assert [error["location"] for error in problem["errors"]] == ["body.common_start"]


@pytest.mark.parametrize("admission_seconds", [0, 60])
async def test_a_common_start_lies_before_the_close(
    client: httpx.AsyncClient, admission_seconds: int
) -> None:
    rules = {
        "opens_at": from_micros(OPENS).isoformat(),
        "admission_seconds": admission_seconds,
        "common_start": True,
    }
    start = OPENS + admission_seconds * SECOND
    reply = await client.put("/quizzes/quiz1", json={**rules, "closes_at": from_micros(start).isoformat()})
    problem = check_problem(reply, 422, "invalid_input")
    assert [error["location"] for error in problem["errors"]] == ["body.closes_at"]
    later = {"closes_at": from_micros(start + 1).isoformat()}
    assert (await client.put("/quizzes/quiz1", json={**rules, **later})).status_code == 201


async def test_a_common_start_may_lie_after_all_that_a_clock_can_say(services: Services) -> None:
    rules = QuizRules(
        opens_at=datetime.max.replace(tzinfo=UTC) - timedelta(seconds=2),
        closes_at=datetime.max.replace(tzinfo=UTC),
        admission_seconds=60,
        common_start=True,
    )
    with pytest.raises(InvalidInputError):
        await services.administration.put_quiz("quiz1", rules, at=START)


async def test_without_a_common_start_a_quiz_may_close_while_it_admits(services: Services) -> None:
    await put_quiz(services, **{**MINUTE, "common_start": False, "closes_at": from_micros(OPENS + SECOND)})
    assert await deadline_of(services, await come(services, OPENS)) == OPENS + SECOND
