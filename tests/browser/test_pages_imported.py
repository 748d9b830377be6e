"""The student's page: a quiz of another system, with its images."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer
from tests.harness.quiz_files import sample

from .conftest import NEEDS_CHROMIUM
from .taking import hands_in, question, taker

pytestmark = NEEDS_CHROMIUM

ELSEWHERE = {"src": "https://example.org/tide.png", "alt": "Elsewhere"}


def test_an_imported_quiz_is_taken_and_graded_by_its_keys(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, dict(sample("moodle/questions.xml").rules))
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    image = page.get_by_role("img", name="A tide table")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    page.get_by_label("The Moon").check()
    page.get_by_label("At new moon").check()
    page.get_by_label("At full moon").check()
    page.get_by_role("button", name="Next: Ropes / knots").click()
    question(page, "4").get_by_role("textbox").fill("Bowline")
    question(page, "6").get_by_role("combobox").nth(1).select_option("Man overboard")
    page.get_by_role("button", name="Review and hand in").first.click()
    hands_in(page)
    assert student.session["status"] == "completed"
    # Of the flags one of two is right, for half of three points.
    assert student.session["score"] == 2 + 1 + 1 + 1.5


def test_an_image_of_another_site_is_not_asked_for(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    content = {"text": "What?", "kind": "essay", "images": [ELSEWHERE]}
    rules = {"questions": {"q": {"content": content}}, "paper": {"sections": [{"questions": ["q"]}]}}
    page = taker(service.address, new_visitor, rules).opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(question(page, "q")).to_be_visible()
    expect(page.get_by_role("img", name="Elsewhere")).to_have_count(0)
