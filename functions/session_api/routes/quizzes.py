"""Quizzes: their rules and their answer keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.access import parse_access
from quiz_sessions.domain.grading import parse_questions, to_json
from quiz_sessions.domain.quizzes import Quiz, QuizRules
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR, WRITE_QUIZZES
from ..replies import documented, json_reply, pick
from ..schemas.quizzes import (
    AccessReply,
    QuizReply,
    QuizRequest,
    QuizSummaryReply,
    QuizWritten,
    QuizzesReply,
)
from .parameters import authenticated, query


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.put(
        "/quizzes/{quiz_id}",
        summary="Register a quiz, or change its rules",
        responses={
            **documented(201, "Registered", model=QuizWritten),
            **documented(200, "Changed", 403, 409, 413, 422, model=QuizWritten),
        },
    )
    async def put_quiz(request: Request, quiz_id: str, body: QuizRequest) -> Response:
        """What is left out has its default. Open attempts follow at once; time that has been used stays.
        What would have refused an open attempt, or weakens a rule while attempts are open, needs
        `open_attempts`."""
        caller = authenticated(request, services())
        caller.require(WRITE_QUIZZES)
        access = None if body.access is None else parse_access(body.access.model_dump())
        given = {**dict(body), "questions": parse_questions(body.questions), "access": access}
        open_attempts = given.pop("open_attempts")
        written = await services().administration.put_quiz(
            quiz_id,
            QuizRules(**given),
            open_attempts=open_attempts,
            by=caller.subject,
            at=request.state.at,
        )
        content = QuizWritten(
            **_content(written.quiz, with_keys=True),
            rescheduled=len(written.rescheduled),
            abandoned=written.abandoned,
        )
        return json_reply(content, 201 if written.created else 200)

    @router.get(
        "/quizzes",
        summary="Find quizzes",
        responses=documented(200, "By id", 403, 422, model=QuizzesReply),
    )
    async def list_quizzes(
        request: Request,
        prefix: Annotated[str | None, query("Those whose id begins with this.")] = None,
        after: Annotated[str | None, query("The `next_after` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")] = 50,
    ) -> Response:
        """The registered ones, in the order of the bytes of their ids, each with how many sessions are
        open."""
        authenticated(request, services()).require(WRITE_QUIZZES, PROCTOR, GRADE)
        page = await services().administration.list_quizzes(
            prefix=prefix, after=after, limit=limit, at=request.state.at
        )
        shown = [pick(QuizSummaryReply, quiz) for quiz in page.quizzes]
        return json_reply(QuizzesReply(quizzes=shown, next_after=page.next_after))

    @router.get(
        "/quizzes/{quiz_id}",
        summary="Read a quiz; its answer key only with quizzes:write",
        responses=documented(200, "The quiz", 404, 422, model=QuizReply),
    )
    async def get_quiz(request: Request, quiz_id: str) -> Response:
        """Everybody else sees of a question what it is worth."""
        caller = authenticated(request, services())
        quiz = await services().administration.get_quiz(quiz_id)
        with_keys = caller.may(WRITE_QUIZZES)
        return json_reply(QuizReply(**_content(quiz, with_keys=with_keys)))

    @router.delete(
        "/quizzes/{quiz_id}",
        status_code=204,
        summary="Forget a quiz; its attempts stay",
        responses=documented(204, "Forgotten", 403, 404, 409, 422, model=None),
    )
    async def delete_quiz(request: Request, quiz_id: str) -> Response:
        """Not while attempts at it are open."""
        caller = authenticated(request, services())
        caller.require(WRITE_QUIZZES)
        await services().administration.delete_quiz(quiz_id, by=caller.subject, at=request.state.at)
        return Response(status_code=204)


def _content(quiz: Quiz, *, with_keys: bool) -> Mapping[str, Any]:
    """The fields of a reply that shows a quiz; without `with_keys`, questions have only their points.

    Nor is there what the quiz asks of those who take it.
    """
    access = quiz.rules.access
    return {
        "quiz_id": quiz.quiz_id,
        "revision": quiz.revision,
        **{each.name: getattr(quiz.rules, each.name) for each in fields(QuizRules)},
        "questions": {
            name: to_json(question) if with_keys else {"points": question.points}
            for name, question in quiz.rules.questions.items()
        },
        "access": pick(AccessReply, access) if with_keys and access is not None else None,
        "paused_at": quiz.paused_at,
        "updated_at": quiz.updated_at,
    }
