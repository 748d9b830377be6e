"""Liveness and readiness."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.json_values import dump_record

from ..replies import documented
from ..schemas.health import Health, Readiness


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
        summary="Do both stores answer, and does the process go on",
        responses={
            **documented(200, "Both answer", 422, model=Readiness),
            503: documented(503, "One is down, or the process is about to end", model=Readiness)[503],
        },
    )
    async def get_readiness() -> Response:
        """503 while one of them does not, and once the process has been asked to end."""
        health = services().health
        states = await health.store_states()
        up = all(states.values())
        readiness = Readiness(
            status="draining" if health.is_draining else "ready" if up else "degraded",
            database="up" if states["database"] else "down",
            cache="up" if states["cache"] else "down",
        )
        return _reply(readiness, 200 if readiness.status == "ready" else 503)


def _reply(content: object, status: int = 200) -> Response:
    return Response(dump_record(content), status, media_type="application/json")
