"""The HTTP API on AWS Lambda, for API Gateway's payloads 1.0 and 2.0.

Slow imports happen inside functions: either before the snapshot, or at the first request that needs them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from mangum import Mangum
from snapshot_restore_py import register_before_snapshot

from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.cached_reads import CachedSessions

from .cached_reads import CachedReads
from .direct_writes import DirectWrites
from .front import Front
from .gateway import TEXT_TYPES, context_of, request_id
from .request_source import SECRET_HEADER

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from quiz_sessions.bootstrap import Services


@cache
def settings() -> Settings:
    """The settings, read at the first request, because a snapshot must hold neither settings nor sockets."""
    return Settings.from_environment(os.environ)


@cache
def cached_sessions() -> CachedSessions:
    return CachedSessions.of(settings())


@cache
def services() -> Services:
    from quiz_sessions.bootstrap import build_services  # noqa: PLC0415

    return build_services(settings(), pool_size=1, cached=cached_sessions())


@cache
def app() -> FastAPI:
    from .app import create_app  # noqa: PLC0415

    return create_app(services)


def import_everything() -> None:
    """Import what the snapshot should hold: modules and routes, but no client and no credentials."""
    # boto3 reads the secret; importing it takes longer than a request may wait for its connection.
    import boto3  # noqa: F401, PLC0415

    # The first receipt is signed with it; like boto3 it is imported for the snapshot alone.
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: F401, PLC0415

    import quiz_sessions.bootstrap  # noqa: F401, PLC0415

    app()


register_before_snapshot(import_everything)


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The loop of all invocations, because connections belong to one; a snapshot must not hold it."""
    return asyncio.new_event_loop()


def behind_front(app: ASGIApp) -> Mangum:
    """`app` as the function of a gateway."""
    front = Front(
        app,
        lambda: settings().allowed_origins,
        lambda: settings().base_path,
        secrets=lambda: settings().required_secrets,
    )
    return Mangum(front, lifespan="off", text_mime_types=TEXT_TYPES)


@cache
def adapter() -> Mangum:
    # Mangum takes the loop from the thread.
    asyncio.set_event_loop(event_loop())
    writes = DirectWrites(services, app)
    # It would log a line for each request.
    logging.getLogger("mangum").setLevel(logging.WARNING)
    return behind_front(CachedReads(cached_sessions, services, lambda: writes))


def readable(event: object) -> dict[str, Any]:
    """An event that Mangum can read, with what the reply to a refused one depends on.

    Whoever may invoke the function may send it anything.
    """
    given = event if isinstance(event, dict) else {}
    context = context_of(event)
    http = context.get("http")
    method = given.get("httpMethod") or (http.get("method") if isinstance(http, dict) else None)
    sent = given.get("headers")
    headers = {
        name: value
        for name, value in (sent if isinstance(sent, dict) else {}).items()
        if name.lower() in ("origin", "x-request-id", SECRET_HEADER)
        and isinstance(value, str)
        and value.isascii()
    }
    return {
        "version": "2.0",
        "rawPath": "/",
        "headers": headers,
        "requestContext": {
            **context,
            "http": {"method": method if isinstance(method, str) else "GET", "path": "/", "sourceIp": None},
        },
    }


def outside_of_the_app(event: object, context: Any, error: Exception) -> dict[str, Any]:
    """The reply to a request that did not reach the app, or whose reply did not leave it."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        from quiz_sessions.runtime.telemetry import Telemetry  # noqa: PLC0415

        from .problems import problem  # noqa: PLC0415

        if not isinstance(error, ValueError):
            raise error
        Telemetry().failed("request not read", error, request_id=request_id(scope))
        detail = "A header of the request can't be read, or its body is not the base64 that it is said to be."
        reply = problem(400, "bad_request", detail, request_id(scope), root_path=settings().base_path)
        await reply(scope, receive, send)

    reply: dict[str, Any] = behind_front(refuse)(readable(event), context)
    return reply


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Serve one request of API Gateway.

    Whatever goes wrong around the app is a problem document as well: a failed invocation would be an error of
    the function, of which a few roll a release back.
    """
    try:
        reply: dict[str, Any] = adapter()(event, context)
        return reply
    except Exception as error:
        # Mangum reads numbers out of headers that the caller may write as it likes (Host, X-Forwarded-Port).
        return outside_of_the_app(event, context, error)
