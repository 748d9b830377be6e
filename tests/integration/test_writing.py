"""The data rules of a write: what is committed, what is a draft, and which answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.errors import (
    InvalidInputError,
    QuizClosedError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
    VersionConflictError,
)
from quiz_sessions.domain.quizzes import QuizRules, WhenActive
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.locks import holding
from tests.harness.service import flush_at, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, events, row

T = TypeVar("T")
MONTH = 31 * 24 * 3600 * SECOND


# Starting


async def test_twenty_simultaneous_starts_get_twenty_numbers(services: Services) -> None:
    started = await asyncio.gather(*(services.sessions.create_session("user1", "quiz1") for _ in range(20)))
    assert sorted(session.attempt_no for session in started) == list(range(1, 21))


async def test_twenty_simultaneous_starts_with_one_key_are_one_start(
    services: Services, database: Database
) -> None:
    started = await asyncio.gather(
        *(services.sessions.create_session("user1", "quiz1", idempotency_key="k") for _ in range(20))
    )
    assert len({session.id for session in started}) == 1
    assert sum(not session.replayed for session in started) == 1
    assert database.execute("SELECT count(*) AS n FROM quiz_attempts").fetchone() == {"n": 1}


async def test_a_replayed_start_shows_the_answers_given_since(services: Services) -> None:
    first = await services.sessions.create_session("user1", "quiz1", idempotency_key="k", at=START)
    await services.sessions.update_answer(first.id, 0, "A", at=LATER)
    again = await services.sessions.create_session("user1", "quiz1", idempotency_key="k", at=LATER)
    assert again.answers == {"0": "A"}
    assert again.replayed


async def test_attempts_of_two_quizzes_are_numbered_apart(services: Services) -> None:
    await services.sessions.create_session("user1", "quiz1")
    other = await services.sessions.create_session("user1", "quiz2")
    assert other.attempt_no == 1


# Committing


async def test_every_row_change_writes_one_event_with_its_revision(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.complete(session_id, at=LATER + SECOND)
    rows = database.execute("SELECT revision, version, type FROM attempt_events ORDER BY revision").fetchall()
    assert rows == [
        {"revision": 0, "version": 0, "type": "started"},
        {"revision": 1, "version": 1, "type": "answered"},
        {"revision": 2, "version": 2, "type": "completed"},
    ]


async def test_an_event_holds_what_changed(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, {"a": None}, at=LATER)
    event = database.execute("SELECT changes FROM attempt_events WHERE type = 'answered'").fetchone()
    assert event is not None
    changes: Any = event["changes"]
    assert changes["answers"] == {"0": {"a": None}}
    assert changes["current_question"] == 1


async def test_a_held_up_request_does_not_undo_a_newer_answer(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "newer", at=LATER)
    session = await services.sessions.update_answer(session_id, 0, "older", at=LATER - 1)
    assert session.answers == {"0": "newer"}
    assert session.version == 2


async def test_a_held_up_request_keeps_its_other_answers(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "newer", at=LATER)
    session = await services.sessions.update_answers(session_id, {"0": "older", "1": "B"}, at=LATER - 1)
    assert session.answers == {"0": "newer", "1": "B"}


async def test_a_held_up_request_does_not_move_the_current_question_back(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 5, "newer", at=LATER)
    session = await services.sessions.update_answer(session_id, 2, "older", at=LATER - 1)
    assert session.current_question == 6
    assert (await services.audit.verify(session_id)).intact


async def test_repeating_a_write_without_version_is_a_new_write(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    session = await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    assert session.version == 2


async def test_with_the_current_version_an_answer_counts_whatever_its_time(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    session = await services.sessions.update_answer(session_id, 0, "B", version=1, at=LATER - 1)
    assert session.answers == {"0": "B"}


async def test_the_time_of_an_answer_is_never_lowered(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.update_answer(session_id, 0, "B", version=1, at=LATER - 1)
    assert row(database, session_id)["answer_meta"] == {
        "0": {"version": 2, "at": LATER + 1, "writer": "-", "first_at": LATER}
    }


async def test_when_a_question_was_first_answered_is_kept(services: Services, database: Database) -> None:
    session_id = await start(services)
    for number, answer in enumerate("ABC"):
        await services.sessions.update_answer(session_id, 0, answer, at=LATER + number)
    assert row(database, session_id)["answer_meta"]["0"]["first_at"] == LATER


async def test_a_stale_version_names_what_has_changed(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.update_answers(session_id, {"1": "B", "x": "C"}, at=LATER)
    with pytest.raises(VersionConflictError) as conflict:
        await services.sessions.update_answer(session_id, 9, "Z", version=1, at=LATER)
    assert conflict.value.changed_questions == ["1", "x"]
    assert conflict.value.session.version == 2


async def test_a_repeat_whose_commit_succeeded_returns_its_result(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", version=0, at=LATER)
    again = await services.sessions.update_answer(session_id, 0, "A", version=0, at=LATER + SECOND)
    assert again.version == 1
    assert again.durability == "committed"


async def test_the_same_answer_by_another_version_is_no_repeat(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.sessions.update_answer(session_id, 1, "B", at=LATER)
    with pytest.raises(VersionConflictError):
        await services.sessions.update_answer(session_id, 0, "A", version=1, at=LATER)


async def test_other_answers_at_the_next_version_are_no_repeat(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", version=0, at=LATER)
    with pytest.raises(VersionConflictError):
        await services.sessions.update_answer(session_id, 0, "B", version=0, at=LATER)


async def test_a_write_with_one_more_answer_is_no_repeat(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", version=0)
    with pytest.raises(VersionConflictError):
        await services.sessions.update_answers(session_id, {"0": "A", "1": "B"}, version=0)


async def test_of_simultaneous_writes_with_one_version_one_succeeds(services: Services) -> None:
    session_id = await start(services)
    results = await asyncio.gather(
        *(services.sessions.update_answer(session_id, i, i, version=0) for i in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Session) for result in results) == 1
    assert sum(isinstance(result, VersionConflictError) for result in results) == 9


async def test_simultaneous_writes_get_different_versions(services: Services) -> None:
    session_id = await start(services)
    results = await asyncio.gather(*(services.sessions.update_answer(session_id, i, i) for i in range(10)))
    assert sorted(result.version for result in results) == list(range(1, 11))


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_unknown_session_takes_no_answer(services: Services, autosave: bool) -> None:
    with pytest.raises(SessionNotFoundError):
        await services.sessions.update_answer(uuid4(), 0, "A", autosave=autosave)


# Drafts


async def test_an_autosave_leaves_version_and_row_alone(services: Services, database: Database) -> None:
    session_id = await start(services)
    session = await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER)
    assert (session.version, session.durability, session.buffered_questions) == (0, "buffered", ["0"])
    assert row(database, session_id)["answers"] == {}


async def test_a_read_shows_drafts_over_answers(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "committed", at=LATER)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER + 1)
    session = await services.sessions.get_session(session_id, at=LATER + 2)
    assert session.answers == {"0": "draft"}
    assert session.buffered_questions == ["0"]


async def test_a_commit_beats_an_older_draft(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    session = await services.sessions.update_answer(session_id, 0, "committed", at=LATER + 1)
    assert session.answers == {"0": "committed"}
    assert valkey.exists(f"{{session:{session_id}}}:drafts") == 0


async def test_a_commit_drops_a_draft_of_the_same_moment(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    await services.sessions.update_answer(session_id, 0, "committed", at=LATER)
    assert valkey.exists(f"{{session:{session_id}}}:drafts") == 0


async def test_a_commit_leaves_a_newer_draft(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER + 1)
    session = await services.sessions.update_answer(session_id, 0, "committed", at=LATER)
    assert session.answers == {"0": "draft"}
    assert session.durability == "committed"
    assert session.buffered_questions == ["0"]


async def test_of_two_drafts_the_one_received_later_stays(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "newer", autosave=True, at=LATER + 1)
    session = await services.sessions.update_answer(session_id, 0, "older", autosave=True, at=LATER)
    assert session.answers == {"0": "newer"}
    read = await services.sessions.get_session(session_id, at=LATER + 2)
    assert read.answers == {"0": "newer"}


async def test_an_autosave_with_a_stale_version_conflicts(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    with pytest.raises(VersionConflictError):
        await services.sessions.update_answer(session_id, 1, "B", version=0, autosave=True, at=LATER)


async def test_an_autosave_finds_the_right_version_behind_a_stale_cache(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    stale = valkey.get(f"session:{session_id}")
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    valkey.set(f"session:{session_id}", stale)  # type: ignore[arg-type]  # redis-py types a sync reply as maybe async
    session = await services.sessions.update_answer(session_id, 1, "B", version=1, autosave=True, at=LATER)
    assert session.version == 1


async def test_an_autosave_works_where_the_session_is_not_cached(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    valkey.delete(f"session:{session_id}")
    session = await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER)
    assert session.answers == {"0": "A"}


async def test_an_older_row_does_not_go_over_a_newer_cached_one(services: Services) -> None:
    session_id = await start(services)
    (old,) = await services.stores.attempts.get([session_id])
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    await services.stores.valkey.put_session(old)
    assert (await services.sessions.get_session(session_id, at=LATER)).version == 1


async def test_a_cached_session_lives_for_half_an_hour_and_drafts_until_they_are_flushed(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", autosave=True, at=LATER)
    assert 1790 <= int(valkey.ttl(f"session:{session_id}")) <= 1800
    assert valkey.ttl(f"{{session:{session_id}}}:drafts") == -1
    assert valkey.ttl("dirty:0") == -1


async def test_a_cached_session_begins_with_its_revision(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    cached = valkey.get(f"session:{session_id}")
    assert isinstance(cached, bytes)
    assert cached.startswith(b'{"revision":0,')


# Ending


async def test_completing_merges_drafts_and_last_answers(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    await services.sessions.update_answer(session_id, 1, "draft", autosave=True, at=LATER)
    session = await services.sessions.complete(session_id, {"1": "last"}, at=LATER + 1)
    assert session.status == "completed"
    assert session.answers == {"0": "draft", "1": "last"}
    assert row(database, session_id)["answers"] == session.answers
    assert session.buffered_questions == []
    assert valkey.exists(f"{{session:{session_id}}}:drafts") == 0


async def test_completing_merges_drafts_that_lost_their_mark(services: Services, valkey: redis.Redis) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    valkey.delete("dirty:0")
    session = await services.sessions.complete(session_id, at=LATER + 1)
    assert session.answers == {"0": "draft"}


async def test_completing_leaves_out_a_draft_made_after_it(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "after", autosave=True, at=LATER + 2)
    session = await services.sessions.complete(session_id, at=LATER)
    assert session.answers == {}


async def test_completing_again_returns_the_same_result(services: Services, database: Database) -> None:
    session_id = await start(services)
    first = await services.sessions.complete(session_id, {"0": "A"}, at=LATER)
    again = await services.sessions.complete(session_id, {"0": "A"}, at=LATER + SECOND)
    assert again == first
    assert events(database, session_id) == ["started", "completed"]


async def test_simultaneous_completions_are_one(services: Services, database: Database) -> None:
    session_id = await start(services)
    results = await asyncio.gather(*(services.sessions.complete(session_id) for _ in range(10)))
    assert len({result.completed_at for result in results}) == 1
    assert events(database, session_id) == ["started", "completed"]


async def test_completing_with_a_stale_version_conflicts(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "A", at=LATER)
    with pytest.raises(VersionConflictError):
        await services.sessions.complete(session_id, version=0, at=LATER)


async def test_time_remaining_stands_still_once_completed(services: Services) -> None:
    session_id = await start(services)
    done = await services.sessions.complete(session_id, at=LATER)
    later = await services.sessions.get_session(session_id, at=LATER + 100 * SECOND)
    assert done.time_remaining == later.time_remaining == 1790


async def test_abandoning_keeps_drafts_as_answers(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=LATER)
    session = await services.sessions.abandon(session_id, at=LATER + 1)
    assert (session.status, session.answers, session.completed_at) == ("abandoned", {"0": "draft"}, None)
    assert row(database, session_id)["answers"] == {"0": "draft"}


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_completed_session_takes_no_answer(services: Services, autosave: bool) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await services.sessions.update_answer(session_id, 0, "A", autosave=autosave, at=LATER + 1)


# The deadline


async def test_an_answer_at_the_deadline_is_in_time(services: Services) -> None:
    session_id = await start(services)
    session = await services.sessions.update_answer(session_id, 0, "A", at=END)
    assert (session.status, session.time_remaining) == ("in_progress", 0)


@pytest.mark.parametrize("autosave", [False, True])
async def test_an_answer_after_the_deadline_expires_the_session_at_once(
    services: Services, database: Database, autosave: bool
) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "late", autosave=autosave, at=END + 1)
    stored = row(database, session_id)
    assert (stored["status"], stored["answers"], stored["completed_at"]) == ("expired", {}, None)
    assert events(database, session_id) == ["started", "expired", "late_answer"]


async def test_a_late_answer_is_kept_uncounted(services: Services, database: Database) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, ["late"], at=END + 1)
    event = database.execute(
        "SELECT changes, revision FROM attempt_events WHERE type = 'late_answer'"
    ).fetchone()
    assert event == {
        "changes": {"late_answers": {"0": {"answer": ["late"], "at": END + 1, "writer": "-"}}},
        "revision": 2,
    }
    assert row(database, session_id)["revision"] == 2


async def test_expiring_by_touch_merges_drafts(services: Services, database: Database) -> None:
    session_id = await start(services)
    await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=END)
    session = await services.sessions.get_session(session_id, at=END + 1)
    assert (session.status, session.answers, session.time_remaining) == ("expired", {"0": "draft"}, 0)
    assert row(database, session_id)["answers"] == {"0": "draft"}


async def test_completing_after_the_deadline_expires_and_keeps_the_last_answers(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.complete(session_id, {"0": "late"}, at=END + 1)
    assert events(database, session_id) == ["started", "expired", "late_answer"]


async def test_an_answer_received_in_time_counts_on_a_row_that_has_expired(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    session = await services.sessions.update_answer(session_id, 0, "held up", at=END)
    assert (session.status, session.answers) == ("expired", {"0": "held up"})
    assert events(database, session_id) == ["started", "expired", "late_merge"]


async def released_once_waited_for(stores: Stores, session_id: UUID, request: Coroutine[Any, Any, T]) -> T:
    """What `request` comes to where another, as a flush does, holds the session's row when it arrives."""
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", session_id) as held:
        task = await held.behind(request)
        held.release()
        return await task


async def test_a_late_autosave_waits_for_who_holds_its_row(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    late = services.sessions.update_answer(session_id, 0, "late", autosave=True, at=END + 1)
    with pytest.raises(SessionExpiredError):
        await released_once_waited_for(stores, session_id, late)
    assert events(database, session_id) == ["started", "expired", "late_answer"]


async def test_a_held_up_autosave_waits_for_who_holds_its_row(services: Services, stores: Stores) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    held_up = services.sessions.update_answer(session_id, 0, "held up", autosave=True, at=END)
    session = await released_once_waited_for(stores, session_id, held_up)
    assert (session.status, session.answers) == ("expired", {"0": "held up"})


async def test_a_start_waits_for_who_holds_the_attempt_before_it(
    services: Services, stores: Stores, database: Database
) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(when_active=WhenActive.REJECT))
    overdue = await start(services)
    following = services.sessions.create_session("user1", "quiz1", at=END + 1)
    session = await released_once_waited_for(stores, overdue, following)
    assert (session.attempt_no, session.status) == (2, "started")
    assert row(database, overdue)["status"] == "expired"


async def test_reading_an_overdue_session_waits_for_nobody(services: Services, database: Database) -> None:
    session_id = await start(services)
    with database.transaction():
        database.execute("SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", [session_id])
        session = await services.sessions.get_session(session_id, at=END + 1)
    assert session.status is Status.EXPIRED
    assert events(database, session_id) == ["started"]


async def test_abandoning_after_the_deadline_is_too_late(services: Services) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.abandon(session_id, at=END + 1)
    assert (await services.sessions.get_session(session_id, at=END + 2)).status is Status.EXPIRED


@pytest.mark.parametrize("autosave", [False, True])
@pytest.mark.parametrize("late", [1, MONTH])
async def test_an_answer_is_too_late_by_however_much(
    services: Services, database: Database, late: int, autosave: bool
) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "late", autosave=autosave, at=END + late)
    assert events(database, session_id) == ["started", "expired", "late_answer"]


async def test_a_month_after_its_end_a_completed_session_still_is_completed(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=LATER)
    with pytest.raises(SessionClosedError):
        await services.sessions.update_answer(session_id, 0, "late", at=END + MONTH)


@pytest.mark.parametrize("flushed", [False, True])
async def test_a_grace_of_a_month_is_all_used(services: Services, flushed: bool) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(grace_seconds=MONTH // SECOND), at=START)
    session_id = await start(services)
    draft = await services.sessions.update_answer(session_id, 0, "draft", autosave=True, at=END + MONTH)
    if flushed:
        await flush_at(services, END + MONTH)
    committed = await services.sessions.update_answer(session_id, 1, "A", at=END + MONTH)
    completed = await services.sessions.complete(session_id, at=END + MONTH)
    # What the column holds, some 25 days.
    assert {draft.late_ms, committed.late_ms, completed.late_ms} == {2**31 - 1}
    assert completed.answers == {"0": "draft", "1": "A"}
    assert (await services.audit.verify(session_id)).intact


async def test_accepted_late_answers_are_late_in_the_trail_too(services: Services) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answer(session_id, 0, "late", at=END + 2 * SECOND)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    session = await services.administration.accept_late_answer(
        session_id, late.event, "it was us", at=END + 9 * SECOND
    )
    assert (session.answers, session.late_ms) == ({"0": "late"}, 2000)
    assert (await services.audit.verify(session_id)).intact


async def test_a_reopened_session_follows_its_quiz_as_it_is_now(services: Services) -> None:
    closing = QuizRules(time_limit_seconds=600, closes_at=from_micros(LATER + SECOND))
    await services.administration.put_quiz("quiz1", closing, at=START)
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END)
    await services.administration.put_quiz(
        "quiz1", QuizRules(time_limit_seconds=900, grace_seconds=5), at=END
    )
    await services.administration.put_accommodation("user1", "quiz1", 60, "an illness", at=END)
    reopened = (await services.administration.reopen(session_id, 300, "the fire alarm", at=END)).session
    assert (reopened.status, reopened.time_remaining) == (Status.STARTED, 300)
    deadline = await services.sessions.get_deadline(session_id, at=END)
    assert (deadline.time_limit_seconds, deadline.accommodation_seconds) == (900, 60)
    assert (deadline.grace_seconds, deadline.closes_at) == (5, None)
    assert (await services.audit.verify(session_id)).intact


async def test_what_is_reopened_ends_with_the_quiz_as_it_is_now(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    closes_at = from_micros(END + 100 * SECOND)
    await services.administration.put_quiz("quiz1", QuizRules(closes_at=closes_at), at=END + 1)
    reopened = (await services.administration.reopen(session_id, 300, "the fire alarm", at=END + 1)).session
    assert reopened.expires_at == closes_at


async def test_nothing_is_reopened_once_the_quiz_has_closed(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=END + 1)
    closes_at = from_micros(END + 100 * SECOND)
    await services.administration.put_quiz("quiz1", QuizRules(closes_at=closes_at), at=END + 1)
    with pytest.raises(QuizClosedError) as closed:
        await services.administration.reopen(session_id, 300, "the fire alarm", at=END + 100 * SECOND)
    assert closed.value.closes_at == closes_at


# What other servers and other versions do


async def test_a_server_in_another_time_zone_shows_the_same_times(
    services: Services, database: Database
) -> None:
    database.execute("ALTER ROLE quiz SET timezone = 'America/New_York'")
    try:
        session_id = await start(services)
        (attempt,) = await services.stores.attempts.get([session_id])
    finally:
        database.execute("ALTER ROLE quiz RESET timezone")
    assert '"started_at":"2027-01-15T08:00:00Z"' in attempt.to_json()
    assert (await services.sessions.get_session(session_id, at=LATER)).to_dict()["started_at"].endswith("00Z")


@pytest.mark.parametrize("cached", ["garbage", "{}", '{"revision":0,"id":"1"}'])
async def test_a_cached_session_of_another_shape_gives_way_to_the_row(
    services: Services, valkey: redis.Redis, cached: str
) -> None:
    session_id = await start(services)
    valkey.set(f"session:{session_id}", cached)
    assert (await services.sessions.get_session(session_id, at=LATER)).status is Status.STARTED
    rewritten = valkey.get(f"session:{session_id}")
    assert isinstance(rewritten, bytes)
    assert rewritten.endswith(b'"needs_grading":false}')


async def test_a_stale_cached_session_refuses_no_autosave_for_its_size(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    large = {str(i): "x" * 60_000 for i in range(17)}
    await services.sessions.update_answers(session_id, large, at=LATER)
    stale = valkey.get(f"session:{session_id}")
    assert isinstance(stale, bytes)
    await services.sessions.update_answers(session_id, dict.fromkeys(large, ""), version=1, at=LATER)
    valkey.set(f"session:{session_id}", stale)
    session = await services.sessions.update_answer(session_id, 99, "y" * 60_000, autosave=True, at=LATER)
    assert session.buffered_questions == ["99"]


# Limits where answers came both ways


async def overfill(services: Services) -> UUID:
    """A session with 600 answers, 300 of them committed while 300 others were drafts."""
    session_id = await start(services)
    await services.sessions.update_answers(
        session_id, {f"a{i}": i for i in range(300)}, autosave=True, at=LATER
    )
    await services.sessions.update_answers(session_id, {f"b{i}": i for i in range(300)}, at=LATER)
    return session_id


async def test_completing_never_fails_for_drafts_that_were_accepted(services: Services) -> None:
    session_id = await overfill(services)
    session = await services.sessions.complete(session_id, {"a0": "last"}, at=LATER + 1)
    assert len(session.answers) == 600
    assert session.answers["a0"] == "last"


async def test_a_session_over_its_limit_still_takes_changes_but_no_more_answers(services: Services) -> None:
    session_id = await overfill(services)
    await services.flusher.run()
    changed = await services.sessions.update_answer(session_id, "a0", "changed", at=LATER + 1)
    assert changed.answers["a0"] == "changed"
    with pytest.raises(InvalidInputError):
        await services.sessions.update_answer(session_id, "one more", 1, at=LATER + 1)
