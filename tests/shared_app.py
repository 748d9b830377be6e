"""One app for the whole run: building it takes longer than most tests."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.flush import Flusher
from quiz_sessions.load import Load
from quiz_sessions.manager import SessionManager
from quiz_sessions.wiring import Services
from session_api.app import create_service

_serving: ContextVar[Services] = ContextVar("serving")
_app = create_service(_serving.get)


def app_of(services: Services) -> ASGIApp:
    """The app on these services."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _serving.set(services)
        await _app(scope, receive, send)

    return app


def with_tokens(services: Services, jwt: bool = True) -> Services:
    """The same services, whose callers are known by their tokens, or are not."""
    return replace(services, cached=replace(services.cached, jwt=jwt))


def with_steady_load(services: Services) -> Services:
    """The same services; what they advise to clients is not random."""
    load = Load(jitter=lambda: 0.5)
    parts = replace(services.parts, load=load)
    return replace(
        services,
        cached=replace(services.cached, load=load),
        parts=parts,
        manager=SessionManager(parts),
        flusher=Flusher(parts),
    )
