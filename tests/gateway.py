"""API Gateway in front of the app: its clock, and the claims that its authorizer has verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import Micros
from tests.builders import START
from tests.harness.service import with_tokens
from tests.shared_app import app_of

STAFF = "sessions:proctor sessions:grade quizzes:write"


@dataclass
class Gateway:
    """Requests come at `at`, cut to milliseconds, from `subject`; from anyone where that is None."""

    app: ASGIApp
    at: Micros = START
    subject: str | None = None
    scope: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: dict[str, Any] = {"timeEpoch": self.at // 1000}
        if self.subject is not None:
            claims = {"sub": self.subject, "scope": self.scope}
            context["authorizer"] = {"jwt": {"claims": claims}}
        await self.app({**scope, "aws.event": {"requestContext": context}}, receive, send)


class Api:
    """HTTP through a gateway whose clock and caller a test sets."""

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self._http = http

    async def __call__(
        self, method: str, path: str, body: object = None, *, at: Micros | None = None, key: str | None = None
    ) -> httpx.Response:
        if at is not None:
            self.gateway.at = at
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self._http.request(method, path, json=body, headers=headers)

    def be(self, subject: str, scope: str = "") -> None:
        """From now on requests come with these claims."""
        self.gateway.subject, self.gateway.scope = subject, scope


@asynccontextmanager
async def api_of(services: Services, *, jwt: bool = False) -> AsyncIterator[Api]:
    """The API of `services`; with `jwt`, callers are who the gateway says."""
    served = with_tokens(services, jwt)
    gateway = Gateway(app_of(served))
    transport = httpx.ASGITransport(gateway, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(gateway, http)
