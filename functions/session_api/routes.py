"""The endpoints: each reads its request, calls one use case and writes its reply."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from quiz_sessions.errors import InvalidInputError
from quiz_sessions.models import Session, dump_json
from quiz_sessions.rules import MAX_INTEGER
from quiz_sessions.wiring import Services

from .problems import PROBLEM_JSON
from .schemas import (
    CompleteRequest,
    Conflict,
    Health,
    InvalidInput,
    Problem,
    ProgressRequest,
    Readiness,
    SessionReply,
    StartRequest,
)
from .strict_json import StrictRoute

_ENTITY_TAG = re.compile(r'"([0-9]{1,20})"')


def build_router(services: Callable[[], Services]) -> APIRouter:
    """Every endpoint, served by what `services` returns."""
    router = APIRouter(route_class=StrictRoute)

    @router.post(
        "/sessions/start",
        status_code=201,
        summary="Start an attempt",
        responses={
            **_session(201, "Started"),
            **_session(200, "Already started with this Idempotency-Key"),
            **_problems(409, 413, 422, 503),
        },
    )
    async def start(
        request: Request,
        body: StartRequest,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
    ) -> Response:
        session = await services().manager.create_session(
            body.user_id, body.quiz_id, idempotency_key=idempotency_key, at=request.state.at
        )
        location = {"Location": f"/sessions/{session.id}"}
        return _reply(session, 200 if session.replayed else 201, location)

    @router.get(
        "/sessions/{session_id}",
        summary="Read a session",
        responses={**_session(200, "The session now"), **_problems(404, 422, 503)},
    )
    async def read(request: Request, session_id: UUID) -> Response:
        return _reply(await services().manager.get_session(session_id, at=request.state.at))

    @router.patch(
        "/sessions/{session_id}/progress",
        summary="Keep answers",
        responses={**_session(200, "Kept"), **_problems(404, 409, 410, 413, 422, 503)},
    )
    async def progress(
        request: Request,
        session_id: UUID,
        body: ProgressRequest,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        manager = services().manager
        options: dict[str, Any] = {
            "version": _expected_version(if_match, body.version),
            "current_question": body.current_question,
            "autosave": body.autosave,
            "at": request.state.at,
        }
        if body.answers is not None:
            session = await manager.update_answers(session_id, body.answers, **options)
        else:
            assert body.question_id is not None
            session = await manager.update_answer(session_id, body.question_id, body.answer, **options)
        return _reply(session)

    @router.post(
        "/sessions/{session_id}/complete",
        summary="Hand the attempt in",
        responses={**_session(200, "Completed"), **_problems(404, 409, 410, 413, 422, 503)},
    )
    async def complete(
        request: Request,
        session_id: UUID,
        body: CompleteRequest | None = None,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        body = body or CompleteRequest()
        session = await services().manager.complete(
            session_id,
            body.answers,
            version=_expected_version(if_match, body.version),
            at=request.state.at,
        )
        return _reply(session)

    @router.post(
        "/sessions/{session_id}/abandon",
        summary="Give the attempt up",
        responses={**_session(200, "Abandoned"), **_problems(404, 409, 410, 422, 503)},
    )
    async def abandon(request: Request, session_id: UUID) -> Response:
        return _reply(await services().manager.abandon(session_id, at=request.state.at))

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


def _reply(session: Session, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        dump_json(session.to_dict()),
        status,
        {"ETag": f'"{session.version}"', "Cache-Control": "no-store", **(headers or {})},
        "application/json",
    )


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


def _session(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": SessionReply, "description": description}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    models = {409: Conflict, 422: InvalidInput}
    descriptions = {
        404: "No such session",
        409: "Closed, or at another version",
        410: "Its time is over",
        413: "Over a limit in bytes",
        422: "To be changed as the problem says",
        503: "Try again",
    }
    return {
        status: {
            "description": descriptions[status],
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": f"#/components/schemas/{models.get(status, Problem).__name__}"}
                }
            },
        }
        for status in statuses
    }
