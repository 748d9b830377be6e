"""What the app learns of the load balancer in front of it, and what the balancer learns of the process."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from session_api.server.balancer import BehindBalancer


class App:
    """An app that keeps whom it was called by."""

    def __init__(self) -> None:
        self.clients: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.clients.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


async def reply_of(app: App, headers: list[tuple[str, str]], *, draining: bool = False) -> httpx.Response:
    transport = httpx.ASGITransport(BehindBalancer(app, lambda: draining), client=("10.0.0.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get("/", headers=headers)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], "10.0.0.7"),
        (["203.0.113.9"], "203.0.113.9"),
        (["2001:db8::1"], "2001:db8::1"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1,203.0.113.9 "], "203.0.113.9"),
        (["198.51.100.1", "192.0.2.1, 203.0.113.9"], "203.0.113.9"),
    ],
)
async def test_the_caller_is_whom_the_balancer_names_last(forwarded: list[str], address: str) -> None:
    app = App()
    await reply_of(app, [("X-Forwarded-For", value) for value in forwarded])
    assert app.clients == [address]


async def test_a_process_that_drains_asks_for_its_connections_to_be_left() -> None:
    assert (await reply_of(App(), [], draining=True)).headers["Connection"] == "close"


async def test_a_process_that_goes_on_keeps_its_connections() -> None:
    assert "Connection" not in (await reply_of(App(), [])).headers
