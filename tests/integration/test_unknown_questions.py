"""A quiz that lists its questions takes no answers to others, unless it says so."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.errors import UnknownQuestionError
from quiz_sessions.domain.timestamps import to_micros
from tests.integration.contract import Progress, Store, check_problem, check_session, started

QUESTIONS: dict[str, Any] = {"1": {"grading": "exact", "key": "A"}, "essay": {"points": 5}}


async def quiz(client: httpx.AsyncClient, **rules: Any) -> None:
    reply = await client.put("/quizzes/quiz1", json={"questions": QUESTIONS, **rules})
    assert reply.status_code in (200, 201), reply.text


@pytest.fixture
async def session(client: httpx.AsyncClient) -> Progress:
    """A session of a quiz with two questions."""
    await quiz(client)
    return await started(client)


@pytest.mark.parametrize("autosave", [False, True])
async def test_a_question_that_the_quiz_does_not_have_is_refused(
    session: Progress, store: Store, autosave: bool
) -> None:
    before = store.everything()
    reply = await session.patch(answers={"1": "A", "2": "B"}, autosave=autosave)
    assert check_problem(reply, 422, "unknown_question")["question_id"] == "2"
    assert store.everything() == before


async def test_a_hand_in_with_an_unknown_question_is_refused(session: Progress, store: Store) -> None:
    before = store.everything()
    check_problem(await session.complete(answers={"2": "B"}), 422, "unknown_question")
    assert store.everything() == before
    await session.complete()
    before = store.everything()
    check_problem(await session.complete(answers={"2": "B"}), 422, "unknown_question")
    assert store.everything() == before


async def test_an_unknown_question_is_no_late_answer(
    services: Services, session: Progress, store: Store
) -> None:
    end = to_micros((await services.sessions.get_session(session.id)).expires_at)
    for autosave in (False, True):
        with pytest.raises(UnknownQuestionError):
            await services.sessions.update_answers(session.id, {"2": "B"}, autosave=autosave, at=end + 1)
    assert store.events(session)[-1][0] in ("started", "expired")


@pytest.mark.parametrize("autosave", [False, True])
async def test_the_questions_of_the_quiz_are_taken(session: Progress, autosave: bool) -> None:
    body = check_session(await session.patch(answers={"1": "A", "essay": "B"}, autosave=autosave))
    assert body["answers"] == {"1": "A", "essay": "B"}


@pytest.mark.parametrize("rules", [{"unknown_questions": "accept"}, {"questions": {}}])
async def test_any_question_is_taken_where_the_quiz_says_so_or_has_none(
    client: httpx.AsyncClient, rules: dict[str, Any]
) -> None:
    await quiz(client, **rules)
    assert (await (await started(client)).answer("2", "B"))["answers"] == {"2": "B"}


async def test_an_attempt_goes_by_the_questions_of_its_start(
    client: httpx.AsyncClient, session: Progress
) -> None:
    await quiz(client, questions={**QUESTIONS, "2": {"points": 1}})
    check_problem(await session.patch(question_id=2, answer="B"), 422, "unknown_question")
    later = await started(client, user_id="user2")
    assert (await later.answer("2", "B"))["answers"] == {"2": "B"}


async def test_the_audit_log_knows_the_questions(services: Services, session: Progress) -> None:
    assert (await services.audit.verify(session.id)).intact


# Staff


async def test_a_mark_of_a_question_that_the_quiz_does_not_have_is_refused(
    session: Progress, client: httpx.AsyncClient, store: Store
) -> None:
    await session.complete()
    before = store.everything()
    reply = await client.put(f"/sessions/{session.id}/grades", json={"esay": {"points": 1}})
    problem = check_problem(reply, 422, "unknown_question")
    assert (problem["question_id"], problem["errors"][0]["location"]) == ("esay", "body.esay")
    assert problem["detail"].endswith("Did you mean essay?")
    assert store.everything() == before


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_queue_of_a_question_that_the_quiz_does_not_have_is_refused(
    client: httpx.AsyncClient, method: str
) -> None:
    await quiz(client)
    path, place = "/quizzes/quiz1/grading", "query.question"
    if method == "GET":
        reply = await client.get(path, params={"question": "esay"})
    else:
        place = "body.question"
        headers = {"X-Client-Id": "marker"}
        reply = await client.post(f"{path}/next", json={"question": "esay"}, headers=headers)
    problem = check_problem(reply, 422, "unknown_question")
    assert (problem["question_id"], problem["errors"][0]["location"]) == ("esay", place)
    assert problem["detail"].endswith("Did you mean essay?")


async def test_a_question_that_the_quiz_has_no_more_is_marked_as_long_as_it_waits(
    session: Progress, client: httpx.AsyncClient
) -> None:
    await session.complete(answers={"essay": "It was"})
    await quiz(client, questions={"1": QUESTIONS["1"]})
    reply = await client.get("/quizzes/quiz1/grading", params={"question": "essay"})
    assert (reply.status_code, reply.json()["waiting"]) == (200, 1)


async def test_a_queue_of_any_question_is_empty_where_the_quiz_lists_none(client: httpx.AsyncClient) -> None:
    reply = await client.get("/quizzes/quiz1/grading", params={"question": "essay"})
    assert (reply.status_code, reply.json()["waiting"]) == (200, 0)


async def test_an_answer_to_a_question_with_a_slip_in_it_names_the_one_that_was_meant(
    session: Progress,
) -> None:
    problem = check_problem(await session.patch(answers={"esay": "A"}), 422, "unknown_question")
    assert problem["detail"].endswith("Did you mean essay?")
