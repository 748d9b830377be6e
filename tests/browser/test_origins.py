"""Which pages may call the service, and what with: its origin is named, and its users have tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page

from development_server.key_pair import KeyPair
from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM, SITE
from .pages import Script, served_folder

pytestmark = NEEDS_CHROMIUM

QUIZ = {"quiz_id": "quiz1"}


@pytest.fixture
def script(page: Page, guarded: DevelopmentServer) -> Script:
    """Of the page that is named."""
    return Script(page, f"{guarded.address}/exams")


@pytest.fixture
def stranger(chromium: Browser, script: Script) -> Iterator[Script]:
    """Of a page that is not."""
    with served_folder(SITE) as origin, chromium.new_page() as page:
        page.goto(origin)
        yield Script(page, script.service)


def bearer(guarded: DevelopmentServer, user_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KeyPair(guarded.data).token(user_id, None, minutes=60)}"}


def test_a_page_calls_with_a_token(script: Script, guarded: DevelopmentServer) -> None:
    reply = script.fetch("POST", "/sessions/start", QUIZ, bearer(guarded, "student1"))
    assert (reply.status, reply.json["user_id"]) == (201, "student1")


def test_a_page_without_a_token_reads_that_it_needs_one(script: Script) -> None:
    reply = script.fetch("POST", "/sessions/start", QUIZ)
    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")


def test_a_page_that_is_not_named_reads_nothing(stranger: Script) -> None:
    with pytest.raises(Error, match="Failed to fetch"):
        stranger.fetch("GET", "/health")


def test_a_page_that_is_not_named_writes_nothing(stranger: Script, guarded: DevelopmentServer) -> None:
    with pytest.raises(Error, match="Failed to fetch"):
        stranger.fetch("POST", "/sessions/start", QUIZ, bearer(guarded, "stranger"))
    assert guarded.stores.query("SELECT id FROM quiz_attempts WHERE user_id = 'stranger'") == []
