"""The endpoints: each parses its request, calls one use case and writes its reply."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from quiz_sessions.bootstrap import Services

from ..strict_json import StrictRoute
from . import audit, grades, health, quizzes, room, sessions


def build_router(services: Callable[[], Services]) -> APIRouter:
    """A router with all endpoints, which use the result of `services`."""
    router = APIRouter()
    for capability in (sessions, room, quizzes, grades, audit, health):
        tag = capability.__name__.rpartition(".")[2]
        routes = APIRouter(
            route_class=StrictRoute,
            tags=[tag],
            generate_unique_id_function=lambda route: _operation(route.name),
        )
        capability.add_routes(routes, services)
        router.include_router(routes)
    return router


def _operation(name: str) -> str:
    """The operationId of a function: start_session is startSession."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
