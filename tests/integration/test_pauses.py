"""Pauses: the clock stands, nothing is written, nothing is lost, and no time is won."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import FOREVER, Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    IdempotencyKeyReusedError,
    QuizNotFoundError,
    QuizPausedError,
    SessionClosedError,
    SessionExpiredError,
    SessionPausedError,
    SessionStateError,
)
from quiz_sessions.domain.outcomes import CohortAction, Counted
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.tags import ANYBODY
from quiz_sessions.domain.timestamps import Micros, from_micros, to_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import api_of
from tests.harness.locks import row_held
from tests.harness.service import autosave, flush_at, put_quiz, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, events
from tests.integration.contract import ONE
from tests.integration.staff import WHY, deadline_of, extend, give, reopen

LONG = 3600 * SECOND
"""Longer than an attempt lasts."""


async def pause(services: Services, session_id: UUID, at: Micros = LATER, key: str | None = None) -> Session:
    return await services.room.pause(session_id, WHY, idempotency_key=key, by="teacher", at=at)


async def resume(
    services: Services, session_id: UUID, at: Micros = LATER + LONG, key: str | None = None
) -> Session:
    return await services.room.resume(session_id, WHY, idempotency_key=key, by="teacher", at=at)


async def pause_all(
    services: Services, at: Micros = LATER, key: str | None = None, only: list[UUID] | None = None
) -> CohortAction:
    return await services.room.pause_quiz(
        "quiz1", WHY, session_ids=only, idempotency_key=key, by="teacher", at=at
    )


async def resume_all(
    services: Services, at: Micros = LATER + LONG, key: str | None = None, only: list[UUID] | None = None
) -> CohortAction:
    return await services.room.resume_quiz(
        "quiz1", WHY, session_ids=only, idempotency_key=key, by="teacher", at=at
    )


async def commit(services: Services, session_id: UUID, at: Micros, answer: str = "A") -> Session:
    return await services.sessions.update_answer(session_id, 0, answer, at=at)


# One session


async def test_the_clock_stands_while_a_session_is_paused(services: Services) -> None:
    session_id = await start(services)
    left = (await services.sessions.get_session(session_id, at=LATER)).time_remaining
    paused = await pause(services, session_id)
    assert (paused.paused, paused.time_remaining, paused.accepts_until) == (True, left, FOREVER)
    later = await services.sessions.get_session(session_id, at=LATER + 10 * LONG)
    assert (later.paused, later.time_remaining, later.status) == (True, left, Status.STARTED)


async def test_a_resumption_moves_the_deadline_by_as_long_as_the_clock_stood(services: Services) -> None:
    session_id = await start(services)
    left = (await pause(services, session_id)).time_remaining
    resumed = await resume(services, session_id)
    assert (resumed.paused, resumed.pause_seconds, resumed.time_remaining) == (False, 3600, left)
    assert to_micros(resumed.expires_at) == END + LONG
    assert await deadline_of(services, session_id, at=LATER + LONG) == END + LONG


async def test_a_part_of_a_second_is_rounded_up(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    assert (await resume(services, session_id, at=LATER + 1)).pause_seconds == 1
    await pause(services, session_id, at=LATER + SECOND)
    assert (await resume(services, session_id, at=LATER + 2 * SECOND)).pause_seconds == 2


async def test_a_clock_that_is_behind_resumes_with_nothing_gained(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    resumed = await resume(services, session_id, at=LATER - SECOND)
    assert (resumed.paused, resumed.pause_seconds, to_micros(resumed.expires_at)) == (False, 0, END)


@pytest.mark.parametrize("is_autosave", [False, True])
async def test_an_answer_from_after_the_pause_is_refused(services: Services, is_autosave: bool) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    with pytest.raises(SessionPausedError) as caught:
        await services.sessions.update_answer(session_id, 0, "A", autosave=is_autosave, at=LATER + 1)
    assert caught.value.session.paused
    assert (await services.sessions.get_session(session_id, at=LATER + 2)).answers == {}


@pytest.mark.parametrize("is_autosave", [False, True])
async def test_an_answer_from_before_the_pause_counts(services: Services, is_autosave: bool) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    await services.sessions.update_answer(session_id, 0, "A", autosave=is_autosave, at=LATER)
    await flush_at(services, LATER + LONG)
    session = await services.sessions.get_session(session_id, at=LATER + LONG)
    assert (session.answers, session.durability, session.paused) == ({"0": "A"}, "committed", True)


async def test_what_was_buffered_before_the_pause_is_flushed_during_it(services: Services) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await pause(services, session_id, at=LATER + 1)
    await flush_at(services, END + LONG)
    session = await services.sessions.get_session(session_id, at=END + LONG)
    assert (session.answers, session.durability, session.status) == (
        {"0": "A"},
        "committed",
        Status.IN_PROGRESS,
    )


async def test_what_was_buffered_by_a_stale_cache_counts(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    drafts = Drafts({"0": Draft("A", LATER + 1, ANYBODY)})
    await services.stores.valkey.put_drafts(session_id, drafts)
    await flush_at(services, END + LONG)
    await resume(services, session_id, at=END + 2 * LONG)
    assert (await services.sessions.get_session(session_id, at=END + 2 * LONG)).answers == {"0": "A"}


async def test_a_paused_session_does_not_expire(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    assert (await flush_at(services, END + LONG)).sessions_expired == 0
    assert (await resume(services, session_id, at=END + LONG)).status is Status.STARTED


async def test_a_resumed_session_expires_in_its_time(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    await resume(services, session_id)
    assert (await flush_at(services, END + LONG)).sessions_expired == 0
    assert (await flush_at(services, END + LONG + SECOND)).sessions_expired == 1


async def test_a_session_is_paused_in_its_grace_and_has_the_rest_of_that_after(services: Services) -> None:
    await put_quiz(services, grace_seconds=60)
    session_id = await start(services)
    paused = await pause(services, session_id, at=END + 20 * SECOND)
    assert paused.time_remaining == 0
    await resume(services, session_id, at=END + LONG)
    assert (await commit(services, session_id, END + LONG + 40 * SECOND)).version == 1
    with pytest.raises(SessionExpiredError):
        await commit(services, session_id, END + LONG + 41 * SECOND)


async def test_a_pause_puts_the_close_of_the_quiz_off(services: Services) -> None:
    await put_quiz(services, closes_at=from_micros(START + 60 * SECOND))
    session_id = await start(services)
    await pause(services, session_id)
    resumed = await resume(services, session_id)
    assert to_micros(resumed.expires_at) == START + 60 * SECOND + LONG
    deadline = await services.sessions.get_deadline(session_id, at=LATER + LONG)
    assert (deadline.binding, deadline.pause_seconds) == ("closes_at", 3600)


async def test_pausing_twice_and_resuming_twice_change_nothing(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    assert (await pause(services, session_id, at=LATER + SECOND)).paused
    await resume(services, session_id)
    assert (await resume(services, session_id, at=LATER + LONG + SECOND)).pause_seconds == 3600
    assert events(database, session_id) == ["started", "paused", "resumed"]


async def test_a_resumption_that_is_sent_again_does_not_end_another_pause(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    await resume(services, session_id, key="on")
    await pause(services, session_id, at=LATER + LONG + SECOND)
    assert (await resume(services, session_id, at=LATER + LONG + 2 * SECOND, key="on")).paused


async def test_a_key_is_good_for_one_pause(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id, key="fire")
    with pytest.raises(IdempotencyKeyReusedError):
        await services.room.pause(session_id, "another", idempotency_key="fire", by="teacher", at=LATER)


async def test_a_hand_in_by_the_clock_of_a_page_does_not_end_a_pause(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    with pytest.raises(SessionPausedError):
        await services.sessions.complete(session_id, deadline=from_micros(END), at=END + SECOND)
    assert (await resume(services, session_id)).status is Status.STARTED


async def test_who_writes_to_a_paused_session_is_shown_it_and_told_when_to_look_again(
    services: Services,
) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    async with api_of(services) as api:
        refused = await api("PATCH", f"/sessions/{session_id}/progress", ONE, at=LATER + SECOND)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_paused")
    assert (refused.json()["session"]["paused"], refused.headers["retry-after"]) == (True, "10")


async def test_an_ended_session_is_not_paused(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await pause(services, session_id)
    overdue = await start(services, "user2")
    with pytest.raises(SessionStateError):
        await pause(services, overdue, at=END + SECOND)


async def test_a_hand_in_without_answers_ends_the_pause_first(services: Services, database: Database) -> None:
    session_id = await start(services)
    await autosave(services, session_id, "A")
    await pause(services, session_id)
    ended = await services.sessions.complete(session_id, at=LATER + LONG)
    assert (ended.status, ended.paused, ended.pause_seconds) == (Status.COMPLETED, False, 3600)
    assert (ended.answers, ended.late_ms, ended.time_remaining) == ({"0": "A"}, 0, 1790)
    assert to_micros(ended.expires_at) == END + LONG
    assert (await services.audit.verify(session_id)).intact


async def test_a_hand_in_with_answers_is_refused_while_the_clock_stands(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    with pytest.raises(SessionPausedError):
        await services.sessions.complete(session_id, {"0": "A"}, at=LATER + 1)
    ended = await services.sessions.complete(session_id, {"0": "A"}, at=LATER)
    assert (ended.status, ended.pause_seconds) == (Status.COMPLETED, 0)


async def test_an_extension_during_a_pause_is_there_after_it(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    extended = await extend(services, session_id, 600, at=END + LONG)
    assert (extended.paused, extended.time_remaining) == (True, 1790 + 600)
    resumed = await resume(services, session_id, at=END + LONG)
    assert resumed.time_remaining == 1790 + 600


async def test_time_taken_away_during_a_pause_ends_where_the_clock_stands(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    shortened = await extend(services, session_id, -100_000, at=END + LONG)
    assert shortened.time_remaining == 0
    assert to_micros((await resume(services, session_id, at=END + LONG)).expires_at) == END + LONG


async def test_new_rules_reach_a_paused_session_too(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=1800)
    session_id = await start(services)
    await pause(services, session_id)
    await put_quiz(services, at=END + LONG, time_limit_seconds=2400)
    await give(services, 60, at=END + LONG)
    assert (await resume(services, session_id, at=END + LONG)).time_remaining == 1790 + 600 + 60
    await put_quiz(services, at=END + LONG, time_limit_seconds=1)
    assert (await services.sessions.get_session(session_id, at=END + LONG)).time_remaining == 61 - 10


async def test_a_reopened_session_keeps_its_pauses(services: Services) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    await resume(services, session_id)
    await services.sessions.complete(session_id, at=LATER + LONG + SECOND)
    opened = await reopen(services, session_id, 60, at=LATER + 2 * LONG)
    assert (opened.pause_seconds, opened.time_remaining) == (3600, 60)
    assert await deadline_of(services, session_id) == LATER + 2 * LONG + 60 * SECOND


async def test_the_audit_log_tells_of_pauses(services: Services, database: Database) -> None:
    session_id = await start(services)
    await commit(services, session_id, LATER)
    await pause(services, session_id, at=LATER + SECOND)
    await resume(services, session_id)
    await commit(services, session_id, LATER + LONG, "B")
    verified = await services.audit.verify(session_id)
    assert (verified.intact, verified.differs) == (True, [])
    before = await services.audit.at_version(session_id, 1, at=LATER + LONG)
    assert before.pause_seconds == 3599
    (stopped,) = changes(database, session_id, "paused")
    assert (stopped["by"], stopped["reason"], stopped["session_paused"]) == ("teacher", WHY, True)


async def test_verification_sees_a_paused_row_that_was_tampered_with(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await pause(services, session_id)
    assert (await services.audit.verify(session_id)).differs == []
    database.execute("UPDATE quiz_attempts SET paused_at = paused_at - interval '1 hour'")
    assert (await services.audit.verify(session_id)).differs == ["paused_at"]


# A quiz


async def test_a_paused_quiz_stands_still_as_a_whole(services: Services) -> None:
    await put_quiz(services)
    session_ids = [await start(services, f"user{i}") for i in range(3)]
    await services.sessions.complete(session_ids[0], at=LATER)
    paused = await pause_all(services)
    assert sorted(paused.changed) == sorted(session_ids[1:])
    assert paused.unchanged == {"completed": Counted(1, session_ids[:1])}
    for session_id in session_ids[1:]:
        assert (await services.sessions.get_session(session_id, at=END + LONG)).paused
    resumed = await resume_all(services)
    assert sorted(resumed.changed) == sorted(session_ids[1:])
    assert await deadline_of(services, session_ids[1], at=LATER + LONG) == END + LONG


async def test_a_paused_quiz_can_not_be_started(services: Services) -> None:
    await put_quiz(services)
    await pause_all(services)
    with pytest.raises(QuizPausedError):
        await start(services, at=LATER + SECOND)
    await resume_all(services)
    await start(services, at=LATER + LONG)


async def test_an_open_attempt_at_a_paused_quiz_is_found_by_a_start(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await pause_all(services)
    assert await start(services, at=LATER + SECOND) == session_id


async def test_a_session_of_a_paused_quiz_is_not_resumed_alone(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await pause_all(services)
    with pytest.raises(QuizPausedError):
        await resume(services, session_id)
    await pause(services, session_id, at=LATER + SECOND)
    assert (await resume(services, session_id)).paused
    assert not (await resume_all(services, at=LATER + LONG)).unchanged
    assert not (await services.sessions.get_session(session_id, at=LATER + LONG)).paused


async def test_some_sessions_of_a_quiz_are_paused_and_resumed(services: Services) -> None:
    await put_quiz(services)
    first, second = await start(services), await start(services, "user2")
    unknown = uuid4()
    paused = await pause_all(services, only=[first, unknown])
    assert paused == CohortAction([first], {"not found": Counted(1, [unknown])})
    assert not (await services.sessions.get_session(second, at=LATER + SECOND)).paused
    await start(services, "user3", at=LATER + SECOND)
    resumed = await resume_all(services, at=LATER + 2 * SECOND, only=[first, second])
    assert resumed == CohortAction([first], {"not paused": Counted(1, [second])})


async def test_a_session_that_was_paused_by_itself_stays_so_and_does_not_pass_for_resumed(
    services: Services, database: Database
) -> None:
    await put_quiz(services)
    alone, other = await start(services), await start(services, "user2")
    await pause(services, alone)
    await pause_all(services, at=LATER + SECOND)
    resumed = await resume_all(services)
    assert (resumed.changed, resumed.unchanged) == ([other], {"paused by itself": Counted(1, [alone])})
    assert (await services.sessions.get_session(alone, at=LATER + LONG)).paused
    recorded = database.execute("SELECT after FROM staff_actions WHERE action = 'resume-quiz'").fetchall()
    assert [row["after"] for row in recorded] == [{"whole": True, "resumed": 1}]
    session = await resume(services, alone, at=LATER + 2 * LONG)
    assert (session.paused, session.pause_seconds) == (False, 7200)


async def test_sessions_of_a_paused_quiz_do_not_pass_for_resumed(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await pause_all(services, only=[session_id])
    await pause_all(services)
    resumed = await resume_all(services, only=[session_id])
    assert resumed == CohortAction([], {"quiz paused": Counted(1, [session_id])})


async def test_a_quiz_that_nobody_registered_is_not_paused(services: Services) -> None:
    await start(services)
    with pytest.raises(QuizNotFoundError):
        await pause_all(services)
    with pytest.raises(QuizNotFoundError):
        await resume_all(services)


async def test_what_is_reopened_at_a_paused_quiz_stands_still(services: Services) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    await pause_all(services)
    opened = await reopen(services, session_id, 60, at=LATER + LONG)
    assert (opened.paused, opened.time_remaining) == (True, 60)
    await resume_all(services, at=LATER + 2 * LONG)
    assert await deadline_of(services, session_id) == LATER + 2 * LONG + 60 * SECOND
    assert (await services.audit.verify(session_id)).differs == []


async def test_a_pause_and_a_resumption_at_the_same_time_leave_one_of_both(services: Services) -> None:
    await put_quiz(services)
    session_ids = [await start(services, f"user{i}") for i in range(5)]
    await pause_all(services)
    await asyncio.gather(
        resume_all(services, at=LATER + LONG), pause_all(services, at=LATER + LONG), return_exceptions=True
    )
    shown = [(await services.sessions.get_session(each, at=LATER + LONG)).paused for each in session_ids]
    quiz = await services.administration.get_quiz("quiz1")
    assert shown == [quiz.paused_at is not None] * 5


async def test_a_start_beside_a_pause_is_refused_or_stands_still(services: Services) -> None:
    await put_quiz(services)
    starts = [start(services, f"user{i}", at=LATER) for i in range(10)]
    _, *started = await asyncio.gather(pause_all(services), *starts, return_exceptions=True)
    for each in started:
        assert isinstance(each, UUID | QuizPausedError)
        if isinstance(each, UUID):
            assert (await services.sessions.get_session(each, at=LATER + SECOND)).paused


async def test_a_pause_whose_reply_was_lost_is_told_as_made(services: Services, database: Database) -> None:
    await put_quiz(services)
    session_ids = [await start(services, f"user{i}") for i in range(2)]
    first = await pause_all(services, key="fire")
    again = await pause_all(services, at=LATER + SECOND, key="fire")
    assert sorted(first.changed) == sorted(session_ids)
    assert again.unchanged == {"paused already": Counted(2, sorted(session_ids))}
    assert events(database, session_ids[0]) == ["started", "paused"]


async def test_a_pause_that_is_sent_again_after_all_went_on_stops_nothing(
    services: Services, database: Database
) -> None:
    await put_quiz(services)
    first = await start(services)
    await pause_all(services, key="fire")
    await resume_all(services)
    second = await start(services, "user2", at=LATER + LONG)
    again = await pause_all(services, at=LATER + LONG + SECOND, key="fire")
    assert again.changed == []
    assert again.unchanged == {
        "paused already": Counted(1, [first]),
        "started since": Counted(1, [second]),
    }
    assert (await services.administration.get_quiz("quiz1")).paused_at is None
    assert events(database, second) == ["started"]


async def test_a_resumption_that_is_sent_again_after_another_pause_starts_nothing(
    services: Services, database: Database
) -> None:
    await put_quiz(services)
    first = await start(services)
    await pause_all(services)
    await resume_all(services, key="over")
    second = await start(services, "user2", at=LATER + LONG)
    await pause_all(services, at=LATER + LONG + SECOND)
    again = await resume_all(services, at=LATER + LONG + SECOND, key="over")
    assert again.changed == []
    assert again.unchanged == {
        "resumed already": Counted(1, [first]),
        "started since": Counted(1, [second]),
    }
    assert (await services.administration.get_quiz("quiz1")).paused_at is not None
    assert events(database, second) == ["started", "paused"]


async def test_a_key_of_a_pause_is_not_good_for_another_where_nobody_sat(services: Services) -> None:
    await put_quiz(services)
    await pause_all(services, key="fire")
    await resume_all(services)
    with pytest.raises(IdempotencyKeyReusedError):
        await services.room.pause_quiz("quiz1", "another", idempotency_key="fire", by="teacher", at=LATER)


async def test_a_resumption_of_all_that_waits_for_a_pause_of_one_sees_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await pause_all(services)
    with row_held(stores, session_id) as held:
        pausing = await held.behind(pause(services, session_id, LATER + SECOND))
        resuming = await held.behind(resume_all(services))
    assert (await pausing).paused
    assert (await resuming).unchanged["paused by itself"].number == 1
    await resume(services, session_id)
    assert not (await services.sessions.get_session(session_id, at=LATER + LONG)).paused


async def test_a_resumption_of_one_that_waits_for_a_pause_of_all_sees_it(
    services: Services, stores: Stores
) -> None:
    await put_quiz(services)
    session_id = await start(services)
    await pause(services, session_id)
    with row_held(stores, session_id) as held:
        pausing = await held.behind(pause_all(services, LATER + SECOND))
        resuming = await held.behind(resume(services, session_id))
    assert (await pausing).changed == [session_id]
    assert (await resuming).paused
    await resume_all(services)
    assert not (await services.sessions.get_session(session_id, at=LATER + LONG)).paused
