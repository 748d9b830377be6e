"""What of a score is shown, and to whom: wherever a session is shown, and by the quiz as it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.errors import (
    AnswerConflictError,
    ResultsHiddenError,
    SessionClosedError,
    SessionExpiredError,
)
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import ShowResults
from quiz_sessions.domain.sessions import Session
from quiz_sessions.domain.timestamps import Micros, from_micros
from tests.harness.builders import END, LATER, SECOND, START
from tests.harness.gateway import STAFF, Api, api_of
from tests.harness.locks import row_held
from tests.harness.service import flush_at, put_quiz, services_on, start
from tests.harness.stores import Stores
from tests.harness.tables import Database, changes, events, row

QUESTIONS = {"0": {"grading": "exact", "key": "B"}, "1": {"grading": "exact", "key": "C"}}
HIDDEN = (None, None, "pending")
MINUTE = 60 * SECOND
CLOSES = START + 3600 * SECOND


async def put(services: Services, show: str = "after_end", at: Micros = START, **rules: Any) -> None:
    rules = {"questions": parse_questions(QUESTIONS), "show_results": ShowResults(show), **rules}
    await put_quiz(services, at=at, **rules)


async def complete(services: Services, session_id: UUID, at: Micros = LATER, **answers: str) -> Session:
    return await services.sessions.complete(
        session_id, {"0": "B", **answers}, owner="user1", at=at, client_id="tab"
    )


async def read(services: Services, session_id: UUID, at: Micros = LATER, owner: str | None = "user1") -> Any:
    return told(await services.sessions.get_session(session_id, owner=owner, at=at))


def told(session: Session) -> tuple[float | None, float | None, str | None]:
    return session.score, session.max_score, session.grading


@pytest.fixture
async def jwt_api(services: Services) -> AsyncIterator[Api]:
    """HTTP, whose callers are known by their tokens."""
    async with api_of(services, jwt=True) as found:
        yield found


# Every way to see a session

Way = Callable[[Services, UUID], Awaitable[Session]]


async def by_a_refused_answer(services: Services, session_id: UUID) -> Session:
    with pytest.raises(SessionClosedError) as refused:
        await services.sessions.update_answers(session_id, {"1": "C"}, owner="user1", at=LATER + SECOND)
    return refused.value.session


async def by_a_refused_autosave(services: Services, session_id: UUID) -> Session:
    with pytest.raises(SessionClosedError) as refused:
        await services.sessions.update_answers(
            session_id, {"1": "C"}, autosave=True, owner="user1", at=LATER + SECOND
        )
    return refused.value.session


async def by_another_hand_in(services: Services, session_id: UUID) -> Session:
    with pytest.raises(SessionClosedError) as refused:
        await services.sessions.complete(session_id, {"1": "x"}, owner="user1", at=LATER + SECOND)
    return refused.value.session


async def by_giving_up(services: Services, session_id: UUID) -> Session:
    with pytest.raises(SessionClosedError) as refused:
        await services.sessions.abandon(session_id, owner="user1", at=LATER + SECOND)
    return refused.value.session


async def by_its_list(services: Services, session_id: UUID) -> Session:
    page = await services.audit.find(user_id="user1", owner="user1", at=LATER + SECOND)
    return page.sessions[0]


WAYS: dict[str, Way] = {
    "read": lambda s, each: s.sessions.get_session(each, owner="user1", at=LATER + SECOND),
    "handed in again": lambda s, each: s.sessions.complete(
        each, {"0": "B"}, owner="user1", at=LATER + SECOND
    ),
    "started again with its key": lambda s, each: s.sessions.create_session(
        "user1", "quiz1", idempotency_key="key", owner="user1", at=LATER + SECOND
    ),
    "at its version": lambda s, each: s.audit.at_version(each, 1, owner="user1", at=LATER + SECOND),
    "refused an answer": by_a_refused_answer,
    "refused an autosave": by_a_refused_autosave,
    "refused another hand-in": by_another_hand_in,
    "refused to give up": by_giving_up,
    "listed": by_its_list,
}
by_each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


async def handed_in(services: Services) -> UUID:
    session = await services.sessions.create_session("user1", "quiz1", idempotency_key="key", at=START)
    await services.sessions.complete(session.id, {"0": "B"}, owner="user1", at=LATER)
    return session.id


@by_each_way
async def test_an_owner_never_sees_a_score_that_is_never_shown(services: Services, way: Way) -> None:
    await put(services, "never")
    session_id = await handed_in(services)
    assert told(await way(services, session_id)) == HIDDEN
    assert (await read(services, session_id, owner=None)) == (1, 2, "done")


@by_each_way
async def test_an_owner_sees_no_score_before_the_quiz_is_over(services: Services, way: Way) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    assert told(await way(services, await handed_in(services))) == HIDDEN


@by_each_way
async def test_an_owner_sees_a_score_that_is_shown(services: Services, way: Way) -> None:
    await put(services)
    assert told(await way(services, await handed_in(services))) == (1, 2, "done")


async def test_a_hand_in_is_told_its_score_only_where_it_is_shown(services: Services) -> None:
    await put(services, "never")
    assert told(await complete(services, await start(services))) == HIDDEN
    await put(services)
    assert told(await complete(services, await start(services))) == (1, 2, "done")


async def test_without_tokens_nobody_is_an_owner_and_nothing_is_hidden(
    services: Services, client: httpx.AsyncClient, database: Database
) -> None:
    await put(services, "never")
    session_id = await handed_in(services)
    reply = (await client.get(f"/sessions/{session_id}")).json()
    assert (reply["score"], reply["max_score"], reply["grading"]) == (1, 2, "done")
    assert (await client.get(f"/sessions/{session_id}/results")).status_code == 200
    assert row(database, session_id)["results_read_at"] is None


async def test_a_key_is_not_found_out_by_trying(services: Services, jwt_api: Api) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    api = jwt_api
    api.be("user1")
    for answer in "ABCD":
        session = (await api("POST", "/sessions/start", {"quiz_id": "quiz1"}, at=START)).json()
        done = await api("POST", f"/sessions/{session['id']}/complete", {"answers": {"0": answer}}, at=LATER)
        shown = done.json()
        assert (shown["score"], shown["max_score"], shown["grading"]) == HIDDEN
    listed = (await api("GET", "/sessions")).json()["sessions"]
    assert {(each["score"], each["grading"]) for each in listed} == {(None, "pending")}


# By the quiz as it is now


async def test_results_that_are_hidden_again_are_hidden_again(services: Services) -> None:
    await put(services)
    session_id = await handed_in(services)
    assert await read(services, session_id) == (1, 2, "done")
    await put(services, "never", at=LATER)
    assert await read(services, session_id) == HIDDEN
    assert told(await by_its_list(services, session_id)) == HIDDEN
    with pytest.raises(ResultsHiddenError):
        await services.scores.results(session_id, owner="user1", at=LATER)


async def test_a_quiz_that_was_deleted_shows_nothing(services: Services) -> None:
    await put(services)
    session_id = await handed_in(services)
    await services.administration.delete_quiz("quiz1")
    assert await read(services, session_id) == HIDDEN
    assert told(await by_its_list(services, session_id)) == HIDDEN
    with pytest.raises(ResultsHiddenError):
        await services.scores.results(session_id, owner="user1", at=LATER)


# After the close: nobody takes the quiz any more

AFTER = CLOSES + MINUTE


async def test_after_the_close_results_wait_a_minute_for_what_is_on_its_way(services: Services) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    session_id = await handed_in(services)
    assert await read(services, session_id, AFTER - 1) == HIDDEN
    assert await read(services, session_id, AFTER) == (1, 2, "done")


async def test_results_wait_for_the_grace_of_others(services: Services) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES), grace_seconds=300)
    session_id = await handed_in(services)
    await start(services, "user2", at=CLOSES - SECOND)
    assert await read(services, session_id, AFTER + 300 * SECOND - 1) == HIDDEN
    assert await read(services, session_id, AFTER + 300 * SECOND) == (1, 2, "done")


async def test_results_wait_until_another_students_hand_in_is_a_minute_old(services: Services) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES), grace_seconds=300)
    session_id = await handed_in(services)
    other = await start(services, "user2", at=CLOSES - SECOND)
    handed_in_at = CLOSES + 100 * SECOND
    await services.sessions.complete(other, owner="user2", at=handed_in_at)
    assert await read(services, session_id, handed_in_at + MINUTE - 1) == HIDDEN
    assert await read(services, session_id, handed_in_at + MINUTE) == (1, 2, "done")


async def test_others_at_another_quiz_hold_up_nothing(services: Services) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    session_id = await handed_in(services)
    await start(services, "user2", quiz="quiz2", at=CLOSES)
    assert await read(services, session_id, AFTER) == (1, 2, "done")


# When an owner has read results


async def test_the_first_time_that_an_owner_is_shown_a_score_is_recorded(
    services: Services, database: Database
) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    session_id = await handed_in(services)
    await read(services, session_id, CLOSES)
    assert row(database, session_id)["results_read_at"] is None
    for at in (AFTER, AFTER + SECOND):
        await read(services, session_id, at)
        await services.scores.results(session_id, owner="user1", at=at)
    assert row(database, session_id)["results_read_at"] == from_micros(AFTER)
    assert events(database, session_id).count("results_read") == 1
    assert (await services.audit.verify(session_id)).intact


async def test_staff_who_read_results_are_not_the_owner(services: Services, database: Database) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    await read(services, session_id, owner=None)
    await services.audit.find(quiz_id="quiz1", at=LATER)
    assert row(database, session_id)["results_read_at"] is None


async def test_a_list_shows_no_score_that_was_not_shown_before(
    services: Services, database: Database
) -> None:
    await put(services, "after_close", closes_at=from_micros(CLOSES))
    session_id = await handed_in(services)
    page = await services.audit.find(user_id="user1", owner="user1", at=AFTER)
    assert [told(session) for session in page.sessions] == [HIDDEN]
    await read(services, session_id, AFTER)
    page = await services.audit.find(user_id="user1", owner="user1", at=AFTER)
    assert [told(session) for session in page.sessions] == [(1, 2, "done")]


async def test_staff_who_reopen_see_when_results_were_read(services: Services, api: Api) -> None:
    await put(services)
    session_id = await handed_in(services)
    api.be("teacher", STAFF)
    body = {"seconds": 60, "reason": "a mistake"}
    reply = await api("POST", f"/sessions/{session_id}/reopen", body, at=LATER + SECOND)
    assert reply.json()["results_read_at"] == "2027-01-15T08:00:10Z"


async def test_staff_who_accept_a_late_answer_see_when_results_were_read(
    services: Services, api: Api
) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.get_session(session_id, owner="user1", at=END + SECOND)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answers(session_id, {"0": "B"}, owner="user1", at=END + 2 * SECOND)
    (late,) = (await services.administration.late_answers(session_id)).late_answers
    api.be("teacher", STAFF)
    path = f"/sessions/{session_id}/late-answers/{late.event}/accept"
    reply = (await api("POST", path, {"reason": "why"}, at=END + 3 * SECOND)).json()
    assert (reply["results_read_at"], reply["score"]) == ("2027-01-15T08:30:01Z", 1)


async def test_after_a_reopening_reading_results_counts_anew(services: Services, database: Database) -> None:
    await put(services)
    session_id = await handed_in(services)
    await services.administration.reopen(session_id, 600, "why", at=LATER + SECOND)
    await services.sessions.update_answers(
        session_id, {"1": "C"}, autosave=True, owner="user1", at=LATER + 2 * SECOND
    )
    done = await services.sessions.complete(session_id, owner="user1", at=LATER + 3 * SECOND)
    assert (told(done), done.answers) == ((2, 2, "done"), {"0": "B", "1": "C"})
    assert row(database, session_id)["results_read_at"] == from_micros(LATER + 3 * SECOND)
    assert (await services.audit.verify(session_id)).intact


# What was on its way


async def slow_draft(services: Services, session_id: UUID, at: Micros = LATER - 1) -> None:
    """One that was put before the session was cached as ended."""
    await services.stores.valkey.put_drafts(session_id, Drafts({"1": Draft("C", at)}))


async def test_a_score_is_shown_with_every_answer_from_before_the_end(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    await slow_draft(services, session_id)
    assert await read(services, session_id) == (2, 2, "done")
    assert events(database, session_id)[-3:] == ["late_merge", "graded", "results_read"]


async def test_while_an_answer_from_before_the_end_can_not_be_settled_the_score_is_pending(
    services: Services, stores: Stores, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    await slow_draft(services, session_id)
    with row_held(stores, session_id):
        assert await read(services, session_id) == HIDDEN
    assert await read(services, session_id) == (2, 2, "done")


async def test_without_valkey_no_score_is_shown(services: Services, stores: Stores) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    async with services_on(stores, redis_url="redis://127.0.0.1:1") as blind:
        assert await read(blind, session_id) == HIDDEN
        results = await blind.scores.results(session_id, owner="user1", at=LATER)
        assert (results.score, results.grading, results.questions) == (None, "pending", None)
        assert await read(blind, session_id, owner=None) == (1, 2, "done")


async def test_a_draft_that_comes_after_results_were_read_is_a_late_answer(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await handed_in(services)
    await slow_draft(services, session_id)
    await flush_at(services, LATER + SECOND)
    assert row(database, session_id)["answers"] == {"0": "B"}
    assert row(database, session_id)["score"] == 1
    (late,) = changes(database, session_id, "late_answer")
    assert late["late_answers"]["1"]["answer"] == "C"
    assert await services.stores.valkey.dirty(0, 0, 10) == []
    assert (await services.audit.verify(session_id)).intact


@pytest.mark.parametrize(("later", "counts"), [(15 * MINUTE, True), (15 * MINUTE + 1, False)])
async def test_a_draft_counts_up_to_a_quarter_of_an_hour_after_the_row_has_ended(
    services: Services, database: Database, later: Micros, counts: bool
) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    await slow_draft(services, session_id)
    await flush_at(services, LATER + later)
    assert ("1" in row(database, session_id)["answers"]) is counts
    assert bool(changes(database, session_id, "late_answer")) is not counts
    assert await services.stores.valkey.dirty(0, 0, 10) == []


async def test_the_statement_that_ends_a_row_takes_drafts_of_any_age(
    services: Services, database: Database
) -> None:
    session_id = await start(services)
    await services.sessions.update_answers(session_id, {"1": "C"}, autosave=True, at=LATER)
    await flush_at(services, END + 24 * 60 * MINUTE)
    stored = row(database, session_id)
    assert (stored["status"], stored["answers"]) == ("expired", {"1": "C"})
    assert stored["end_recorded_at"] == from_micros(END + 24 * 60 * MINUTE)


async def test_a_current_question_that_comes_too_late_leaves_nothing_dirty(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await handed_in(services)
    await services.stores.valkey.put_drafts(session_id, Drafts({}, Draft(7, LATER - 1)))
    await flush_at(services, LATER + SECOND)
    assert row(database, session_id)["current_question"] == 0
    assert await services.stores.valkey.dirty(0, 0, 10) == []


async def test_an_answer_from_before_the_end_that_comes_after_results_were_read_is_refused_and_kept(
    services: Services, database: Database
) -> None:
    await put(services)
    session_id = await start(services)
    await services.sessions.get_session(session_id, owner="user1", at=END + 1)
    with pytest.raises(SessionExpiredError):
        await services.sessions.update_answers(session_id, {"0": "B"}, owner="user1", at=END)
    assert row(database, session_id)["answers"] == {}
    assert len(changes(database, session_id, "late_answer")) == 1


async def test_an_autosave_is_not_kept_beside_a_session_that_has_ended_meanwhile(
    services: Services, valkey: redis.Redis
) -> None:
    session_id = await start(services)
    read_before = await services.stores.valkey.read(session_id)
    await services.sessions.complete(session_id, at=LATER)
    assert read_before.attempt is not None
    with pytest.raises((SessionClosedError, AnswerConflictError)):
        await services.sessions.update_answers(session_id, {"0": "B"}, autosave=True, at=LATER)
    assert not valkey.exists(f"{{session:{session_id}}}:drafts")
