"""A student at a page with the client library, in a browser of their own."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from playwright.sync_api import BrowserContext, Page

from tests.harness import launch
from tests.harness.launch import ROOT

from .network import Network

T = TypeVar("T")
LIBRARY = ROOT / "clients/browser"
PATIENCE_SECONDS = 30
TEXT = "It was the best of times, it was the worst of times."


def eventually(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """That of the harness, with a page's patience."""
    return launch.eventually(condition, seconds)


def call(address: str, method: str, path: str, body: object = None) -> Any:
    """What the service says to a request that it accepts."""
    reply = httpx.request(method, address + path, json=body, timeout=20).raise_for_status()
    return reply.json() if reply.content else None


def new_quiz(address: str, rules: object = None) -> str:
    """The id of a new one, for which a service is waited that comes back just now."""
    quiz_id = f"quiz-{uuid4()}"

    def is_put() -> bool:
        try:
            call(address, "PUT", f"/quizzes/{quiz_id}", rules or {})
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
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

    def late(self) -> list[dict[str, Any]]:
        """Those that came too late, and are kept for staff."""
        kept = call(self.service, "GET", f"/sessions/{self.session_id}/late-answers")["late_answers"]
        return [each["answers"] for each in kept]

    def is_handed_in_by_staff(self) -> None:
        end = {"on_behalf": True, "reason": "the hall is closed"}
        call(self.service, "POST", f"/sessions/{self.session_id}/complete", end)

    def types_offline_and_closes(self, network: Network) -> None:
        """What is typed is on the device alone, and the network is whole again."""
        page = self.opens()
        network.down = True
        put(page, "essay", TEXT)
        page.close()
        # What the page sends while it goes is lost.
        time.sleep(1)
        network.heal()

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


def client_site(folder: Path, library: Path = LIBRARY) -> Path:
    """A folder with the pages of the tests and the library, as they are now."""
    site = folder / "site"
    shutil.copytree(ROOT / "tests/browser/site", site)
    shutil.copytree(library, site / "client")
    return site
