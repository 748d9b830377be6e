"""Whose X-Forwarded-For is believed, and which of its addresses is the caller's."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from quiz_sessions.runtime.settings import SettingsError
from session_api.server.trusted_proxies import BehindProxies, trusted_proxies

PROXIES = trusted_proxies({"TRUSTED_PROXIES": "127.0.0.1, 10.1.0.0/24,fd00::/8"})


async def seen(peer: str, *forwarded: str) -> str | None:
    """The address that the app is told for a request from `peer` with these headers."""
    found: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope["client"][0])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope: Scope = {"type": "http", "client": (peer, 1234), "headers": headers}
    await BehindProxies(app, PROXIES)(scope, receive, send)
    return found[0]


async def test_a_proxy_says_whose_request_it_passes_on() -> None:
    assert await seen("127.0.0.1", "203.0.113.7") == "203.0.113.7"
    assert await seen("::ffff:127.0.0.1", "2001:db8::7") == "2001:db8::7"


async def test_nobody_else_is_believed() -> None:
    assert await seen("203.0.113.7", "10.0.0.1") == "203.0.113.7"


async def test_what_a_caller_writes_itself_is_not_its_address() -> None:
    assert await seen("127.0.0.1", "10.9.9.9, 203.0.113.7") == "203.0.113.7"
    assert await seen("127.0.0.1", "10.9.9.9", "203.0.113.7") == "203.0.113.7"


async def test_proxies_behind_one_another_are_passed_over() -> None:
    assert await seen("127.0.0.1", "203.0.113.7, 10.1.0.5, fd00::5") == "203.0.113.7"


async def test_a_caller_that_is_a_proxy_itself_has_its_own_address() -> None:
    assert await seen("127.0.0.1", "10.1.0.5, 10.1.0.6") == "10.1.0.5"


async def test_a_proxy_that_says_nothing_is_the_caller() -> None:
    assert await seen("127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("written", ["unknown", "203.0.113.7:4711", "", "\xff"])
async def test_an_address_that_is_none_is_that_of_nobody(written: str) -> None:
    assert await seen("127.0.0.1", f"203.0.113.7, {written}") == ""


def test_none_is_trusted_unless_it_is_named() -> None:
    assert trusted_proxies({}) == ()
    assert trusted_proxies({"TRUSTED_PROXIES": " "}) == ()


@pytest.mark.parametrize("text", ["localhost", "10.1.0.5/24", "10.1.0.0/33", "*", "0.0.0.0/0", "::/0"])
def test_what_is_no_network_of_proxies_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        trusted_proxies({"TRUSTED_PROXIES": text})
