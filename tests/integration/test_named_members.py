"""Every 422 names the member of the request that is at fault, by the name that the caller gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import parse_questions
from tests.harness.builders import START
from tests.harness.service import client_of, put_quiz, start

ANSWER = {"question_id": 0, "answer": "A"}
LATER = {"seconds": 60, "reason": "why"}
KEYED: dict[str, Any] = {"Idempotency-Key": "k"}


class Refused(NamedTuple):
    """A request, where its fault lies, and the question that it is about."""

    method: str
    path: str
    location: str
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})
    question: str | None = None


SESSION = "/sessions/{id}"
PROGRESS = f"{SESSION}/progress"
REFUSED = [
    # What no schema knows.
    Refused("POST", "/sessions/start", "body.user_id", {"quiz_id": "quiz1"}),
    Refused("GET", "/sessions/current?quiz_id=quiz1", "query.user_id"),
    Refused("GET", "/sessions", "query.user_id"),
    Refused("GET", "/sessions?quiz_id=quiz1&cursor=MDow", "query.cursor"),
    Refused("GET", "/sessions?quiz_id=a%00", "query.quiz_id"),
    Refused("POST", "/sessions/start", "body.user_id", {"user_id": "a\0", "quiz_id": "quiz1"}),
    Refused(
        "POST",
        "/sessions/start",
        "header.idempotency-key",
        {"user_id": "u", "quiz_id": "q"},
        {"Idempotency-Key": ""},
    ),
    Refused("POST", f"{SESSION}/extend", "body.seconds", {"seconds": 0, "reason": "why"}),
    Refused("POST", f"{SESSION}/extend", "body.reason", {"seconds": 1, "reason": "\0"}),
    Refused("POST", "/quizzes/quiz1/extend", "body.seconds", {"seconds": 0, "reason": "why"}),
    Refused("POST", "/quizzes/a%00/extend", "path.quiz_id", LATER),
    Refused("GET", "/quizzes/a%00", "path.quiz_id"),
    Refused("GET", "/quizzes/quiz1/accommodations/a%00", "path.user_id"),
    Refused("PATCH", PROGRESS, "header.if-match", ANSWER, {"If-Match": "0"}),
    Refused("PATCH", PROGRESS, "header.x-client-id", {**ANSWER, "based_on": {"0": None}}),
    Refused(
        "PUT",
        "/quizzes/quiz2",
        "body.closes_at",
        {"opens_at": "2027-01-15T08:00:00Z", "closes_at": "2027-01-15T08:00:00Z"},
    ),
    Refused("PUT", "/quizzes/quiz2", "body.show_results", {"show_results": "after_close"}),
    Refused("POST", f"{SESSION}/late-answers/-1/accept", "path.event", {"reason": "why"}),
    Refused("POST", f"{SESSION}/notices", "body.text", {"text": "\u200b"}),
    Refused("POST", f"{SESSION}/notices/-1/read", "path.notice"),
    Refused("POST", f"{SESSION}/incidents", "body.detail", {"type": "blur", "detail": "\0"}),
    Refused("POST", f"{SESSION}/score", "body.score", {"score": 2, "max_score": 1, "reason": "why"}),
    # What a schema knows, with names of Pydantic's own.
    Refused("PATCH", PROGRESS, "body.question_id", {"question_id": -1, "answer": "A"}),
    Refused("PATCH", PROGRESS, "body.question_id", {"question_id": "", "answer": "A"}),
    Refused("GET", "/sessions?quiz_id=quiz1&status=soon", "query.status.0"),
    Refused("GET", "/sessions/none", "path.session_id"),
    Refused("POST", "/sessions/start", "body.quiz_id", {"user_id": "u"}),
    Refused("PUT", "/quizzes/quiz2", "body.opens_at", {"opens_at": 5}),
    Refused("PUT", "/quizzes/quiz2", "body.max_attempts", {"max_attempts": 0}),
    Refused("PUT", "/quizzes/quiz2", "body.surprise", {"surprise": 1}),
    # About one question.
    Refused("PATCH", PROGRESS, "body.answer", {"question_id": "q", "answer": "\0"}, question="q"),
    Refused("PATCH", PROGRESS, "body.answers.q", {"answers": {"q": "\0", "r": 1}}, question="q"),
    Refused("POST", f"{SESSION}/complete", "body.answers.q", {"answers": {"q": "\0"}}, question="q"),
    Refused("PATCH", PROGRESS, "body.answers.", {"answers": {"": 1}}),
    Refused(
        "PATCH", PROGRESS, "body.based_on.0", {**ANSWER, "based_on": {"0": "x"}}, {"X-Client-Id": "c"}, "0"
    ),
    Refused("PATCH", PROGRESS, "body.based_on.0", {**ANSWER, "based_on": {"0": 5}}, question="0"),
    Refused(
        "PATCH", PROGRESS, "body.based_on.1", {**ANSWER, "based_on": {"1": None}}, {"X-Client-Id": "c"}, "1"
    ),
    Refused("PUT", "/quizzes/quiz2", "body.questions.q", {"questions": {"q": {"points": -1}}}, question="q"),
    Refused("PUT", "/quizzes/quiz2", "body.questions.q", {"questions": {"q": 1}}, question="q"),
    Refused("PUT", f"{SESSION}/grades", "body.q.points", {"q": {"points": -1}}, question="q"),
    Refused("PUT", f"{SESSION}/grades", "body.q.points", {"q": {}}, question="q"),
]


@pytest.fixture
async def http(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(services) as client:
        yield client


@pytest.mark.parametrize("refused", REFUSED, ids=lambda r: f"{r.method} {r.path} {r.location}")
async def test_a_refusal_names_the_member_and_its_question(
    services: Services, http: httpx.AsyncClient, refused: Refused
) -> None:
    path = refused.path.format(id=await start(services, at=None))
    if path.endswith("/score"):
        await http.post(path.replace("/score", "/complete"))
    content = {} if refused.body is None else {"json": refused.body}
    reply = await http.request(refused.method, path, headers=refused.headers, **content)
    problem = reply.json()
    assert reply.status_code == 422
    assert {error["location"] for error in problem["errors"]} == {refused.location}
    assert all(error["message"] for error in problem["errors"])
    assert problem.get("question_id") == refused.question


async def test_a_question_that_the_quiz_does_not_have_is_named(
    services: Services, http: httpx.AsyncClient
) -> None:
    questions = parse_questions({"0": {"points": 1}})
    await put_quiz(services, questions=questions, unknown_questions="refuse")
    path = f"/sessions/{await start(services, at=None)}"
    for body, location in (
        ({"question_id": "q", "answer": 1}, "body.question_id"),
        ({"answers": {"q": 1}}, "body.answers.q"),
    ):
        problem = (await http.patch(f"{path}/progress", json=body)).json()
        assert (problem["code"], problem["question_id"]) == ("unknown_question", "q")
        assert [error["location"] for error in problem["errors"]] == [location]
    await http.post(f"{path}/complete")
    for mark in ({"points": 1}, {"points": 9}):
        question = "q" if mark["points"] == 1 else "0"
        problem = (await http.put(f"{path}/grades", json={question: mark})).json()
        assert problem["question_id"] == question
        assert [error["location"] for error in problem["errors"]] == [f"body.{question}"]


async def test_a_key_that_was_used_for_something_else_is_named(http: httpx.AsyncClient) -> None:
    bodies = [{"user_id": "user1", "quiz_id": quiz} for quiz in ("quiz1", "quiz2")]
    _, reply = [await http.post("/sessions/start", json=body, headers=KEYED) for body in bodies]
    assert reply.json()["code"] == "idempotency_key_reused"
    assert [error["location"] for error in reply.json()["errors"]] == ["header.idempotency-key"]


async def test_of_several_questions_at_fault_none_is_the_one(
    services: Services, http: httpx.AsyncClient
) -> None:
    path = f"/sessions/{await start(services, at=START)}/grades"
    problem = (await http.put(path, json={"a": {"points": -1}, "b": {"points": -1}})).json()
    assert len(problem["errors"]) == 2
    assert "question_id" not in problem
