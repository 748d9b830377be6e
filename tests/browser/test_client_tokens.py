"""The client library: with real tokens, behind a path, for pages of one origin."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from development_server.key_pair import KeyPair
from tests.harness.launch import development_server

from .conftest import NEEDS_CHROMIUM
from .students import TEXT, Student, eventually, is_safe, put, state, told

pytestmark = NEEDS_CHROMIUM


def test_a_token_that_ends_is_replaced_and_nothing_is_lost(
    chromium: Browser, pages: str, folder: Path
) -> None:
    environment = {
        "AUTH_MODE": "jwt",
        "ALLOWED_ORIGINS": pages,
        "BASE_PATH": "/exams",
        "UNKNOWN_QUIZZES": "accept",
    }
    with development_server(folder, environment=environment) as server, chromium.new_context() as context:
        keys = KeyPair(server.data)
        address = f"{server.address}/exams"
        student = Student(context, pages, address, address, "quiz")
        page = student.page()
        use = "(token) => void (window.token = async () => token)"
        page.evaluate(use, keys.token("ada", None, minutes=60))
        student.opens(page, userId=None)
        assert page.evaluate("quiz.session.user_id") == "ada"
        page.evaluate(use, keys.token("ada", None, minutes=-60))
        put(page, "essay", TEXT)
        eventually(lambda: told(page, "login"))
        assert state(page) == "unsent"
        page.evaluate(use, keys.token("ada", None, minutes=60))
        eventually(lambda: is_safe(page))
        page.reload()
        page.wait_for_function("window.ready")
        page.evaluate(use, keys.token("ada", None, minutes=60))
        student.opens(page, userId=None)
        assert page.evaluate("quiz.answer('essay')") == TEXT
        assert page.evaluate("quiz.handIn().then(({ status }) => status)") == "completed"
        assert len(told(page, "login")) == 0


def test_another_user_of_the_same_browser_sees_nothing_of_the_first(
    chromium: Browser, pages: str, folder: Path
) -> None:
    environment = {"AUTH_MODE": "jwt", "ALLOWED_ORIGINS": pages, "UNKNOWN_QUIZZES": "accept"}
    with development_server(folder, environment=environment) as server, chromium.new_context() as context:
        keys = KeyPair(server.data)
        student = Student(context, pages, server.address, server.address, "quiz")
        ids = []
        for user in ("ada", "ben"):
            page = student.page()
            page.evaluate("(token) => void (window.token = () => token)", keys.token(user, None, minutes=60))
            student.opens(page, userId=None)
            assert page.evaluate("quiz.answer('essay') ?? null") is None
            put(page, "essay", user)
            ids.append(student.session_id)
            page.close()
        assert len(set(ids)) == 2
