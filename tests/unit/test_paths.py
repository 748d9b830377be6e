"""Where a request's path begins and how often it is decoded, through Mangum, for both payloads."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from mangum import Mangum
from starlette.types import Receive, Scope, Send

from session_api import handler
from session_api.front import Front
from session_api.gateway import path_of, request_id
from tests.harness.runtime import sample

CONTEXT: Any = None


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Replies what it was asked for."""
    seen = {"path": path_of(scope), "front": scope["root_path"], "id": request_id(scope)}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


@pytest.fixture
def loop() -> Iterator[None]:
    """A loop for Mangum, as the handler gives it one."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


def seen(event: dict[str, Any], base_path: str = "") -> dict[str, str]:
    # To Mangum a type that it does not know is binary.
    reply = Mangum(Front(echo, list, lambda: base_path), lifespan="off", text_mime_types=[""])(event, CONTEXT)
    found: dict[str, str] = json.loads(reply["body"])
    return found


def http_api(path: str, stage: str = "$default") -> dict[str, Any]:
    """Payload 2.0, whose path API Gateway has decoded."""
    event = sample("read")
    event["rawPath"] = path
    event["requestContext"] |= {"stage": stage}
    return event


def rest_api(path: str, whole: str | None = None, stage: str = "prod") -> dict[str, Any]:
    """Payload 1.0, whose path is as it was sent; `whole` is that of the request context."""
    event = sample("rest_progress")
    event["path"] = path
    event["requestContext"] |= {"stage": stage, "path": whole or path}
    return event


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("name", ["a%41", "100%", "100%25", "a b", "ü"])
def test_a_path_that_the_gateway_has_decoded_is_not_decoded_again(name: str) -> None:
    assert seen(http_api(f"/quizzes/{name}"))["path"] == f"/quizzes/{name}"


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize(
    ("sent", "name"), [("a%41", "aA"), ("a%2541", "a%41"), ("100%25", "100%"), ("%C3%BC", "ü")]
)
def test_a_path_that_comes_as_it_was_sent_is_decoded_once(sent: str, name: str) -> None:
    assert seen(rest_api(f"/quizzes/{sent}"))["path"] == f"/quizzes/{name}"


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize(
    ("event", "base_path", "front", "path"),
    [
        (http_api("/sessions/1"), "", "", "/sessions/1"),
        (http_api("/dev/sessions/1", "dev"), "", "/dev", "/sessions/1"),
        (http_api("/dev", "dev"), "", "/dev", ""),
        (http_api("/devices/1", "dev"), "", "", "/devices/1"),
        (http_api("/sessions/sessions/1", "sessions"), "", "/sessions", "/sessions/1"),
        (http_api("/exams/sessions/1"), "/exams", "/exams", "/sessions/1"),
        (http_api("/sessions/1"), "/exams", "", "/sessions/1"),
        (http_api("/dev/exams/sessions/1", "dev"), "/exams", "/dev/exams", "/sessions/1"),
        (rest_api("/sessions/1", "/prod/sessions/1"), "", "/prod", "/sessions/1"),
        (rest_api("/sessions/1", "/sessions/1"), "", "", "/sessions/1"),
        (rest_api("/exams/sessions/1", "/exams/sessions/1"), "/exams", "/exams", "/sessions/1"),
    ],
)
def test_what_stands_in_front_is_told_from_the_path(
    event: dict[str, Any], base_path: str, front: str, path: str
) -> None:
    found = seen(event, base_path)
    assert (found["front"], found["path"]) == (front, path)


@pytest.mark.usefixtures("loop")
def test_the_gateways_id_of_a_request_is_the_one() -> None:
    event = http_api("/sessions/1")
    event["headers"]["x-request-id"] = "of-the-caller"
    assert seen(event)["id"] == event["requestContext"]["requestId"]


@pytest.mark.usefixtures("loop")
def test_the_id_that_sam_local_gives_to_every_request_is_not() -> None:
    event = http_api("/sessions/1")
    event["requestContext"] |= {"timeEpoch": 1_795_341_600}
    event["headers"]["x-request-id"] = "of-the-caller"
    assert seen(event)["id"] == "of-the-caller"


def test_mangum_logs_no_line_for_each_request() -> None:
    handler.adapter()
    assert not logging.getLogger("mangum").isEnabledFor(logging.INFO)
