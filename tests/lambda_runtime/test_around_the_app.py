"""What the app never sees is answered as everything else is, and fails no invocation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.harness.runtime import Runtime, request_event, running_runtime
from tests.harness.stores import Stores

PAGE = "https://exam.example.org"
UNREADABLE = {"host": "x:abc"}


@pytest.fixture(scope="module")
def api(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The API, which one page may call."""
    folder = tmp_path_factory.mktemp("api")
    handler = "session_api.handler.handler"
    with running_runtime(handler, running_stores, folder, settings={"ALLOWED_ORIGINS": PAGE}) as runtime:
        yield runtime


def with_headers(name: str, headers: dict[str, str]) -> dict[str, Any]:
    event = request_event(name)
    event["headers"] |= headers
    if event["version"] == "1.0":
        event["multiValueHeaders"] = {key: [value] for key, value in event["headers"].items()}
    return event


def problem(reply: dict[str, Any]) -> dict[str, Any]:
    assert (reply["headers"]["content-type"], reply["isBase64Encoded"]) == ("application/problem+json", False)
    found: dict[str, Any] = json.loads(reply["body"])
    assert found["status"] == reply["statusCode"]
    return found


PAYLOADS = pytest.mark.parametrize("name", ["read", "rest_progress"], ids=["2.0", "1.0"])


@PAYLOADS
@pytest.mark.parametrize(
    "headers", [{"x-forwarded-port": "abc"}, UNREADABLE, {"host": "a:b:c"}, {"host": "[::1]"}], ids=repr
)
def test_a_header_that_cannot_be_read_is_a_problem(api: Runtime, name: str, headers: dict[str, str]) -> None:
    reply = api.invoke(with_headers(name, headers))
    assert (reply["statusCode"], problem(reply)["code"]) == (400, "bad_request")


def test_a_body_that_is_not_base64_is_a_problem(api: Runtime) -> None:
    reply = api.invoke(request_event("progress") | {"isBase64Encoded": True, "body": "not base64"})
    assert (reply["statusCode"], problem(reply)["code"]) == (400, "bad_request")


def test_an_event_of_nobody_is_a_problem(api: Runtime) -> None:
    reply = api.invoke({})
    assert (reply["statusCode"], problem(reply)["code"]) == (500, "internal_error")


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        [1],
        "event",
        5,
        {"requestContext": "context"},
        {"version": "2.0", "requestContext": "context"},
        {"version": "1.0", "requestContext": [1], "resource": "/", "headers": "headers"},
        {"version": "2.0", "requestContext": {"http": "GET"}, "headers": {"Origin": 5}},
        {"httpMethod": 5, "headers": [1]},
    ],
    ids=repr,
)
def test_what_is_no_event_is_a_problem(api: Runtime, event: Any) -> None:
    reply = api.invoke(event)
    assert (reply["statusCode"], problem(reply)["code"]) == (500, "internal_error")


@PAYLOADS
@pytest.mark.parametrize("context", ["context", [1], None, 5])
def test_a_context_that_is_no_object_is_a_problem(api: Runtime, name: str, context: object) -> None:
    reply = api.invoke({**request_event(name), "requestContext": context})
    assert (reply["statusCode"], problem(reply)["code"]) == (500, "internal_error")


def test_an_id_of_the_gateway_that_is_no_text_is_not_named(api: Runtime) -> None:
    event = request_event("read")
    event["requestContext"]["requestId"] = 5
    UUID(api.invoke(event)["headers"]["x-request-id"])


@PAYLOADS
def test_it_has_the_headers_of_every_reply(api: Runtime, name: str) -> None:
    event = with_headers(name, UNREADABLE)
    headers = api.invoke(event)["headers"]
    assert headers["x-request-id"] == event["requestContext"]["requestId"]
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


@PAYLOADS
@pytest.mark.parametrize(("origin", "allowed"), [(PAGE, PAGE), ("https://evil.example.org", None)])
def test_a_page_reads_it_as_it_reads_every_reply(
    api: Runtime, name: str, origin: str, allowed: str | None
) -> None:
    headers = api.invoke(with_headers(name, UNREADABLE | {"Origin": origin}))["headers"]
    assert headers.get("access-control-allow-origin") == allowed
    assert "x-request-id" in headers["access-control-expose-headers"]


def test_a_refused_head_has_no_body(api: Runtime) -> None:
    event = with_headers("read", UNREADABLE)
    event["requestContext"]["http"]["method"] = "HEAD"
    reply = api.invoke(event)
    assert (reply["statusCode"], reply["body"]) == (400, "")


@PAYLOADS
def test_it_names_the_request_id_of_the_gateway_and_so_does_the_log(api: Runtime, name: str) -> None:
    event = with_headers(name, UNREADABLE | {"X-Request-Id": "of-the-caller"})
    known = event["requestContext"]["requestId"]
    assert problem(api.invoke(event))["request_id"] == known
    lines = [json.loads(line) for line in api.log().splitlines() if line.startswith("{")]
    assert [line["message"] for line in lines if line.get("request_id") == known] == ["request not read"]


@PAYLOADS
@pytest.mark.parametrize(("sent", "kept"), [("of-the-caller", True), ("not well-formed", False)])
def test_the_id_that_sam_local_gives_to_every_request_is_not_named(
    api: Runtime, name: str, sent: str, kept: bool
) -> None:
    event = with_headers(name, UNREADABLE | {"X-Request-Id": sent})
    epoch = "timeEpoch" if name == "read" else "requestTimeEpoch"
    event["requestContext"] |= {"requestId": str(UUID(int=0)), epoch: 1_795_341_600}
    named = problem(api.invoke(event))["request_id"]
    assert (named == sent) == kept
    assert named != str(UUID(int=0))


# Behind a distribution that alone may pass requests on

SECRET = "a-secret-of-the-distribution"


@pytest.fixture(scope="module")
def closed(running_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """The API, which one distribution may call."""
    settings = {"ORIGIN_SECRET": SECRET, "ORIGIN_ONLY": "true"}
    folder = tmp_path_factory.mktemp("closed")
    with running_runtime("session_api.handler.handler", running_stores, folder, settings=settings) as runtime:
        yield runtime


@PAYLOADS
@pytest.mark.parametrize("unreadable", [{}, UNREADABLE], ids=["readable", "unreadable"])
def test_what_did_not_come_through_the_distribution_is_refused(
    closed: Runtime, name: str, unreadable: dict[str, str]
) -> None:
    reply = closed.invoke(with_headers(name, unreadable | {"X-Origin-Secret": "a-guess-of-somebody"}))
    assert (reply["statusCode"], problem(reply)["code"]) == (403, "forbidden")


@PAYLOADS
@pytest.mark.parametrize(("unreadable", "status"), [({}, 404), (UNREADABLE, 400)])
def test_what_did_is_answered(closed: Runtime, name: str, unreadable: dict[str, str], status: int) -> None:
    reply = closed.invoke(with_headers(name, unreadable | {"X-Origin-Secret": SECRET}))
    assert reply["statusCode"] == status
