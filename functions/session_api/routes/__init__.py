"""The endpoints: each parses its request, calls one use case and writes its reply."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from quiz_sessions.bootstrap import Services

from ..strict_json import StrictRoute
from . import audit, grades, health, quizzes, room, sessions


def build_router(services: Callable[[], Services]) -> APIRouter:
    """A router with all endpoints, which use the result of `services`."""
    router = APIRouter(route_class=StrictRoute)
    for capability in (sessions, room, quizzes, grades, audit, health):
        capability.add_routes(router, services)
    return router
