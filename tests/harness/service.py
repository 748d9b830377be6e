"""The service in this process as a test wants it, and the steps that most tests begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.papers import Content
from quiz_sessions.domain.quizzes import OpenAttempts, QuizRules
from quiz_sessions.domain.timestamps import Micros
from quiz_sessions.services.backpressure import Backpressure
from quiz_sessions.services.flush import FlushLimits, FlushReport
from session_api.app import create_service
from tests.harness.builders import LATER, START
from tests.harness.stores import Stores

_serving: ContextVar[Services] = ContextVar("serving")
gateway_time: ContextVar[Micros | None] = ContextVar("gateway_time", default=None)
"""The time of a gateway in this process; the clock of the service is the same."""
_app = create_service(_serving.get, clock=lambda: gateway_time.get() or _serving.get().clock())
"""One for the whole run: building it takes longer than most tests."""


def app_of(services: Services) -> ASGIApp:
    """The app on these services."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _serving.set(services)
        await _app(scope, receive, send)

    return app


@asynccontextmanager
async def client_of(app: ASGIApp | Services) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of an app in this process."""
    served = app_of(app) if isinstance(app, Services) else app
    transport = httpx.ASGITransport(served, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


@asynccontextmanager
async def services_on(stores: Stores, **settings: Any) -> AsyncIterator[Services]:
    """The parts of one process, with other settings where some are given."""
    services = build_services(replace(stores.settings, **settings))
    try:
        yield services
    finally:
        await services.close()


def rebuilt(services: Services, **options: Any) -> Services:
    """The same service, with other options of `build_services`; it shares the connections of `services`."""
    return build_services(services.settings, **{"stores": services.stores, **options})


def with_tokens(services: Services, jwt: bool = True) -> Services:
    """The same service, whose callers are known by their tokens, or are not."""
    return rebuilt(services, cached=replace(services.cached, jwt=jwt))


def with_steady_backpressure(services: Services) -> Services:
    """The same service; what it advises to clients is not random."""
    steady = Backpressure(jitter=lambda: 0.5)
    return rebuilt(services, cached=replace(services.cached, backpressure=steady))


# Steps


async def put_quiz(
    services: Services,
    at: Micros = START,
    contents: Mapping[str, Content] = MappingProxyType({}),
    **rules: Any,
) -> None:
    await services.administration.put_quiz(
        "quiz1", QuizRules(**rules), contents=contents, open_attempts=OpenAttempts.KEEP, at=at
    )


async def start(
    services: Services, user: str = "user1", quiz: str = "quiz1", at: Micros | None = START
) -> UUID:
    return (await services.sessions.create_session(user, quiz, at=at)).id


async def start_over_http(
    http: httpx.AsyncClient, user: str = "user1", quiz: str = "quiz1"
) -> dict[str, Any]:
    reply = await http.post("/sessions/start", json={"user_id": user, "quiz_id": quiz})
    assert reply.status_code == 201, reply.text
    session: dict[str, Any] = reply.json()
    return session


async def autosave(services: Services, session_id: UUID, answer: object, at: Micros = LATER) -> None:
    """An answer to question 0."""
    await services.sessions.update_answer(session_id, 0, answer, autosave=True, at=at)


async def flush_at(services: Services, now: Micros = LATER, **limits: int) -> FlushReport:
    """One flush at a moment of the test's choice."""
    return await rebuilt(services, clock=lambda: now, flush_limits=FlushLimits(**limits)).flusher.run()
