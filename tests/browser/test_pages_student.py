"""The student's page: a whole exam, by mouse and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .screens import looked_at
from .taking import QUESTIONS, hands_in, is_marked, question, rules, taker

pytestmark = NEEDS_CHROMIUM

ANSWERS = {
    "heavy": "b",
    "primes": ["2", "3"],
    "fall": "9.81",
    "capital": "paris",
    "order": ["v", "Earth", "Mars"],
    "match": {"Ohm": "Resistance", "a": "Current"},
    "essay": "Water.\nIt falls.",
}
TITLES = {"Warm-up": ["heavy", "primes", "fall", "capital"], "Thinking": ["order", "match", "essay"]}


def whole() -> dict[str, object]:
    sections = [{"title": title, "questions": ids} for title, ids in TITLES.items()]
    return rules(QUESTIONS, *sections, time_limit_seconds=3600)


def test_a_whole_exam_by_mouse(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    student = taker(service.address, new_visitor, whole())
    page = student.opens()
    looked_at(page, "student-before")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_label("An anvil").check()
    page.get_by_label("2", exact=True).check()
    page.get_by_label("4", exact=True).check()
    page.get_by_label("3", exact=True).check()
    page.get_by_label("4", exact=True).uncheck()
    question(page, "fall").get_by_role("textbox").fill("9.81")
    question(page, "capital").get_by_role("textbox").fill("paris")
    question(page, "capital").get_by_role("button", name="again later").click()
    for each in TITLES["Warm-up"]:
        is_marked(page, each, "committed", "buffered")
    looked_at(page, "student-answering")
    page.get_by_role("button", name="Next: Thinking").click()
    question(page, "order").get_by_role("button", name="Move up: Venus").click()
    question(page, "order").get_by_role("button", name="Move up: Venus").click()
    question(page, "order").get_by_role("button", name="Move down: Mars").click()
    question(page, "match").get_by_label("Ohm").select_option("Resistance")
    question(page, "match").get_by_label("Ampere").select_option("Current")
    question(page, "essay").get_by_role("textbox").fill("Water.\nIt falls.")
    looked_at(page, "student-second-section")
    page.get_by_role("button", name="Review and hand in").first.click()
    looked_at(page, "student-review")
    page.get_by_role("button", name="Hand in", exact=True).click()
    looked_at(page, "student-sure")
    page.get_by_role("button", name="Go back").click()
    hands_in(page)
    expect(page.get_by_text("so far")).to_be_visible()
    looked_at(page, "student-result")
    assert student.answers == ANSWERS
    assert (student.session["status"], student.session["score"]) == ("completed", 10.0)
