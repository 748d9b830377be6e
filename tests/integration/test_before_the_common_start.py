"""Before the common start: no clock runs yet, so that none is stopped or used up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import AttemptsOpenError, QuizClosedError
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from tests.harness.builders import SECOND
from tests.harness.service import autosave, flush_at, put_quiz
from tests.harness.tables import Database, row
from tests.integration.staff import WHY, deadline_of, extend, extend_all, give, reopen
from tests.integration.test_admission import COMMON, LIMIT, MINUTE, OPENS, come
from tests.integration.test_pauses import pause, pause_all, resume, resume_all

END = COMMON + LIMIT * SECOND


async def check(services: Services, session_id: UUID, at: Micros) -> Session:
    """The session, in which nothing lies before the start of its clock, and which a replay gives."""
    await deadline_of(services, session_id, at=at)
    session = await services.sessions.get_session(session_id, at=at)
    assert session.started_at <= session.expires_at
    assert 0 <= session.time_remaining <= (session.expires_at - session.started_at).total_seconds()
    assert (await services.audit.verify(session_id)).differs == []
    return session


async def row_left(services: Services, session_id: UUID) -> int:
    """The time_remaining of the row, which is as of the last write."""
    (attempt,) = await services.stores.attempts.get([session_id])
    return attempt.time_remaining


async def concerned(services: Services, opens: Micros) -> int:
    """How many attempts a later opening would have refused."""
    rules = QuizRules(**{**MINUTE, "opens_at": from_micros(opens)})
    try:
        await services.administration.put_quiz("quiz1", rules, at=opens)
    except AttemptsOpenError as error:
        return error.attempts
    return 0


# Pauses


@pytest.mark.parametrize("is_whole", [False, True])
async def test_a_pause_that_ends_before_the_start_gives_nothing(services: Services, is_whole: bool) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    if is_whole:
        await pause_all(services, OPENS + SECOND)
        await resume_all(services, OPENS + 31 * SECOND)
    else:
        await pause(services, session_id, OPENS + SECOND)
        await resume(services, session_id, OPENS + 31 * SECOND)
    session = await check(services, session_id, OPENS + 31 * SECOND)
    assert (session.pause_seconds, session.time_remaining) == (0, LIMIT)
    after = await come(services, OPENS + 32 * SECOND, "user2")
    assert await deadline_of(services, session_id) == await deadline_of(services, after) == END


@pytest.mark.parametrize(("stopped", "runs"), [(-1, 20), (0, 20), (5, 25)])
async def test_a_pause_lasts_while_the_clock_would_have_run(
    services: Services, stopped: int, runs: int
) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    at = COMMON + stopped * SECOND
    standing = (await pause(services, session_id, at)).time_remaining
    assert standing == LIMIT - max(stopped, 0)
    assert await row_left(services, session_id) == standing
    resumed = await resume(services, session_id, COMMON + runs * SECOND)
    assert (resumed.pause_seconds, resumed.time_remaining) == (20, standing)
    assert to_micros((await check(services, session_id, at)).expires_at) == END + 20 * SECOND


async def test_a_pause_before_the_start_does_not_put_the_close_off(services: Services) -> None:
    closes = COMMON + 60 * SECOND
    await put_quiz(services, **MINUTE, closes_at=from_micros(closes))
    session_id = await come(services, OPENS)
    await pause(services, session_id, OPENS)
    await resume(services, session_id, OPENS + 30 * SECOND)
    assert await deadline_of(services, session_id) == closes


async def test_a_hand_in_ends_a_pause_that_gave_nothing(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await pause(services, session_id, OPENS + SECOND)
    ended = await services.sessions.complete(session_id, at=OPENS + 30 * SECOND)
    assert (ended.pause_seconds, ended.time_remaining, ended.late_ms) == (0, LIMIT, 0)
    assert to_micros((await check(services, session_id, COMMON)).expires_at) == END


async def test_a_hand_in_ends_a_pause_from_before_the_start(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await pause(services, session_id, OPENS + SECOND)
    ended = await services.sessions.complete(session_id, at=COMMON + 30 * SECOND)
    assert (ended.pause_seconds, ended.time_remaining, ended.late_ms) == (30, LIMIT, 0)
    await check(services, session_id, COMMON + 30 * SECOND)


# Time that is taken away


@pytest.mark.parametrize("is_paused", [False, True])
async def test_time_is_taken_away_down_to_the_start(services: Services, is_paused: bool) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    if is_paused:
        await pause(services, session_id, OPENS)
    shortened = await extend(services, session_id, -9000, at=OPENS + SECOND)
    assert (to_micros(shortened.expires_at), shortened.time_remaining) == (COMMON, 0)
    assert await row_left(services, session_id) == 0
    await check(services, session_id, OPENS + SECOND)


async def test_time_is_taken_away_from_all_down_to_the_start(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await extend_all(services, -9000, at=OPENS + SECOND)
    await check(services, session_id, OPENS + SECOND)
    await extend_all(services, 60, at=OPENS + 2 * SECOND)
    assert await deadline_of(services, session_id) == COMMON + 60 * SECOND


async def test_an_extension_of_one_that_waits_says_what_is_left(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await extend(services, session_id, 60, at=OPENS + SECOND)
    assert await row_left(services, session_id) == LIMIT + 60


async def test_shorter_rules_and_extra_time_taken_back_leave_no_deadline_before_the_start(
    services: Services,
) -> None:
    await put_quiz(services, **MINUTE)
    await give(services, 600, at=OPENS)
    session_id = await come(services, OPENS)
    await extend(services, session_id, -LIMIT, at=OPENS + SECOND)
    assert await deadline_of(services, session_id) == COMMON + 600 * SECOND
    await services.administration.delete_accommodation("user1", "quiz1", by="teacher", at=OPENS + SECOND)
    await check(services, session_id, OPENS + SECOND)
    assert await deadline_of(services, session_id) == COMMON
    await put_quiz(services, at=OPENS + 2 * SECOND, **{**MINUTE, "time_limit_seconds": 1})
    await check(services, session_id, OPENS + 2 * SECOND)


async def test_an_earlier_close_leaves_no_deadline_before_the_start(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    closes = from_micros(OPENS + 10 * SECOND)
    await put_quiz(services, at=OPENS + SECOND, **{**MINUTE, "common_start": False, "closes_at": closes})
    assert await deadline_of(services, session_id) == COMMON
    assert (await check(services, session_id, OPENS + SECOND)).accepts_until == from_micros(COMMON)
    assert await row_left(services, session_id) == 0


# The end


@pytest.mark.parametrize("status", ["completed", "abandoned"])
async def test_an_end_before_the_start_is_at_its_moment(
    services: Services, database: Database, status: str
) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await autosave(services, session_id, "A", at=OPENS + SECOND)
    end = OPENS + 2 * SECOND
    if status == "completed":
        await services.sessions.complete(session_id, at=end)
    else:
        await services.sessions.abandon(session_id, at=end)
    session = await check(services, session_id, COMMON + SECOND)
    assert (session.status, session.time_remaining, session.late_ms) == (status, LIMIT, 0)
    assert session.completed_at == (from_micros(end) if status == "completed" else None)
    assert row(database, session_id)["ended_at"] == from_micros(end)
    assert session.answers == {"0": "A"}


async def test_a_merged_draft_of_one_that_waits_leaves_what_is_left(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await autosave(services, session_id, "A", at=OPENS + SECOND)
    await flush_at(services, OPENS + 2 * SECOND)
    assert await row_left(services, session_id) == LIMIT
    await services.sessions.update_answer(session_id, 0, "B", at=OPENS + 3 * SECOND)
    assert await row_left(services, session_id) == LIMIT
    assert (await check(services, session_id, OPENS + 3 * SECOND)).status is Status.IN_PROGRESS


# Opened again


@pytest.mark.parametrize("is_paused", [False, True])
async def test_what_is_reopened_before_the_start_has_its_seconds_from_there(
    services: Services, is_paused: bool
) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await services.sessions.complete(session_id, at=OPENS + SECOND)
    if is_paused:
        await pause_all(services, OPENS + SECOND)
    opened = await reopen(services, session_id, 60, at=OPENS + 2 * SECOND)
    assert (opened.time_remaining, to_micros(opened.expires_at)) == (60, COMMON + 60 * SECOND)
    assert await row_left(services, session_id) == 60
    if is_paused:
        await resume_all(services, OPENS + 30 * SECOND)
    session = await check(services, session_id, OPENS + 30 * SECOND)
    assert (session.pause_seconds, session.time_remaining) == (0, 60)


async def test_what_would_close_before_its_start_is_not_reopened(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await services.sessions.complete(session_id, at=OPENS + SECOND)
    await put_quiz(services, **{**MINUTE, "common_start": False, "closes_at": from_micros(COMMON)})
    with pytest.raises(QuizClosedError):
        await reopen(services, session_id, 60, at=OPENS + 2 * SECOND)


# The rules of the quiz


async def test_nothing_starts_that_would_close_before_its_start(
    services: Services, database: Database
) -> None:
    await put_quiz(services, **MINUTE, closes_at=from_micros(COMMON + SECOND))
    database.execute("UPDATE quizzes SET closes_at = closes_at - interval '1 second'")
    with pytest.raises(QuizClosedError):
        await come(services, OPENS)


async def test_an_opening_after_ones_start_concerns_who_waits_for_a_later_one(services: Services) -> None:
    await put_quiz(services, **MINUTE)
    await come(services, OPENS + 10 * SECOND)
    assert await concerned(services, OPENS + 10 * SECOND) == 0
    assert await concerned(services, OPENS + 11 * SECOND) == 1


@pytest.mark.parametrize("by_user", [False, True])
async def test_what_staff_do_with_a_quiz_is_about_those_who_wait_for_the_start(
    services: Services, by_user: bool
) -> None:
    await put_quiz(services, **MINUTE)
    session_id = await come(services, OPENS)
    await pause_all(services, OPENS + SECOND)
    named: dict[str, Any] = (
        {"user_id": "user1", "quiz_id": "quiz1"} if by_user else {"session_id": session_id}
    )
    page = await services.administration.actions(**named)
    assert [action.action for action in page.actions] == ["pause-quiz"]
    assert page.actions[0].reason == WHY
