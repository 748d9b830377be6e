"""A student at the page for students, and the quizzes that they take there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from playwright.sync_api import Locator, Page, Request, expect

from .screens import looked_at
from .students import call, new_quiz

PLANETS = ["Mars", "Earth", {"id": "v", "text": "Venus"}]
QUESTIONS: dict[str, Any] = {
    "heavy": {
        "grading": "exact",
        "key": "b",
        "content": {
            "text": "Which is the heaviest?\nAll are of iron.",
            "kind": "choice",
            "options": [{"id": "a", "text": "A nail"}, {"id": "b", "text": "An anvil"}, "A spoon"],
        },
    },
    "primes": {
        "points": 2,
        "grading": "set",
        "key": ["2", "3"],
        "content": {"text": "Which are primes?", "kind": "multiple", "options": ["1", "2", "3", "4"]},
    },
    "fall": {
        "grading": "numeric",
        "key": 9.81,
        "tolerance": 0.01,
        "content": {"text": "How fast does a stone fall faster?", "kind": "number", "unit": "m/s²"},
    },
    "capital": {
        "grading": "text",
        "key": "Paris",
        "content": {"text": "What is the capital of France?", "kind": "short", "maxLength": 40},
    },
    "order": {
        "points": 3,
        "grading": "exact",
        "partial": True,
        "key": ["v", "Earth", "Mars"],
        "content": {"text": "From the sun on", "kind": "order", "options": PLANETS},
    },
    "match": {
        "points": 2,
        "grading": "exact",
        "partial": True,
        "key": {"Ohm": "Resistance", "a": "Current"},
        "content": {
            "text": "What is measured in what?",
            "kind": "match",
            "left": ["Ohm", {"id": "a", "text": "Ampere"}],
            "right": ["Current", "Resistance", "Voltage"],
        },
    },
    "essay": {"points": 5, "content": "Why does it rain?"},
}


def rules(questions: dict[str, Any], *sections: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Those of a quiz with a paper, of one section unless some are given."""
    return {
        "questions": questions,
        "paper": {"sections": list(sections) or [{"title": "Physics", "questions": list(questions)}]},
        **more,
    }


def asked(*texts: str) -> dict[str, Any]:
    """Questions that are answered by texts, called a, b, c …"""
    return {chr(ord("a") + place): {"content": text} for place, text in enumerate(texts)}


@dataclass
class Taker:
    """Who takes a quiz at the page."""

    page: Page
    service: str
    quiz_id: str
    name: str = field(default_factory=lambda: f"student-{uuid4().hex[:12]}")

    def opens(self, page: Page | None = None) -> Page:
        """The page of the quiz, logged in."""
        page = page or self.page
        page.goto(f"{self.service}/pages/student.html?quiz={quote(self.quiz_id)}")
        page.get_by_label("Your name").fill(self.name)
        page.get_by_role("button", name="Go on").click()
        return page

    def starts(self) -> Page:
        page = self.opens()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_role("timer").first).to_be_visible()
        return page

    @property
    def session(self) -> dict[str, Any]:
        """Their latest one."""
        query = f"/sessions?user_id={self.name}&quiz_id={quote(self.quiz_id)}&limit=1"
        (found,) = call(self.service, "GET", query)["sessions"]
        session: dict[str, Any] = call(self.service, "GET", f"/sessions/{found['id']}")
        return session

    @property
    def answers(self) -> dict[str, Any]:
        held: dict[str, Any] = self.session["answers"]
        return held

    def staff(self, act: str, **body: Any) -> Any:
        """Staff do something with the session."""
        return call(self.service, "POST", f"/sessions/{self.session['id']}/{act}", body)


def question(page: Page, question_id: str) -> Locator:
    return page.locator(f"[data-question='{question_id}']")


def mark(page: Page, question_id: str) -> Locator:
    """What the page says of an answer's safety."""
    return question(page, question_id).locator("[data-mark]")


def is_marked(page: Page, question_id: str, *marks: str) -> None:
    """Once it is; several where each will do."""
    wanted = ", ".join(f"[data-mark={each}]" for each in marks)
    expect(question(page, question_id).locator(wanted)).to_be_visible(timeout=30_000)


def seen(page: Page, name: str) -> None:
    """A screen, from its top: what sticks there would be pictured in the middle of it."""
    page.evaluate("scrollTo(0, 0)")
    looked_at(page, f"student-{name}")


def hands_in(page: Page) -> None:
    page.get_by_role("button", name="Review and hand in").first.click()
    page.get_by_role("button", name="Hand in", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Hand in", exact=True).click()
    expect(page.get_by_role("heading", name="You have handed in")).to_be_visible(timeout=30_000)


def taker(service: str, visitor: Callable[[], Page], quiz: dict[str, Any] | None = None) -> Taker:
    """Somebody in a browser of their own, at a quiz of their own."""
    return Taker(
        visitor(), service, new_quiz(service, quiz or rules(asked("Why does it rain?", "And snow?")))
    )


def who_takes(service: str, visitor: Callable[[], Page]) -> Taker:
    """Who has an open attempt."""
    student = taker(service, visitor)
    student.starts()
    return student


def requests(page: Page, end: str, does: Callable[[], None]) -> list[Any]:
    """The bodies of what the page posts, when something is done, to addresses with that end."""
    seen: list[Request] = []

    def hear(request: Request) -> None:
        seen.append(request)

    page.on("request", hear)
    does()
    # Whatever was sent before has been heard once this is.
    page.evaluate("fetch('/health?marker').then(() => {})")
    page.remove_listener("request", hear)
    marker = next(place for place, request in enumerate(seen) if request.url.endswith("/health?marker"))
    sent = [request for request in seen[:marker] if request.method == "POST" and request.url.endswith(end)]
    return [request.post_data_json for request in sent]
