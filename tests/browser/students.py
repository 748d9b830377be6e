"""A student at a page with the client library, in a browser of their own."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from playwright.sync_api import BrowserContext, Page

T = TypeVar("T")
PATIENCE_SECONDS = 30


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

    def page(self) -> Page:
        """One more tab, without the session."""
        page = self.context.new_page()
        page.goto(f"{self.site}/client.html")
        page.wait_for_function("window.ready")
        return page

    def opens(self, page: Page | None = None, **options: Any) -> Page:
        """One more tab, with the session."""
        page = page or self.page()
        self.session_id = page.evaluate(
            "(options) => open_(options)",
            {"baseUrl": self.network, "quizId": self.quiz_id, "userId": self.user_id, **options},
        )
        return page

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


@contextmanager
def client_site(folder: Path, root: Path) -> Iterator[Path]:
    """A folder with the pages of the tests and the library."""
    site = folder / "site"
    site.mkdir()
    for file in (root / "tests/browser/site").iterdir():
        (site / file.name).symlink_to(file)
    (site / "client").symlink_to(root / "clients/browser")
    yield site
