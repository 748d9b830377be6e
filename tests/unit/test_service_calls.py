"""Which service a command calls, and with which token."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import httpx
import jwt
import pytest

from development_server.key_pair import KeyPair
from one_machine.calls import add_service_options, service_of
from one_machine.machine import CommandError


def called(data: Path, *words: str, **environment: str) -> httpx.Client:
    parser = argparse.ArgumentParser()
    add_service_options(parser)
    return service_of(parser.parse_args(["--data", str(data), *words]), environment, "audit:read")


def token(client: httpx.Client) -> str | None:
    sent: str | None = client.headers.get("Authorization")
    return sent


@pytest.mark.parametrize(
    ("words", "environment", "url"),
    [
        ([], {}, "http://127.0.0.1:8002"),
        ([], {"PORT": "9000"}, "http://127.0.0.1:9000"),
        ([], {"QUIZ_SESSIONS_URL": "https://example.org/api/"}, "https://example.org/api/"),
        (["--url", "http://other"], {"QUIZ_SESSIONS_URL": "https://example.org"}, "http://other"),
    ],
)
def test_it_is_the_one_that_is_named_or_that_of_this_machine(
    words: list[str], environment: Mapping[str, str], url: str, tmp_path: Path
) -> None:
    assert called(tmp_path, *words, **environment).base_url.join("x") == httpx.URL(url).join("x")


def test_the_port_is_that_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("PORT=9000\n")
    assert called(tmp_path).base_url == "http://127.0.0.1:9000"


def test_a_token_that_is_named_is_sent_anywhere(tmp_path: Path) -> None:
    KeyPair(tmp_path)
    for url in ("http://127.0.0.1:8002", "https://example.org"):
        assert token(called(tmp_path, "--url", url, QUIZ_SESSIONS_TOKEN="the.token")) == "Bearer the.token"


def test_a_token_of_the_folders_key_has_the_scope_and_stays_on_this_machine(tmp_path: Path) -> None:
    KeyPair(tmp_path)
    sent = token(called(tmp_path)) or ""
    claims = jwt.decode(sent.removeprefix("Bearer "), options={"verify_signature": False})
    assert claims["scope"] == "audit:read"
    assert token(called(tmp_path, "--url", "https://example.org")) is None


def test_without_a_key_and_a_token_none_is_sent(tmp_path: Path) -> None:
    assert token(called(tmp_path / "none")) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("url", ["http://example.org:port", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--url"):
        called(tmp_path, "--url", url)
