"""A student's and an author's way through the API, on the package that openapi-python-client makes."""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any, assert_type
from uuid import UUID

from generated import AuthenticatedClient
from generated.api.grades import get_results
from generated.api.health import get_health, get_readiness
from generated.api.quizzes import get_quiz, put_quiz
from generated.api.room import extend_quiz
from generated.api.sessions import (
    complete_session,
    find_sessions,
    get_session,
    save_progress,
    start_session,
)
from generated.models import (
    Answers,
    CohortExtendRequest,
    CompleteRequest,
    GradingMethod,
    Problem401,
    Problem403,
    Problem403Code,
    Problem409,
    Problem409Code,
    Problem422,
    ProgressRequest,
    QuestionRules,
    QuizRequest,
    QuizRequestQuestions,
    QuizWritten,
    ResultsReply,
    SessionReply,
    SessionReplyDurability,
    SessionsReply,
    SessionState,
    StartReply,
    StartRequest,
    Status,
    WhenActive,
)
from generated.types import Unset

CLIENT = AuthenticatedClient(sys.argv[1], token="token")


def take(user: str, quiz: str) -> tuple[UUID, dict[str, Any]]:
    """A session from its start to its end."""
    body = StartRequest(user_id=user, quiz_id=quiz)
    started = start_session.sync(client=CLIENT, body=body, idempotency_key="one")
    if isinstance(started, Problem409) and started.code is Problem409Code.ATTEMPT_ACTIVE:
        raise RuntimeError(started.session_id)
    if isinstance(started, Problem401):
        raise RuntimeError(started.detail or started.message)
    assert isinstance(started, StartReply)
    assert_type(started.id, UUID)
    assert_type(started.resumed, bool)
    # A class of its own, with the members of SessionReply and one more.
    session = SessionReply.from_dict(started.to_dict())

    one = save_progress.sync(
        session.id,
        client=CLIENT,
        body=ProgressRequest(question_id=0, answer="A", version=session.version),
        x_client_id="tab-1",
    )
    match one:
        case SessionReply():
            session = one
        case Problem409(code=Problem409Code.VERSION_CONFLICT):
            merge(session, one)
        case Problem422():
            for error in one.errors or []:
                print(error.location, error.message, one.question_id)
        case _:
            raise RuntimeError(one)

    named = save_progress.sync_detailed(
        session.id,
        client=CLIENT,
        body=ProgressRequest(question_id="essay", answer={"text": "It was a"}, autosave=True),
    )
    if isinstance(named.parsed, SessionReply) and named.parsed.durability is SessionReplyDurability.BUFFERED:
        assert_type(named.parsed.buffered_questions, list[str])
        assert_type(named.parsed.next_autosave_after_ms, int | None)
        print(named.headers["ETag"])

    answers = Answers.from_dict({"0": "A", "essay": {"text": "It was a dark"}})
    several = save_progress.sync(
        session.id, client=CLIENT, body=ProgressRequest(answers=answers, version=session.version)
    )
    if isinstance(several, SessionReply):
        assert_type(several.answers["0"], Any)

    read = get_session.sync(session.id, client=CLIENT)
    assert isinstance(read, SessionReply)
    # `session` is older than that.
    old = ProgressRequest(question_id="essay", answer=None, version=session.version)
    stale = save_progress.sync(session.id, client=CLIENT, body=old)
    conflict = merge(session, stale) if isinstance(stale, Problem409) else None

    completed = complete_session.sync(
        session.id, client=CLIENT, body=CompleteRequest(answers=Answers.from_dict({"essay": "The end."}))
    )
    assert isinstance(named.parsed, SessionReply)
    assert isinstance(completed, SessionReply)
    return session.id, {
        "autosaved": named.parsed.durability,
        "read": read.answers.to_dict(),
        "conflict": conflict,
        "completed": completed.status,
        "answers": completed.answers.to_dict(),
    }


def merge(session: SessionReply, problem: Problem409) -> int:
    """The version that a conflict is with."""
    if problem.code is not Problem409Code.VERSION_CONFLICT:
        raise RuntimeError(problem.detail)
    assert_type(problem.changed_questions, list[str] | Unset)
    version: int = problem.current_version or session.version
    if isinstance(problem.session, SessionState):
        print(problem.session.answers.to_dict())
    return version


def oversee(user: str, session_id: UUID) -> None:
    """What staff do."""
    found = find_sessions.sync(client=CLIENT, user_id=user, status=["open", Status.COMPLETED], limit=10)
    if isinstance(found, SessionsReply):
        for each in found.sessions:
            assert_type(each.score, float | None)
            assert_type(each.completed_at, datetime.datetime | None)

    questions = QuizRequestQuestions()
    questions["0"] = QuestionRules(points=1, grading=GradingMethod.EXACT, key="B")
    questions["1"] = QuestionRules(points=2, grading=GradingMethod.NUMERIC, key=9.81, tolerance=0.01)
    questions["2"] = QuestionRules(grading=GradingMethod.SET, key=["a", "b"], partial=True)
    questions["essay"] = QuestionRules(points=5)
    rules = QuizRequest(
        closes_at=datetime.datetime(2027, 1, 15, 12, tzinfo=datetime.UTC),
        when_active=WhenActive.RESUME,
        questions=questions,
    )
    written = put_quiz.sync("physics", client=CLIENT, body=rules)
    if isinstance(written, QuizWritten):
        assert_type(written.questions["0"].points, float)
        assert_type(written.rescheduled, int)

    results = get_results.sync(session_id, client=CLIENT)
    if isinstance(results, Problem403) and results.code is Problem403Code.RESULTS_HIDDEN:
        return
    if isinstance(results, ResultsReply) and results.questions is not None:
        assert_type(results.questions["0"].correct, bool | None)
    extend_quiz.sync("physics", client=CLIENT, body=CohortExtendRequest(seconds=600, reason="the fire alarm"))
    print(get_session.sync(session_id, client=CLIENT, at_version=1), get_quiz.sync("physics", client=CLIENT))
    print(get_health.sync(client=CLIENT), get_readiness.sync(client=CLIENT))


def mistakes(session_id: UUID) -> None:
    """What a type checker finds: an `ignore` that silences no error is an error, so each of them is one."""
    ProgressRequest(question=0, answer="A")  # type: ignore[call-arg]
    ProgressRequest(question_id=0.5, answer="A")  # type: ignore[arg-type]
    QuestionRules(points=1, weight=2)  # type: ignore[call-arg]
    QuestionRules(grading="guess", key=1)  # type: ignore[arg-type]
    save_progress.sync(session_id, client=CLIENT, body={"question_id": 0})  # type: ignore[arg-type]
    find_sessions.sync(client=CLIENT, status=["opened"])  # type: ignore[list-item]


if __name__ == "__main__":
    with CLIENT:
        session_id, taken = take("student of openapi-python-client", "quiz1")
        oversee("student of openapi-python-client", session_id)
    print(json.dumps(taken))
