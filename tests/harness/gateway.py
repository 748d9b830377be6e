"""API Gateway: its clock, the claims that its authorizer has verified, and what it hands to a function."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.timestamps import Micros
from tests.harness.builders import START
from tests.harness.http_client import Hold, HttpClient, LostError, Reply
from tests.harness.process import CONTEXT_HEADER
from tests.harness.runtime import sample
from tests.harness.service import app_of, client_of, gateway_time, with_tokens

STAFF = "sessions:proctor sessions:grade quizzes:write"


def authorizer(claims: Mapping[str, Any], payload: str = "2.0") -> dict[str, Any]:
    """What a request's context says of its token."""
    told = {"claims": dict(claims)}
    return {"authorizer": {"jwt": {**told, "scopes": None}} if payload == "2.0" else told}


@dataclass
class Gateway:
    """In front of the app, in this process.

    Attributes:
        at: when requests come, cut to milliseconds; 0 where the gateway does not say.
        subject: whom they come from, with `scope`; the token is not there where it is None.
        claims: those of the token, instead of the two.
        payload: the version of the format, 2.0 or 1.0.
        request_id: the gateway's name for each request.
    """

    app: ASGIApp
    at: Micros = START
    subject: str | None = None
    scope: str = ""
    claims: Mapping[str, Any] | None = None
    payload: str = "2.0"
    request_id: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: dict[str, Any] = {}
        if self.at:
            context["timeEpoch" if self.payload == "2.0" else "requestTimeEpoch"] = self.at // 1000
        if self.request_id is not None:
            context["requestId"] = self.request_id
        claims = self.claims
        if claims is None and self.subject is not None:
            claims = {"sub": self.subject, "scope": self.scope}
        if claims is not None:
            context |= authorizer(claims, self.payload)
        gateway_time.set(self.at or None)
        event = {"version": self.payload, "requestContext": context}
        await self.app({**scope, "aws.event": event}, receive, send)


class Api:
    """HTTP through a gateway whose clock and caller a test sets."""

    def __init__(self, gateway: Gateway, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self._http = http

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        at: Micros | None = None,
        key: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> httpx.Response:
        if at is not None:
            self.gateway.at = at
        headers = dict(headers) if key is None else {**headers, "Idempotency-Key": key}
        return await self._http.request(method, path, json=body, headers=headers)

    def be(self, subject: str, scope: str = "") -> None:
        """From now on requests come with these claims."""
        self.gateway.subject, self.gateway.scope = subject, scope


@asynccontextmanager
async def api_of(services: Services, *, jwt: bool = False) -> AsyncIterator[Api]:
    """The API of `services`; with `jwt`, callers are who the gateway says."""
    gateway = Gateway(app_of(with_tokens(services, jwt)))
    async with client_of(gateway) as http:
        yield Api(gateway, http)


# In front of processes


class Clock:
    """Gives each request a millisecond of its own, so that their order is never in doubt.

    `shift`: seconds that it is ahead.
    """

    def __init__(self, shift: int = 0) -> None:
        self._shift = shift * 1000
        self._last = 0

    def now(self) -> Micros:
        self._last = max(time.time_ns() // 1_000_000 + self._shift, self._last + 1)
        return self._last * 1000


@dataclass(frozen=True, slots=True)
class Request:
    """As a caller sends it; `key` is its Idempotency-Key, `client` its X-Client-Id, `etag` its
    If-Match.

    Attributes:
        at: 0 where the gateway does not say.
    """

    method: str
    path: str
    caller: str
    at: Micros
    body: Any = None
    scopes: str = ""
    key: str | None = None
    client: str | None = None
    etag: str | None = None

    def context(self) -> dict[str, Any]:
        """What the gateway says of it."""
        claims = {"sub": self.caller, "scope": self.scopes}
        return {"requestId": uuid4().hex, "timeEpoch": self.at // 1000, **authorizer(claims)}

    def headers(self) -> dict[str, str]:
        named = {"idempotency-key": self.key, "x-client-id": self.client, "if-match": self.etag}
        return {name: value for name, value in named.items() if value is not None}


class ToProcess:
    """Hands requests to a process of the API, with their context in a header."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    async def send(self, request: Request, hold: Hold | None = None) -> Reply:
        """The reply; the last byte is sent once `hold` has returned. Raises LostError."""
        headers = {**request.headers(), CONTEXT_HEADER: json.dumps(request.context())}
        return await self.http.request(request.method, request.path, request.body, headers, hold)


class ToFunction(ToProcess):
    """Hands requests to the runtime emulator, which invokes its function once at a time."""

    def __init__(self, url: str, patience: float) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        super().__init__(HttpClient(parts.port, patience=patience))
        self._path = parts.path
        self._turn = asyncio.Lock()

    async def send(self, request: Request, hold: Hold | None = None) -> Reply:
        """The reply. Raises LostError."""
        if hold is not None:
            # A function is invoked with a whole request.
            await hold()
        event = sample("progress")
        event["rawPath"] = request.path
        event["headers"] = {"content-type": "application/json", **request.headers()}
        event["body"] = "" if request.body is None else json.dumps(request.body)
        event["requestContext"] |= request.context()
        event["requestContext"]["http"] |= {"method": request.method, "path": request.path}
        async with self._turn:
            invoked = await self.http.request("POST", self._path, event)
        try:
            reply = invoked.body
        except ValueError as error:
            raise LostError("the function was ended") from error
        if "statusCode" not in reply:
            raise LostError(str(reply.get("errorType")))
        return Reply(reply["statusCode"], b"", (reply["body"] or "").encode())
