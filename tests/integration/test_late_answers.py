"""The grace after a deadline, what comes behind it, and what a teacher lets count after all."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    InvalidInputError,
    LateAnswerNotFoundError,
    SessionClosedError,
    SessionExpiredError,
    SessionNotFoundError,
)
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros, iso
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import Api
from tests.harness.locks import holding
from tests.harness.service import flush_at
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, contents, events, row

GRACE = 10
LAST = END + GRACE * SECOND
TWENTY = range(20)
WHY = "the network was down"
MAX = 2**31 - 1


async def put(services: Services, at: Micros = START, **fields: Any) -> None:
    await services.administration.put_quiz("quiz1", QuizRules(**{"grace_seconds": GRACE, **fields}), at=at)


async def start(services: Services, user: str = "user1", **fields: Any) -> UUID:
    """A session with ten seconds of grace."""
    await put(services, **fields)
    return (await services.sessions.create_session(user, "quiz1", at=START)).id


async def answer(
    services: Services, session_id: UUID, question: int, value: Any, at: Micros, *, autosave: bool = False
) -> Session:
    return await services.sessions.update_answer(session_id, question, value, autosave=autosave, at=at)


async def answer_late(services: Services, session_id: UUID, answers: dict[str, Any], at: Micros) -> int:
    """The number of the event that keeps them."""
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answers(session_id, answers, at=at)
    return (await services.administration.late_answers(session_id)).late_answers[-1].event


async def accept(services: Services, session_id: UUID, event: int, at: Micros = LAST + SECOND) -> Session:
    return await services.administration.accept_late_answer(session_id, event, WHY, by="teacher", at=at)


# Within the grace

LATENESS = [(END, 0), (END + 1, 1), (END + 1000, 1), (END + 1001, 2), (LAST, GRACE * 1000)]


@pytest.mark.parametrize(("at", "late_ms"), LATENESS)
async def test_a_write_in_the_grace_is_accepted_and_marked(
    services: Services, database: Database, at: Micros, late_ms: int
) -> None:
    session_id = await start(services)
    session = await answer(services, session_id, 0, "A", at)
    assert (session.answers, session.durability, session.late_ms) == ({"0": "A"}, "committed", late_ms)
    assert (session.status, session.time_remaining) == (Status.IN_PROGRESS, 0)
    assert row(database, session_id)["late_ms"] == late_ms
    (change,) = changes(database, session_id, "answered")
    assert change.get("late_ms", 0) == late_ms


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_write_behind_the_grace_is_too_late(
    services: Services, database: Database, autosave: bool
) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await answer(services, session_id, 0, "A", LAST + 1, autosave=autosave)
    stored = row(database, session_id)
    assert (stored["status"], stored["answers"], stored["late_ms"]) == ("expired", {}, 0)
    assert stored["ended_at"] == from_micros(LAST)
    assert events(database, session_id) == ["started", "expired", "late_answer"]


@pytest.mark.parametrize(("at", "late_ms"), LATENESS)
async def test_a_draft_in_the_grace_counts_and_is_marked(
    services: Services, database: Database, at: Micros, late_ms: int
) -> None:
    session_id = await start(services)
    session = await answer(services, session_id, 0, "A", at, autosave=True)
    assert (session.buffered_questions, session.late_ms) == (["0"], late_ms)
    assert (await flush_at(services, LAST)).sessions_flushed == 1
    stored = row(database, session_id)
    assert (stored["status"], stored["answers"], stored["late_ms"]) == ("in_progress", {"0": "A"}, late_ms)
    (change,) = changes(database, session_id, "merged")
    assert change.get("late_ms", 0) == late_ms
    assert (await services.audit.verify(session_id)).intact


async def test_a_draft_in_the_grace_is_merged_by_the_expiry(services: Services, database: Database) -> None:
    session_id = await start(services)
    await answer(services, session_id, 0, "A", LAST, autosave=True)
    assert (await flush_at(services, LAST + 1)).sessions_expired == 1
    stored = row(database, session_id)
    assert (stored["status"], stored["answers"], stored["late_ms"]) == ("expired", {"0": "A"}, GRACE * 1000)
    assert (await services.audit.verify(session_id)).intact


async def test_nothing_expires_within_the_grace(services: Services, database: Database) -> None:
    session_id = await start(services)
    assert (await services.sessions.get_session(session_id, at=LAST)).status is Status.STARTED
    assert (await flush_at(services, LAST)).sessions_expired == 0
    assert events(database, session_id) == ["started"]
    assert (await services.sessions.get_session(session_id, at=LAST + 1)).status is Status.EXPIRED


@pytest.mark.parametrize(
    ("at", "completed", "late_ms"),
    [(END - 1, END - 1, 0), (END, END, 0), (END + 1, END, 1), (LAST, END, GRACE * 1000)],
)
async def test_a_completion_in_the_grace_is_of_the_deadline(
    services: Services, database: Database, at: Micros, completed: Micros, late_ms: int
) -> None:
    session_id = await start(services)
    session = await services.sessions.complete(session_id, {"0": "A"}, at=at)
    assert (session.status, session.completed_at, session.late_ms) == (
        Status.COMPLETED,
        from_micros(completed),
        late_ms,
    )
    assert row(database, session_id)["completed_at"] == from_micros(completed)
    assert changes(database, session_id, "completed")[0]["late_ms"] == late_ms
    assert (await services.audit.verify(session_id)).intact


async def test_a_completion_behind_the_grace_is_too_late_and_keeps_its_answers(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    with pytest.raises(SessionExpiredError):
        await services.sessions.complete(session_id, {"0": "A"}, at=LAST + 1)
    assert row(database, session_id)["completed_at"] is None
    assert events(database, session_id) == ["started", "expired", "late_answer"]


async def test_a_completion_takes_drafts_of_the_grace(services: Services) -> None:
    session_id = await start(services)
    await answer(services, session_id, 0, "draft", END + SECOND, autosave=True)
    session = await services.sessions.complete(session_id, at=END + 2 * SECOND)
    assert (session.answers, session.late_ms) == ({"0": "draft"}, 2000)


async def test_the_latest_answer_makes_the_lateness(services: Services) -> None:
    session_id = await start(services)
    assert (await answer(services, session_id, 0, "A", END + 5 * SECOND)).late_ms == 5000
    assert (await answer(services, session_id, 1, "B", END + 3 * SECOND)).late_ms == 5000
    assert (await answer(services, session_id, 2, "C", END + 6 * SECOND)).late_ms == 6000


async def test_an_answer_of_the_grace_held_up_by_a_slow_function_counts_and_is_marked(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.get_session(session_id, at=LAST + 1)
    session = await answer(services, session_id, 0, "held up", LAST)
    assert (session.status, session.answers, session.late_ms) == (
        Status.EXPIRED,
        {"0": "held up"},
        GRACE * 1000,
    )
    assert events(database, session_id) == ["started", "expired", "late_merge"]


async def test_the_grace_over_http(api: Api) -> None:
    await api("PUT", "/quizzes/quiz1", {"grace_seconds": GRACE})
    session = (await api("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})).json()
    path = f"/sessions/{session['id']}"
    late = await api("PATCH", f"{path}/progress", {"question_id": 0, "answer": "A"}, at=LAST)
    assert (late.status_code, late.json()["late_ms"], late.json()["time_remaining"]) == (200, GRACE * 1000, 0)
    assert late.json()["next_autosave_after_ms"] > 0
    gone = await api("PATCH", f"{path}/progress", {"question_id": 0, "answer": "B"}, at=LAST + 1000)
    assert (gone.status_code, gone.json()["code"]) == (410, "session_expired")
    read = await api("GET", path)
    assert (read.json()["answers"], read.json()["late_ms"], read.json()["status"]) == (
        {"0": "A"},
        GRACE * 1000,
        "expired",
    )


async def test_without_a_grace_the_deadline_is_the_end(services: Services) -> None:
    session_id = await start(services, grace_seconds=0)
    assert (await answer(services, session_id, 0, "A", END)).late_ms == 0
    with pytest.raises(SessionExpiredError):
        await answer(services, session_id, 0, "B", END + 1)


async def test_more_time_makes_a_late_answer_less_late(services: Services) -> None:
    session_id = await start(services)
    await answer(services, session_id, 0, "A", END + 5 * SECOND)
    less = await services.administration.extend(session_id, 3, WHY, at=END + 5 * SECOND)
    assert less.session.late_ms == 2000
    enough = await services.administration.extend(session_id, 3, WHY, at=END + 5 * SECOND)
    assert enough.session.late_ms == 0
    assert (await services.audit.verify(session_id)).intact


# A month of grace, or before the deadline, has more milliseconds than an integer

MONTH_LATER = END + MAX_CHANGE_SECONDS * SECOND


async def test_the_longest_grace_takes_writes_to_its_end(services: Services, database: Database) -> None:
    session_id = await start(services, grace_seconds=MAX_CHANGE_SECONDS)
    assert (await answer(services, session_id, 0, "A", MONTH_LATER)).late_ms == MAX
    draft = await answer(services, session_id, 1, "B", MONTH_LATER, autosave=True)
    assert (draft.late_ms, draft.buffered_questions) == (MAX, ["1"])
    assert (await flush_at(services, MONTH_LATER)).flush_failures == 0
    session = await services.sessions.complete(session_id, {"2": "C"}, at=MONTH_LATER)
    assert (session.answers, session.late_ms) == ({"0": "A", "1": "B", "2": "C"}, MAX)
    assert row(database, session_id)["late_ms"] == MAX
    assert (await services.audit.verify(session_id)).intact


async def test_the_longest_limit_takes_drafts_from_its_beginning(
    services: Services, database: Database
) -> None:
    session_id = await start(services, time_limit_seconds=MAX_CHANGE_SECONDS)
    await answer(services, session_id, 0, "A", START, autosave=True)
    report = await flush_at(services, START)
    assert (report.sessions_flushed, report.flush_failures) == (1, 0)
    stored = row(database, session_id)
    assert (stored["answers"], stored["late_ms"]) == ({"0": "A"}, 0)


async def test_a_late_answer_of_another_year_is_accepted(services: Services) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "A"}, END + 400 * 24 * 3600 * SECOND)
    assert (await accept(services, session_id, event)).late_ms == MAX


# What came too late


async def test_late_answers_are_listed_in_the_order_of_their_arrival(services: Services, api: Api) -> None:
    session_id = await start(services)
    first = await answer_late(services, session_id, {"0": "A", "1": None}, LAST + 1000)
    second = await answer_late(services, session_id, {"0": "B"}, LAST + 2000)
    await accept(services, session_id, second)
    reply = await api("GET", f"/sessions/{session_id}/late-answers")
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    assert reply.json() == {
        "late_answers": [
            {
                "event": first,
                "answers": {"0": "A", "1": None},
                "received_at": iso(from_micros(LAST + 1000)),
                "accepted": False,
            },
            {
                "event": second,
                "answers": {"0": "B"},
                "received_at": iso(from_micros(LAST + 2000)),
                "accepted": True,
            },
        ],
        "next_after": None,
    }


async def test_a_session_without_late_answers_lists_none(services: Services) -> None:
    assert (await services.administration.late_answers(await start(services))).late_answers == []
    with pytest.raises(SessionNotFoundError):
        await services.administration.late_answers(uuid4())


async def test_a_late_answer_sent_again_is_kept_once(services: Services) -> None:
    session_id = await start(services)
    await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    for at in (LAST + 1, LAST + SECOND):
        with pytest.raises(SessionExpiredError):
            await services.sessions.update_answers(session_id, {"0": "A"}, at=at)
    assert len((await services.administration.late_answers(session_id)).late_answers) == 1


async def test_a_late_answer_that_was_another_one_meanwhile_is_kept(services: Services) -> None:
    session_id = await start(services)
    for number, answer in enumerate("ABA"):
        await answer_late(services, session_id, {"0": answer}, LAST + 1 + number)
    listed = (await services.administration.late_answers(session_id)).late_answers
    assert [late.answers["0"]["answer"] for late in listed] == ["A", "B", "A"]


async def test_a_draft_from_behind_the_end_is_a_late_answer(services: Services) -> None:
    session_id = await start(services)
    await services.stores.valkey.put_drafts(session_id, Drafts({"q": Draft("late", LAST + 1)}))
    await flush_at(services, LAST + 1)
    await flush_at(services, LAST + 1)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    assert late.answers == {"q": {"answer": "late", "at": LAST + 1, "writer": "-"}}
    assert (await accept(services, session_id, late.event)).answers == {"q": "late"}


# Accepting


async def test_an_accepted_late_answer_counts_and_is_marked(services: Services, database: Database) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    session = await accept(services, session_id, event)
    assert (session.status, session.answers, session.version) == (Status.EXPIRED, {"0": "A"}, 0)
    assert session.late_ms == GRACE * 1000 + 1
    (change,) = changes(database, session_id, "late_accepted")
    assert {name: change[name] for name in ("late_answer", "answers", "by", "reason", "late_ms")} == {
        "late_answer": event,
        "answers": {"0": "A"},
        "by": "teacher",
        "reason": WHY,
        "late_ms": GRACE * 1000 + 1,
    }
    assert (await services.sessions.get_session(session_id, at=LAST + SECOND)).answers == {"0": "A"}
    assert (await services.audit.verify(session_id)).intact


async def test_an_accepted_late_answer_leaves_when_its_question_was_first_answered(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.update_answers(session_id, {"0": "B"}, at=LATER)
    await accept(services, session_id, await answer_late(services, session_id, {"0": "A"}, LAST + 1))
    meta = row(database, session_id)["answer_meta"]["0"]
    assert (meta["at"], meta["first_at"]) == (LAST + 1, LATER)


async def test_accepting_again_changes_nothing(services: Services, database: Database) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    first = await accept(services, session_id, event)
    before = contents(database)
    assert await accept(services, session_id, event, LAST + 5 * SECOND) == first
    assert contents(database) == before


async def test_twenty_simultaneous_acceptances_are_one(services: Services, database: Database) -> None:
    questions = parse_questions({"0": {"grading": "exact", "key": "A"}})
    session_id = await start(services, questions=questions)
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    found = await asyncio.gather(*(accept(services, session_id, event) for _ in TWENTY))
    assert all(session.answers == {"0": "A"} for session in found)
    assert events(database, session_id).count("late_accepted") == 1
    assert (row(database, session_id)["score"], row(database, session_id)["needs_grading"]) == (1, False)
    assert (await services.audit.verify(session_id)).intact


async def test_acceptances_that_wait_for_each_other_are_one(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    with holding(stores, "SELECT FROM quiz_attempts FOR UPDATE") as held:
        waiting = [await held.behind(accept(services, session_id, event)) for _ in range(4)]
        held.release()
        found = await asyncio.gather(*waiting)
    assert all(session.answers == {"0": "A"} for session in found)
    assert events(database, session_id).count("late_accepted") == 1


async def test_of_late_answers_accepted_in_any_order_the_later_one_counts(services: Services) -> None:
    session_id = await start(services)
    first = await answer_late(services, session_id, {"0": "first", "1": "only"}, LAST + 1)
    second = await answer_late(services, session_id, {"0": "second"}, LAST + 2)
    await accept(services, session_id, second)
    assert (await accept(services, session_id, first)).answers == {"0": "second", "1": "only"}
    assert [
        late.accepted for late in (await services.administration.late_answers(session_id)).late_answers
    ] == [True, True]


async def test_simultaneous_acceptances_of_two_late_answers_both_count(services: Services) -> None:
    session_id = await start(services)
    one = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    two = await answer_late(services, session_id, {"1": "B"}, LAST + 2)
    await asyncio.gather(accept(services, session_id, one), accept(services, session_id, two))
    session = await services.sessions.get_session(session_id, at=LAST + SECOND)
    assert session.answers == {"0": "A", "1": "B"}


async def test_an_accepted_late_answer_stands_over_what_was_given_in_time(services: Services) -> None:
    session_id = await start(services)
    await answer(services, session_id, 0, "in time", END)
    event = await answer_late(services, session_id, {"0": "late"}, LAST + 1)
    assert (await accept(services, session_id, event)).answers == {"0": "late"}


async def test_a_late_answer_is_older_than_what_was_given_after_a_reopening(services: Services) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "late"}, LAST + 1)
    await services.administration.reopen(session_id, 600, WHY, at=LAST + 2)
    await answer(services, session_id, 0, "newer", LAST + 3)
    session = await accept(services, session_id, event)
    assert (session.status, session.answers) == (Status.IN_PROGRESS, {"0": "newer"})
    assert (await services.audit.verify(session_id)).intact


async def test_what_is_no_late_answer_can_not_be_accepted(services: Services, database: Database) -> None:
    session_id, other = await start(services), await start(services, "user2")
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    before = contents(database)
    for unknown in (0, 1, event + 1, MAX):
        with pytest.raises(LateAnswerNotFoundError):
            await accept(services, session_id, unknown)
    with pytest.raises(LateAnswerNotFoundError):
        await accept(services, other, event)
    with pytest.raises(SessionNotFoundError):
        await accept(services, uuid4(), event)
    for impossible in (-1, MAX + 1):
        with pytest.raises(InvalidInputError):
            await accept(services, session_id, impossible)
    assert contents(database) == before


async def test_accepting_over_http(services: Services, api: Api, database: Database) -> None:
    session_id = await start(services)
    event = await answer_late(services, session_id, {"0": "A"}, LAST + 1)
    path = f"/sessions/{session_id}/late-answers"
    body = {"reason": WHY}
    before = contents(database)
    for number, status in ((0, 404), (-1, 422), (MAX, 404), (MAX + 1, 422), (10**30, 422), ("x", 422)):
        reply = await api("POST", f"{path}/{number}/accept", body)
        assert reply.status_code == status, number
    assert contents(database) == before
    reply = await api("POST", f"{path}/{event}/accept", body)
    assert (reply.status_code, reply.json()["answers"]) == (200, {"0": "A"})
    assert reply.json()["next_autosave_after_ms"] is None


# Regrading what changes after the end

KEYED = parse_questions(
    {"0": {"grading": "exact", "key": "A"}, "1": {"grading": "exact", "key": "B", "points": 2}}
)


async def test_an_accepted_late_answer_is_graded(services: Services, database: Database) -> None:
    session_id = await start(services, questions=KEYED)
    await answer(services, session_id, 0, "A", START)
    event = await answer_late(services, session_id, {"1": "B"}, LAST + 1)
    assert row(database, session_id)["score"] == 1
    session = await accept(services, session_id, event)
    assert (session.score, session.max_score) == (3, 3)
    assert (await services.scores.results(session_id, at=LAST + SECOND)).questions == {
        "0": {"points": 1, "max_points": 1, "correct": True, "marked_by": "key", "comment": None},
        "1": {"points": 2, "max_points": 2, "correct": True, "marked_by": "key", "comment": None},
    }
    graded = changes(database, session_id, "graded")
    assert [change["score"] for change in graded] == [1, 3]


async def test_a_late_merge_is_graded(services: Services, database: Database) -> None:
    session_id = await start(services, questions=KEYED)
    assert (await services.sessions.get_session(session_id, at=LAST + 1)).score == 0
    assert (await answer(services, session_id, 1, "B", LAST)).score == 2
    assert events(database, session_id) == ["started", "expired", "graded", "late_merge", "graded"]


async def test_a_late_merge_by_the_flush_is_graded(
    services: Services, database: Database, valkey: redis.Redis
) -> None:
    session_id = await start(services, questions=KEYED)
    await services.sessions.complete(session_id, {"0": "A"}, at=END)
    await services.stores.valkey.put_drafts(session_id, Drafts({"1": Draft("B", END - 1)}))
    report = await flush_at(services, END + SECOND)
    assert (report.drafts_late, report.attempts_graded) == (1, 1)
    assert (row(database, session_id)["score"], row(database, session_id)["needs_grading"]) == (3, False)
    assert (await services.sessions.get_session(session_id, at=END + SECOND)).score == 3


async def test_a_late_answer_of_an_abandoned_session_earns_nothing(
    services: Services, database: Database
) -> None:
    session_id = await start(services, questions=KEYED)
    await services.sessions.abandon(session_id, at=START)
    await services.stores.valkey.put_drafts(session_id, Drafts({"0": Draft("A", START + 1)}))
    await flush_at(services, START + 1)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    session = await accept(services, session_id, late.event)
    assert (session.status, session.answers, session.score) == (Status.ABANDONED, {"0": "A"}, None)
    assert row(database, session_id)["needs_grading"] is False


async def test_a_completed_session_takes_no_answer_in_its_grace(services: Services) -> None:
    session_id = await start(services)
    await services.sessions.complete(session_id, at=END)
    with pytest.raises(SessionClosedError):
        await answer(services, session_id, 0, "A", END + 1)
    assert (await services.administration.late_answers(session_id)).late_answers == []


async def test_a_late_answer_that_waited_for_its_first_sending_is_recorded_once(
    services: Services, stores: Stores, database: Database
) -> None:
    session_id = await start(services)
    await flush_at(services, LAST + 1)
    settle = services.stores.attempts.settle
    late = {session_id: Drafts({"0": Draft("A", LAST + 1)})}
    with holding(stores, "SELECT FROM quiz_attempts WHERE id = %s FOR UPDATE", session_id) as held:
        first = await held.behind(settle(late, LAST + 1, wait=True))
        again = await held.behind(settle(late, LAST + 1, wait=True))
        held.release()
        await asyncio.gather(first, again)
    assert events(database, session_id) == ["started", "expired", "late_answer"]
