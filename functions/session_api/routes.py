"""The endpoints of those who take a quiz: each reads its request, calls one use case and writes its reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from quiz_sessions.errors import InvalidInputError
from quiz_sessions.models import dump_json
from quiz_sessions.rules import MAX_INTEGER
from quiz_sessions.wiring import Services

from .identity import GRADE, PROCTOR, Caller, caller_if_known
from .replies import documented, json_reply, session_reply
from .schemas import (
    CompleteRequest,
    DeadlineReply,
    Health,
    ProgressRequest,
    Readiness,
    ResultsReply,
    StartReply,
    StartRequest,
)
from .strict_json import StrictRoute

_ENTITY_TAG = re.compile(r'"([0-9]{1,20})"')


def build_router(services: Callable[[], Services]) -> APIRouter:
    """Every endpoint of a session, served by what `services` returns."""
    router = APIRouter(route_class=StrictRoute)

    def caller(request: Request) -> Caller:
        return caller_if_known(request.scope, jwt=services().jwt)

    @router.post(
        "/sessions/start",
        status_code=201,
        summary="Start an attempt",
        responses={
            200: {
                "model": StartReply,
                "description": "Started before: by this Idempotency-Key, or still open",
            },
            **documented(201, "Started", 403, 409, 413, 422, model=StartReply),
        },
    )
    async def start(
        request: Request,
        body: StartRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
    ) -> Response:
        session = await services().manager.create_session(
            caller(request).user(body.user_id, PROCTOR),
            body.quiz_id,
            idempotency_key=idempotency_key,
            at=request.state.at,
        )
        return session_reply(
            services(),
            session,
            200 if session.replayed or session.resumed else 201,
            {"Location": f"/sessions/{session.id}"},
            resumed=session.resumed,
        )

    @router.get(
        "/sessions/{session_id}",
        summary="Read a session, as it is or as it was at a version",
        responses=documented(200, "The session", 404, 422),
    )
    async def read(
        request: Request,
        session_id: UUID,
        at_version: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    ) -> Response:
        owner = caller(request).owner(PROCTOR, GRADE)
        if at_version is None:
            session = await services().manager.get_session(session_id, owner=owner, at=request.state.at)
        else:
            session = await services().records.at_version(session_id, at_version, owner=owner)
        return session_reply(services(), session)

    @router.get(
        "/sessions/{session_id}/deadline",
        summary="What the deadline is made of",
        responses=documented(200, "The deadline", 404, 422, model=DeadlineReply),
    )
    async def deadline(request: Request, session_id: UUID) -> Response:
        owner = caller(request).owner(PROCTOR, GRADE)
        found = await services().manager.get_deadline(session_id, owner=owner, at=request.state.at)
        return json_reply(found.to_dict())

    @router.get(
        "/sessions/{session_id}/results",
        summary="The score, question by question",
        responses=documented(200, "The results", 403, 404, 409, 422, model=ResultsReply),
    )
    async def results(request: Request, session_id: UUID) -> Response:
        owner = caller(request).owner(PROCTOR, GRADE)
        found = await services().manager.get_results(session_id, owner=owner, at=request.state.at)
        return json_reply(found.to_dict())

    @router.patch(
        "/sessions/{session_id}/progress",
        summary="Keep answers",
        responses=documented(200, "Kept", 404, 409, 410, 413, 422),
    )
    async def progress(
        request: Request,
        session_id: UUID,
        body: ProgressRequest,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        manager = services().manager
        options: dict[str, Any] = {
            "version": _expected_version(if_match and _whole(request, "if-match"), body.version),
            "current_question": body.current_question,
            "autosave": body.autosave,
            "owner": caller(request).owner(),
            "at": request.state.at,
        }
        if body.answers is not None:
            session = await manager.update_answers(session_id, body.answers, **options)
        else:
            assert body.question_id is not None
            session = await manager.update_answer(session_id, body.question_id, body.answer, **options)
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/complete",
        summary="Hand the attempt in",
        responses=documented(200, "Completed", 404, 409, 410, 413, 422),
    )
    async def complete(
        request: Request,
        session_id: UUID,
        body: CompleteRequest | None = None,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        body = body or CompleteRequest(expires_at=None)
        session = await services().manager.complete(
            session_id,
            body.answers,
            version=_expected_version(if_match and _whole(request, "if-match"), body.version),
            deadline=body.expires_at,
            owner=caller(request).owner(),
            at=request.state.at,
        )
        return session_reply(services(), session)

    @router.post(
        "/sessions/{session_id}/abandon",
        summary="Give the attempt up",
        responses=documented(200, "Abandoned", 404, 409, 410, 422),
    )
    async def abandon(request: Request, session_id: UUID) -> Response:
        session = await services().manager.abandon(
            session_id, owner=caller(request).owner(), at=request.state.at
        )
        return session_reply(services(), session)

    @router.get("/health", summary="Is the process alive", responses={200: {"model": Health}})
    async def health() -> Response:
        return Response('{"status":"ok"}', media_type="application/json")

    @router.get(
        "/health/ready",
        summary="Do both stores answer",
        responses={200: {"model": Readiness}, 503: {"model": Readiness, "description": "One is down"}},
    )
    async def ready() -> Response:
        states = await services().manager.store_states()
        up = all(states.values())
        content = {
            "status": "ready" if up else "degraded",
            **{store: "up" if answers else "down" for store, answers in states.items()},
        }
        return Response(dump_json(content), 200 if up else 503, media_type="application/json")

    return router


def _whole(request: Request, header: str) -> str:
    """A header with all its values, as the gateway puts it together; a parameter has the first alone."""
    return ",".join(request.headers.getlist(header))


def _expected_version(if_match: str | None, version: int | None) -> int | None:
    """The version that the caller insists on, from either place.

    Raises:
        InvalidInputError: If-Match is no entity tag of ours, or the two disagree.
    """
    if if_match is None or if_match.strip() == "*":
        return version
    tag = _ENTITY_TAG.fullmatch(if_match.strip())
    if tag is None:
        raise InvalidInputError('If-Match is the ETag of the session, such as "3", or *.')
    if version is not None and version != int(tag[1]):
        raise InvalidInputError("If-Match and version disagree; send one of them.")
    # One that no session will reach is as stale as any other.
    return min(int(tag[1]), MAX_INTEGER)
