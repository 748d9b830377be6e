"""What fails in front of the app, or around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import httpx
import pytest
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
