"""Liveness, readiness, and how the service is doing."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

import quiz_sessions
from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.json_values import dump_record
from quiz_sessions.services.health import Serving

from ..identity import READ_ACTIONS, WRITE_QUIZZES
from ..replies import documented, json_reply, pick
from ..schemas.health import Health, Readiness
from ..schemas.status import StatusReply
from .parameters import authenticated


def add_routes(router: APIRouter, services: Callable[[], Services]) -> None:

    @router.get(
        "/health",
        summary="Is the process alive",
        responses=documented(200, "It is", 422, model=Health, token=False),
        openapi_extra={"security": []},
    )
    async def get_health() -> Response:
        """Asks no store."""
        return _reply(Health(status="ok"))

    @router.get(
        "/health/ready",
        summary="Can it serve",
        responses={
            **documented(200, "It can; degraded, without the cache", 422, model=Readiness),
            503: documented(503, "Writes fail, or the process is about to end", model=Readiness)[503],
        },
    )
    async def get_readiness() -> Response:
        """503 while PostgreSQL does not answer or takes no writes, and once the process was asked to end.

        Whether it takes writes is tried at most every five seconds, so that any monitor may ask.
        """
        found = await services().health.look()
        readiness = Readiness(status=found.serving, database=found.database.state, cache=found.cache.state)
        return _reply(readiness, 200 if found.serving in (Serving.READY, Serving.DEGRADED) else 503)

    @router.get(
        "/status",
        summary="How the service is doing",
        responses=documented(200, "As the process that answers sees it", 403, 422, model=StatusReply),
    )
    async def get_status(request: Request) -> Response:
        """For those who run it. While a store is away, what it would have to say is null."""
        authenticated(request, services()).require(WRITE_QUIZZES, READ_ACTIONS)
        status = await services().status.read()
        return json_reply(pick(StatusReply, status, version=quiz_sessions.__version__))


def _reply(content: object, status: int = 200) -> Response:
    return Response(dump_record(content), status, media_type="application/json")
