"""Whose request it is, behind CloudFront in front of API Gateway and of the load balancer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from mangum import Mangum
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from session_api.front import Front
from session_api.gateway import TEXT_TYPES
from session_api.request_source import source_of
from session_api.server.balancer import BehindBalancer
from tests.harness.runtime import sample

SECRET = "a-secret-of-the-distribution"
EDGE = "130.176.0.9"
VIEWER = "203.0.113.5"
ROOM = "192.0.2.7"
"""Where a student at home would like to be."""
CONTEXT: Any = None


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Replies whose request it is."""
    await JSONResponse(source_of(scope, [SECRET]).address)(scope, receive, send)


FRONT = Front(tell, list, str, secrets=lambda: [SECRET])


def at_gateway(headers: dict[str, str]) -> tuple[int, Any]:
    """As API Gateway invokes the function: a header that was sent twice is one, with a comma."""
    event = sample("read")
    event["headers"] |= {**headers, "x-forwarded-for": f"{headers.get('x-forwarded-for', VIEWER)}, {EDGE}"}
    event["requestContext"]["http"]["sourceIp"] = EDGE
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        reply = Mangum(FRONT, lifespan="off", text_mime_types=TEXT_TYPES)(event, CONTEXT)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return reply["statusCode"], json.loads(reply["body"])


def at_balancer(headers: dict[str, str]) -> tuple[int, Any]:
    """As the load balancer passes it on: it appends the address of its own caller."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(BehindBalancer(FRONT, lambda: False), client=("10.0.0.7", 1234))
        sent = {**headers, "x-forwarded-for": f"{headers.get('x-forwarded-for', VIEWER)}, {EDGE}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/", headers=sent)

    with asyncio.Runner() as runner:
        reply = runner.run(asked())
    return reply.status_code, reply.json()


Ask = Callable[[dict[str, str]], tuple[int, Any]]


@pytest.fixture(params=[at_gateway, at_balancer])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "behind-a-distribution")
    asked: Ask = request.param
    return asked


@pytest.mark.parametrize(
    ("told", "address"), [(f"{VIEWER}:443", VIEWER), ("2001:db8::7:443", "2001:db8::7"), ("", None)]
)
def test_it_is_whose_cloudfront_says(ask: Ask, told: str, address: str | None) -> None:
    assert ask({"x-origin-secret": SECRET, "cloudfront-viewer-address": told}) == (200, address)


def test_what_a_student_writes_beside_it_says_nothing(ask: Ask) -> None:
    forged = dict.fromkeys(("x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip"), ROOM)
    given = {"x-origin-secret": SECRET, "cloudfront-viewer-address": f"{VIEWER}:443"}
    assert ask(forged | given) == (200, VIEWER)


def test_two_addresses_are_none(ask: Ask) -> None:
    told = f"{ROOM}:1, {VIEWER}:443"
    assert ask({"x-origin-secret": SECRET, "cloudfront-viewer-address": told}) == (200, None)


@pytest.mark.parametrize("secret", [None, "", "guessed-by-a-student", f"{SECRET}, {SECRET}"])
def test_past_cloudfront_nobody_says_anything(ask: Ask, secret: str | None) -> None:
    sent = {"cloudfront-viewer-address": f"{ROOM}:1", "x-forwarded-for": ROOM}
    status, problem = ask(sent if secret is None else {**sent, "x-origin-secret": secret})
    assert (status, problem["code"]) == (403, "forbidden")
