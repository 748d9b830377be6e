"""Quizzes: their rules and their answer keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import to_json
from quiz_sessions.domain.json_values import Json
from quiz_sessions.domain.outcomes import QuizWrite
from quiz_sessions.domain.papers import NO_CONTENT, Content
from quiz_sessions.domain.quiz_documents import parse_document
from quiz_sessions.domain.quizzes import Quiz, QuizRules
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR, WRITE_QUIZZES
from ..replies import ETAG_OF_QUIZ, documented, json_reply, pick
from ..schemas.quizzes import (
    AccessReply,
    ChangedFields,
    FieldChangeReply,
    MovedDeadlineReply,
    MovedDeadlines,
    QuizPatch,
    QuizReply,
    QuizRequest,
    QuizSummaryReply,
    QuizWritten,
    QuizzesReply,
)
from .parameters import DryRun, IfMatchQuiz, authenticated, query, tags_or_any

MERGE_PATCH = "application/merge-patch+json"
MAX_LISTED = 1000
_ALSO_AS_JSON: dict[str, Any] = {
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/QuizPatch"}}}}
}


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.put(
        "/quizzes/{quiz_id}",
        summary="Register a quiz, or change its rules",
        responses={
            **documented(201, "Registered", model=QuizWritten, headers=ETAG_OF_QUIZ),
            **documented(200, "Changed", 403, 409, 412, 413, 422, model=QuizWritten, headers=ETAG_OF_QUIZ),
        },
    )
    async def put_quiz(
        request: Request,
        quiz_id: str,
        body: QuizRequest,
        *,
        dry_run: DryRun = False,
        if_match: IfMatchQuiz = None,
    ) -> Response:
        """What is left out has its default: to change some rules alone, send a PATCH. Open attempts follow at
        once; time that has been used stays. What would have refused an open attempt, or weakens a rule while
        attempts are open, needs `open_attempts`."""
        caller = authenticated(request, services())
        caller.require(WRITE_QUIZZES)
        given = dict(body) | {"access": body.access and body.access.model_dump()}
        open_attempts = given.pop("open_attempts")
        rules, contents = parse_document(given)
        written = await services().administration.put_quiz(
            quiz_id,
            rules,
            contents=contents,
            open_attempts=open_attempts,
            if_match=tags_or_any(request, if_match),
            dry_run=dry_run,
            by=caller.subject,
            at=request.state.at,
        )
        return _written(written, dry_run=dry_run)

    @router.patch(
        "/quizzes/{quiz_id}",
        summary="Change some rules of a quiz",
        responses=documented(
            200, "Changed", 403, 404, 409, 412, 413, 422, model=QuizWritten, headers=ETAG_OF_QUIZ
        ),
        openapi_extra=_ALSO_AS_JSON,
    )
    async def patch_quiz(
        request: Request,
        quiz_id: str,
        body: Annotated[QuizPatch, Body(media_type=MERGE_PATCH)],
        *,
        dry_run: DryRun = False,
        if_match: IfMatchQuiz = None,
    ) -> Response:
        """A merge patch: what is left out stays, null gives a rule its default or takes away what it names,
        objects such as `questions` are merged. Judged and carried out as a PUT of the whole."""
        caller = authenticated(request, services())
        caller.require(WRITE_QUIZZES)
        patch = {name: getattr(body, name) for name in body.model_fields_set - {"open_attempts"}}
        if body.access is not None:
            patch["access"] = body.access.model_dump(exclude_unset=True)
        written = await services().administration.patch_quiz(
            quiz_id,
            patch,
            open_attempts=body.open_attempts,
            if_match=tags_or_any(request, if_match),
            dry_run=dry_run,
            by=caller.subject,
            at=request.state.at,
        )
        return _written(written, dry_run=dry_run)

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
        responses=documented(200, "The quiz", 404, 422, model=QuizReply, headers=ETAG_OF_QUIZ),
    )
    async def get_quiz(request: Request, quiz_id: str) -> Response:
        """Everybody else sees of a question what it is worth."""
        caller = authenticated(request, services())
        quiz = await services().administration.get_quiz(quiz_id)
        with_keys = caller.may(WRITE_QUIZZES)
        contents = await services().administration.contents(quiz) if with_keys else {}
        content = QuizReply(**_content(quiz, contents, with_keys=with_keys))
        return json_reply(content, headers=_etag(quiz.revision))

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


def _written(written: QuizWrite, *, dry_run: bool) -> Response:
    """The reply to a change, or to what would be one. The entity tag is of what is stored."""
    content = QuizWritten(
        **_content(written.quiz, written.contents, with_keys=True),
        dry_run=dry_run,
        created=written.created,
        changed=ChangedFields(
            count=written.changed.count,
            fields=[pick(FieldChangeReply, change) for change in written.changed.fields],
        ),
        open=written.open,
        rescheduled=len(written.rescheduled),
        abandoned=written.abandoned,
        moved=MovedDeadlines(
            count=len(written.moved),
            deadlines=[pick(MovedDeadlineReply, moved) for moved in written.moved[:MAX_LISTED]],
        ),
        to_regrade=written.to_regrade,
    )
    if dry_run:
        return json_reply(content, headers={} if written.base is None else _etag(written.base))
    return json_reply(content, 201 if written.created else 200, _etag(written.quiz.revision))


def _etag(revision: int) -> dict[str, str]:
    return {"ETag": f'"{revision}"'}


def _content(quiz: Quiz, contents: Mapping[str, Content], *, with_keys: bool) -> Mapping[str, Any]:
    """The fields of a reply that shows a quiz; without `with_keys`, questions have only their points.

    Nor is there its paper, or what it asks of those who take it.
    """
    access, paper = quiz.rules.access, quiz.rules.paper
    return {
        "quiz_id": quiz.quiz_id,
        "revision": quiz.revision,
        **{each.name: getattr(quiz.rules, each.name) for each in fields(QuizRules)},
        "questions": {
            name: to_json(question) | _shown(contents.get(name)) if with_keys else {"points": question.points}
            for name, question in quiz.rules.questions.items()
        },
        "access": pick(AccessReply, access) if with_keys and access is not None else None,
        "paper": paper.to_json() if with_keys and paper is not None else None,
        "paused_at": quiz.paused_at,
        "updated_at": quiz.updated_at,
    }


def _shown(content: Content | None) -> dict[str, Json]:
    """The members of a question that has a content."""
    if content is None or content == NO_CONTENT:
        return {}
    shuffled = {"shuffle_options": True} if content.shuffle_options else {}
    return {"content": content.content, **shuffled}
