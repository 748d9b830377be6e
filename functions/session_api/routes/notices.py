"""Notices: staff write to students, who acknowledge what they have read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.validation import MAX_INTEGER
from quiz_sessions.services.notices import MAX_MESSAGES
from quiz_sessions.services.pages import MAX_PAGE

from ..identity import GRADE, PROCTOR
from ..replies import documented, json_reply, pick
from ..schemas.notices import (
    CohortNoticeRequest,
    NoticeReply,
    NoticeRequest,
    NoticesReply,
    NotifiedReply,
    QuizNoticeReply,
    QuizNoticesReply,
)
from ..schemas.room import unchanged_of
from .parameters import After, IdempotencyKey, Limit, authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:
    _add_writing(router, services)
    _add_reading(router, services)


def _add_writing(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.post(
        "/sessions/{session_id}/notices",
        status_code=201,
        summary="Write a message to a student",
        responses=documented(201, "Written", 403, 404, 409, 413, 422, model=NoticeReply),
    )
    async def notify_session(
        request: Request, session_id: UUID, body: NoticeRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """To the one who takes an open session. It counts as unread in every reply with the session until it
        is acknowledged."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        notice = await services().notices.notify(
            session_id,
            body.text,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(pick(NoticeReply, notice), 201)

    @router.post(
        "/quizzes/{quiz_id}/notices",
        summary="Write a message to all who are taking a quiz, or to some",
        responses=documented(200, "Written", 403, 413, 422, model=NotifiedReply),
    )
    async def notify_quiz(
        request: Request, quiz_id: str, body: CohortNoticeRequest, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Whom it was not written to is listed with the reason. Sent again with its key, it is written to
        nobody twice, but to those who have started since."""
        caller = authenticated(request, services())
        caller.require(PROCTOR)
        notified = await services().notices.notify_quiz(
            quiz_id,
            body.text,
            session_ids=body.session_ids,
            idempotency_key=idempotency_key,
            by=caller.subject,
            at=request.state.at,
        )
        return json_reply(NotifiedReply(notified=len(notified.changed), unchanged=unchanged_of(notified)))

    @router.get(
        "/quizzes/{quiz_id}/notices",
        summary="The messages to a quiz, and how many have read them",
        responses=documented(200, "In their order", 403, 404, 422, model=QuizNoticesReply),
    )
    async def list_quiz_notices(
        request: Request,
        quiz_id: str,
        after: Annotated[int, Query(ge=0, le=MAX_INTEGER, description="What follows this message.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_MESSAGES, description="How many at most.")] = 5,
    ) -> Response:
        """Those that were written to the whole quiz or to some of its sessions."""
        authenticated(request, services()).require(PROCTOR)
        page = await services().notices.quiz_notices(quiz_id, after=after, limit=limit)
        shown = [pick(QuizNoticeReply, notice) for notice in page.notices]
        return json_reply(QuizNoticesReply(notices=shown, next_after=page.next_after))


def _add_reading(router: APIRouter, services: Callable[[], Services]) -> None:
    @router.get(
        "/sessions/{session_id}/notices",
        summary="The notices of a session, and which were read",
        responses=documented(200, "In their order", 404, 422, model=NoticesReply),
    )
    async def list_notices(
        request: Request, session_id: UUID, after: After = -1, limit: Limit = MAX_PAGE
    ) -> Response:
        """Messages of staff; and by themselves deadlines that moved, clocks that were stopped and that ran
        again."""
        caller = authenticated(request, services())
        page = await services().notices.notices(
            session_id,
            after=after,
            limit=limit,
            owner=caller.owner(PROCTOR, GRADE),
            at=request.state.at,
        )
        shown = [pick(NoticeReply, notice) for notice in page.notices]
        return json_reply(NoticesReply(notices=shown, next_after=page.next_after))

    @router.post(
        "/sessions/{session_id}/notices/{notice}/read",
        status_code=204,
        summary="Acknowledge a notice",
        responses=documented(204, "Read", 403, 404, 422, model=None),
    )
    async def read_notice(request: Request, session_id: UUID, notice: int) -> Response:
        """By the one whom it is for, also after the end. Sent again, it changes nothing."""
        caller = authenticated(request, services())
        await services().notices.read(
            session_id, notice, owner=caller.owner(PROCTOR, GRADE), at=request.state.at
        )
        return Response(status_code=204)
