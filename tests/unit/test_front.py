"""What fails in front of the app, or around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from quiz_sessions.runtime.settings import SettingsError
from session_api.front import Front
from tests.harness.service import client_of

PAGE = "https://exam.example.org"


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a fault, with an answer in it")


async def broken_on_the_way(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("a fault")


def unset() -> NoReturn:
    raise SettingsError("Set DATABASE_URL.")


def one_page() -> Sequence[str]:
    return [PAGE]


async def reply_of(front: Front, method: str = "GET") -> httpx.Response:
    async with client_of(front) as http:
        return await http.request(method, "/health", headers={"Origin": PAGE, "X-Request-Id": "mine"})


async def test_a_fault_is_a_problem_with_the_headers_of_every_reply() -> None:
    reply = await reply_of(Front(broken, one_page, str))
    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")
    assert (reply.json()["code"], reply.json()["request_id"]) == ("internal_error", "mine")
    assert reply.headers["x-request-id"] == "mine"
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert (reply.headers["cache-control"], reply.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )


@pytest.mark.usefixtures("own_service")
async def test_a_fault_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    await reply_of(Front(broken, one_page, str))
    logged = capsys.readouterr().out
    assert '"error":"RuntimeError"' in logged
    assert '"request_id":"mine"' in logged
    assert "an answer" not in logged


async def test_the_problem_of_a_head_has_no_body() -> None:
    reply = await reply_of(Front(broken, one_page, str), "HEAD")
    assert (reply.status_code, reply.content) == (500, b"")


async def test_a_fault_after_the_beginning_of_a_reply_is_the_servers_to_deal_with() -> None:
    async def send(message: object) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(RuntimeError):
        await Front(broken_on_the_way, one_page, str)(scope, None, send)  # type: ignore[arg-type]  # not read


async def test_settings_that_cannot_be_read_are_a_problem_for_no_page() -> None:
    reply = await reply_of(Front(broken, unset, unset))
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert reply.headers["x-request-id"] == "mine"
    assert "access-control-allow-origin" not in reply.headers


# Behind a distribution that alone may pass requests on

SECRETS = ("the-secret-until-today", "the-secret-from-today")
CLOSED = Front(PlainTextResponse("served"), one_page, lambda: "/exams", secrets=lambda: SECRETS)


async def sent(path: str = "/quizzes", method: str = "GET", **headers: str | list[str]) -> httpx.Response:
    listed = [
        (name.replace("_", "-"), each)
        for name, values in headers.items()
        for each in ([values] if isinstance(values, str) else values)
    ]
    async with client_of(CLOSED) as http:
        return await http.request(method, path, headers=listed)


@pytest.mark.parametrize("secret", SECRETS)
async def test_what_came_through_the_distribution_is_served(secret: str) -> None:
    assert (await sent(x_origin_secret=secret)).text == "served"


@pytest.mark.usefixtures("own_service")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_origin_secret": ""},
        {"x_origin_secret": "a-guess-of-somebody-else"},
        {"x_origin_secret": ",".join(SECRETS)},
        {"x_origin_secret": [SECRETS[0], "another"]},
        {"x_origin_secret": SECRETS[0].upper()},
        {"authorization": f"Bearer {SECRETS[0]}"},
        {"cloudfront_viewer_address": "192.0.2.7:1", "x_forwarded_for": "192.0.2.7", "via": "2.0 cloudfront"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_what_did_not_is_refused_before_anything_else(
    method: str, headers: dict[str, str | list[str]]
) -> None:
    reply = await sent("/exams/quizzes", method, **headers)
    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/problem+json")
    assert (reply.json()["code"], reply.headers["cache-control"]) == ("forbidden", "no-store")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert not [secret for secret in SECRETS if secret in reply.text]


@pytest.mark.usefixtures("own_service")
async def test_what_is_refused_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    await sent()
    assert '"OriginRefused":[1.0]' in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/health", "/exams/health"])
async def test_whether_a_process_lives_anybody_may_ask(path: str) -> None:
    assert (await sent(path)).text == "served"


@pytest.mark.usefixtures("own_service")
@pytest.mark.parametrize(
    "path", ["/health/ready", "/health/", "//health", "/HEALTH", "/quizzes?path=/health"]
)
async def test_and_nothing_else(path: str) -> None:
    assert (await sent(path)).status_code == 403


async def test_without_a_secret_to_know_everybody_is_served() -> None:
    async with client_of(Front(PlainTextResponse("served"), one_page, str)) as http:
        assert (await http.get("/quizzes")).text == "served"
