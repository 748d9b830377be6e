"""The endpoints: each parses its request, calls one use case and writes its reply."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from quiz_sessions.bootstrap import Services

from ..strict_routes import StrictRoute, StrictTextRoute
from . import (
    audit,
    beacons,
    devices,
    exports,
    grades,
    health,
    incidents,
    labels,
    live,
    notices,
    papers,
    pauses,
    quizzes,
    room,
    sessions,
    standing_accommodations,
    timeline,
    webhooks,
)


def build_router(services: Callable[[], Services]) -> APIRouter:
    """A router with all endpoints, which use the result of `services`."""
    router = APIRouter()
    for capability in (sessions, room, quizzes, grades, exports, audit, health):
        routes = _router(capability.__name__.rpartition(".")[2], StrictRoute)
        capability.add_routes(routes, services)
        if capability is sessions:
            beacons.add_routes(routes, services)
            papers.add_routes(routes, services)
        if capability is audit:
            timeline.add_routes(routes, services)
            webhooks.add_routes(routes, services)
        if capability is room:
            pauses.add_routes(routes, services)
            notices.add_routes(routes, services)
            incidents.add_routes(routes, services)
            devices.add_routes(routes, services)
            live.add_routes(routes, services)
            standing_accommodations.add_routes(routes, services)
            labels.add_routes(routes, services)
        router.include_router(routes)
    texts = _router("sessions", StrictTextRoute)
    beacons.add_text_routes(texts, services)
    router.include_router(texts)
    return router


def _router(tag: str, route_class: type[StrictRoute]) -> APIRouter:
    return APIRouter(
        route_class=route_class,
        tags=[tag],
        generate_unique_id_function=lambda route: _operation(route.name),
    )


def _operation(name: str) -> str:
    """The operationId of a function: start_session is startSession."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
