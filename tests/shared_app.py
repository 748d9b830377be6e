"""One app for the whole run: building it takes longer than most tests."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from session_api.app import create_service

_serving: ContextVar[Services] = ContextVar("serving")
_app = create_service(_serving.get)


def app_of(services: Services) -> ASGIApp:
    """The app on these services."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _serving.set(services)
        await _app(scope, receive, send)

    return app
