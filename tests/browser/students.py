"""A student at a page with the client library, in a browser of their own."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from playwright.sync_api import BrowserContext, Page

T = TypeVar("T")
PATIENCE_SECONDS = 30
TEXT = "It was the best of times, it was the worst of times."


def eventually(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """What the condition gives once it is something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def call(address: str, method: str, path: str, body: object = None) -> Any:
    """What the service says to a request that it accepts."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address + path, data, {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        content = reply.read()
    return json.loads(content) if content else None


def new_quiz(address: str, rules: object = None) -> str:
    """The id of a new one, for which a service is waited that comes back just now."""
    quiz_id = f"quiz-{uuid4()}"

    def is_put() -> bool:
        try:
            call(address, "PUT", f"/quizzes/{quiz_id}", rules or {})
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return False
        return True

    eventually(is_put)
    return quiz_id


@dataclass
class Student:
    """Who takes a quiz.

    Attributes:
        network: where the page finds the service; `service` is where the test does.
    """

    context: BrowserContext
    site: str
    service: str
    network: str
    quiz_id: str
    user_id: str = field(default_factory=lambda: f"student-{uuid4()}")
    session_id: str = ""

    def page(self, before: str = "") -> Page:
        """One more tab, without the session; `before` is a script that runs before any other."""
        page = self.context.new_page()
        page.add_init_script(before)
        page.goto(f"{self.site}/client.html")
        page.wait_for_function("window.ready")
        return page

    def opens(self, page: Page | None = None, **options: Any) -> Page:
        """One more tab, with the session."""
        page = page or self.page()
        self.session_id = page.evaluate("(options) => open_(options)", {**self.options, **options})
        return page

    @property
    def options(self) -> dict[str, Any]:
        """Those of `openQuiz`, but the token."""
        return {"baseUrl": self.network, "quizId": self.quiz_id, "userId": self.user_id}

    def held(self) -> dict[str, Any]:
        """The answers that the server has."""
        answers: dict[str, Any] = call(self.service, "GET", f"/sessions/{self.session_id}")["answers"]
        return answers

    def session(self) -> dict[str, Any]:
        found: dict[str, Any] = call(self.service, "GET", f"/sessions/{self.session_id}")
        return found


def put(page: Page, question: str, value: object) -> None:
    """Answer by typing; returns once the device has it."""
    page.evaluate("([id, value]) => quiz.set(id, value)", [question, value])


def types(page: Page, question: str, text: str, pause: float = 0.02) -> None:
    """Type a text, a character after the other."""
    for end in range(1, len(text) + 1):
        put(page, question, text[:end])
        time.sleep(pause)


def state(page: Page, question: str | None = None) -> str:
    asked = "quiz.saveState" if question is None else f"quiz.stateOf({json.dumps(question)})"
    return str(page.evaluate(asked))


def is_safe(page: Page) -> bool:
    return state(page) in ("buffered", "committed")


def shown(page: Page, question: str) -> list[tuple[str, Any]]:
    """The states and answers of a question that the student was shown, in their order."""
    found = page.evaluate(f"(states[{json.dumps(question)}] ?? []).map(([state, answer]) => [state, answer])")
    return [(each[0], each[1]) for each in found]


def told(page: Page, event: str) -> list[Any]:
    """What the page was told by an event."""
    return list(page.evaluate("(event) => told.filter(([e]) => e === event).map(([, d]) => d)", event))


def client_site(folder: Path, root: Path) -> Path:
    """A folder with the pages of the tests and the library, as they are now."""
    site = folder / "site"
    shutil.copytree(root / "tests/browser/site", site)
    shutil.copytree(root / "clients/browser", site / "client")
    return site
