"""Quizzes that were taken, and the tabs of the console about what came of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from playwright.sync_api import Page, Route, expect

from .students import call, new_quiz

ESSAY = "Why does a spoon look bent in a glass of water?"
PROOF = "Show that the square root of 2 is irrational."
QUESTIONS: dict[str, Any] = {
    "weight": {
        "points": 1,
        "grading": "exact",
        "key": "B",
        "content": {"text": "How heavy is a litre of water?", "options": ["A", "B", "C", "D"]},
    },
    "essay": {"points": 5, "content": {"text": ESSAY}},
    "proof": {"points": 3, "content": PROOF},
}
RULES = {
    "questions": QUESTIONS,
    "paper": {"sections": [{"title": "Short", "questions": ["weight"]}, {"questions": ["essay", "proof"]}]},
}


def taken(address: str, quiz_id: str, answers: dict[str, Any], **start: Any) -> str:
    """The id of a session that was handed in with `answers`."""
    given = {"user_id": f"student-{uuid4()}", "quiz_id": quiz_id, **start}
    session_id: str = call(address, "POST", "/sessions/start", given)["id"]
    call(address, "POST", f"/sessions/{session_id}/complete", {"answers": answers})
    return session_id


def essays(address: str, *answers: str) -> tuple[str, list[str]]:
    """A quiz, and its sessions, in which the essay was answered so."""
    quiz_id = new_quiz(address, RULES)
    return quiz_id, [taken(address, quiz_id, {"weight": "B", "essay": answer}) for answer in answers]


def console(page: Page, address: str, quiz_id: str, tab: str, name: str = "Ada") -> Page:
    """The page, at a tab of the console."""
    page.goto(f"{address}/pages/console.html#/{quote(quiz_id)}/{tab}")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name=tab.capitalize())).to_have_attribute("aria-current", "page")
    return page


def refused(page: Page, path: str, status: int, code: str, detail: str = "") -> None:
    """Let the service answer requests for `path` with a problem, until `page.unroute`."""

    def refuse(route: Route) -> None:
        problem = {"status": status, "code": code, "detail": detail}
        route.fulfill(status=status, json=problem, content_type="application/problem+json")

    page.route(path, refuse)
