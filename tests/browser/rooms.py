"""Quizzes with students who take them, and the console that a proctor opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import Locator, Page, Route, expect

from .students import call, new_quiz

QUESTIONS: dict[str, Any] = {
    "0": {"grading": "exact", "key": "B", "content": {"text": "How heavy is it?", "options": ["A", "B"]}},
    "1": {"grading": "exact", "key": "A", "content": {"text": "How far is it?", "options": ["A", "B"]}},
    "essay": {"points": 5, "content": "Why does it fall?"},
}
RULES: dict[str, Any] = {
    "time_limit_seconds": 3600,
    "questions": QUESTIONS,
    "paper": {
        "sections": [
            {"title": "Warm-up", "questions": ["0", "1"]},
            {"title": "Writing", "questions": ["essay"]},
        ]
    },
}
# A look, a slow machine, and one look more.
SOON_MS = 15_000


@dataclass
class Room:
    """A quiz of its own, and the sessions of those who take it, by name."""

    address: str
    rules: dict[str, Any] = field(default_factory=lambda: RULES)
    sessions: dict[str, str] = field(default_factory=dict)
    quiz_id: str = ""

    def __post_init__(self) -> None:
        self.quiz_id = new_quiz(self.address, self.rules)

    def starts(self, *names: str, group: str | None = None) -> list[str]:
        """Their sessions, started in this order."""
        for name in names:
            body = {"user_id": name, "quiz_id": self.quiz_id, "group": group}
            self.sessions[name] = self.of(name, "POST", "/sessions/start", body)["id"]
        return [self.sessions[name] for name in names]

    def of(self, name: str, method: str, path: str, body: object = None) -> Any:
        """What the service says to that student's page, whatever that is."""
        reply = httpx.request(
            method,
            self.address + path,
            json=body,
            headers={"X-Client-Id": name.encode().hex()[:64]},
            timeout=20,
        )
        return reply.json() if reply.content else None

    def answers(self, name: str, answers: dict[str, Any], *, autosave: bool = False) -> None:
        body = {"answers": answers, "autosave": autosave}
        self.of(name, "PATCH", f"/sessions/{self.sessions[name]}/progress", body)

    def incident(self, name: str, **incident: Any) -> None:
        call(self.address, "POST", f"/sessions/{self.sessions[name]}/incidents", incident)

    def hands_in(self, name: str, **body: Any) -> None:
        self.of(name, "POST", f"/sessions/{self.sessions[name]}/complete", body)

    def timeline(self, name: str) -> list[dict[str, Any]]:
        told = call(self.address, "GET", f"/sessions/{self.sessions[name]}/timeline")
        moments: list[dict[str, Any]] = told["moments"]
        return moments

    def session(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = call(self.address, "GET", f"/sessions/{self.sessions[name]}")
        return found

    def acts(self, path: str, **body: Any) -> Any:
        """Of staff, at the quiz."""
        return call(self.address, "POST", f"/quizzes/{self.quiz_id}/{path}", body)


def a_room(address: str, *names: str, rules: dict[str, Any] | None = None) -> Room:
    """A quiz that these take."""
    room = Room(address, rules or RULES)
    room.starts(*names)
    return room


def sign_in(page: Page, address: str, place: str = "") -> Page:
    """The console at `place` (what follows `#/`), once somebody has said who they are."""
    page.goto(f"{address}/pages/console.html#/{place}")
    page.get_by_label("Your name").fill("proctor1")
    page.get_by_role("button", name="Go on").click()
    return page


def watch(page: Page, room: Room, session: str = "") -> Page:
    """The console with that room."""
    sign_in(page, room.address, "/".join(part for part in (room.quiz_id, "room", session) if part))
    return page


def row(page: Page, name: str) -> Locator:
    """That of the table which is about this student."""
    link = page.get_by_role("link", name=name, exact=True)
    return page.get_by_role("row").filter(has=link)


def pick(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Select {name}", exact=True).check()


def chosen(page: Page) -> Locator:
    """What can be done with those who are selected."""
    return page.get_by_role("region", name="Selected sessions")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def shown(page: Page) -> list[str]:
    """The students of the table, from top to bottom."""
    return page.locator("tbody a[data-at=open]").all_inner_texts()


def wait_for_names(page: Page, *names: str) -> None:
    expect(page.locator("tbody a[data-at=open]")).to_have_text(list(names), timeout=SOON_MS)


def passed_on(route: Route) -> httpx.Response:
    """What the service says to a request of a page; not by the page, which may go before it is said."""
    request = route.request
    named = ("content-type", "idempotency-key")
    headers = {name: value for name, value in request.headers.items() if name in named}
    return httpx.request(request.method, request.url, content=request.post_data, headers=headers, timeout=20)


def unique(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"
