"""The student's page: a whole exam, by mouse and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .taking import QUESTIONS, hands_in, is_marked, question, rules, seen, taker

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
    seen(page, "before")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_label("An anvil").check()
    page.get_by_label("2", exact=True).check()
    page.get_by_label("4", exact=True).check()
    page.get_by_label("3", exact=True).check()
    page.get_by_label("4", exact=True).uncheck()
    question(page, "fall").get_by_role("textbox").fill("9.81")
    question(page, "capital").get_by_role("textbox").fill("paris")
    question(page, "capital").get_by_role("button", name="Mark for later").click()
    for each in TITLES["Warm-up"]:
        is_marked(page, each, "committed", "buffered")
    seen(page, "answering")
    page.get_by_role("button", name="Next: Thinking").click()
    question(page, "order").get_by_role("button", name="Move up: Venus").click()
    question(page, "order").get_by_role("button", name="Move up: Venus").click()
    question(page, "order").get_by_role("button", name="Move down: Mars").click()
    question(page, "match").get_by_label("Ohm").select_option("Resistance")
    question(page, "match").get_by_label("Ampere").select_option("Current")
    question(page, "essay").get_by_role("textbox").fill("Water.\nIt falls.")
    seen(page, "second-section")
    page.get_by_role("button", name="Review and hand in").first.click()
    seen(page, "review")
    page.get_by_role("button", name="Hand in", exact=True).click()
    seen(page, "sure")
    page.get_by_role("button", name="Go back").click()
    hands_in(page)
    expect(page.get_by_text("so far")).to_be_visible()
    seen(page, "result")
    assert student.answers == ANSWERS
    assert (student.session["status"], student.session["score"]) == ("completed", 10.0)


def tabs_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on such an element."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(selector)


def test_a_whole_exam_by_keyboard_alone(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    student = taker(service.address, new_visitor, whole())
    page, keys = student.page, student.page.keyboard
    page.goto(f"{service.address}/pages/student.html?quiz={student.quiz_id}")
    tabs_to(page, "input[autocomplete=username]")
    keys.type(student.name)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Before you start")).to_be_visible()
    tabs_to(page, "button.main")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Warm-up")).to_be_visible()
    tabs_to(page, "[data-question=heavy] input")
    keys.press("Space")
    keys.press("ArrowDown")
    tabs_to(page, "[data-question=primes] label:nth-child(2) input")
    keys.press("Space")
    tabs_to(page, "[data-question=primes] label:nth-child(3) input")
    keys.press("Space")
    tabs_to(page, "[data-question=fall] input")
    keys.type("9.81")
    tabs_to(page, "[data-question=capital] input")
    keys.type("paris")
    tabs_to(page, ".onward button.main")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Thinking")).to_be_focused()
    tabs_to(page, "[aria-label='Move up: Venus']")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Move up: Venus")).to_be_focused()
    keys.press("ArrowUp")
    # It can't go up any more.
    expect(page.get_by_role("button", name="Move down: Venus")).to_be_focused()
    tabs_to(page, "[aria-label='Move down: Mars']")
    keys.press("Enter")
    tabs_to(page, "[data-question=match] select")
    keys.type("R")
    keys.press("Tab")
    keys.type("C")
    tabs_to(page, "[data-question=essay] textarea")
    keys.type("Water.")
    keys.press("Enter")
    keys.type("It falls.")
    tabs_to(page, ".onward button.main")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Review and hand in")).to_be_focused()
    tabs_to(page, ".paper section > p > button.main")
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    keys.press("Enter")
    # What can't be undone is not what Enter does by itself.
    expect(page.get_by_role("button", name="Go back")).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="You have handed in")).to_be_focused(timeout=30_000)
    assert student.answers == ANSWERS


def test_a_reload_in_mid_answer_keeps_everything(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor)
    page = student.starts()
    question(page, "a").get_by_role("textbox").press_sequentially("It was the best of")
    question(page, "a").get_by_role("button", name="Mark for later").click()
    page.get_by_role("button", name="Hide the time").click()
    page.reload()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("It was the best of")
    expect(question(page, "a").get_by_text("Marked for later")).to_be_visible()
    expect(page.get_by_text("Time hidden")).to_be_visible()
    page.get_by_role("button", name="Show the time").click()
    expect(page.get_by_text("29:")).to_be_visible()


def test_two_tabs_show_the_same_and_end_together(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor)
    first = student.starts()
    second = student.opens(first.context.new_page())
    question(first, "a").get_by_role("textbox").fill("of the first")
    expect(question(second, "a").get_by_role("textbox")).to_have_value("of the first")
    question(second, "b").get_by_role("textbox").fill("of the second")
    expect(question(first, "b").get_by_role("textbox")).to_have_value("of the second")
    question(second, "a").get_by_role("button", name="Mark for later").click()
    expect(question(first, "a").get_by_text("Marked for later")).to_be_visible()
    hands_in(second)
    expect(first.get_by_role("heading", name="You have handed in")).to_be_visible(timeout=30_000)
    assert student.answers == {"a": "of the first", "b": "of the second"}


ODD = {
    "nothing": None,
    "number": 7,
    "list": ["Why?", "How?"],
    "unknown kind": {"text": "Draw a circle", "kind": "drawing"},
    "no options": {"text": "Choose", "kind": "choice"},
    "no right": {"text": "Match", "kind": "match", "left": ["a"], "right": []},
    "members": {"question": "What is it?"},
    "markup": {"text": "<img src=x onerror=alert(1)><b>bold</b>"},
    "numbers": {"text": "How many?", "options": [1, 2, {"id": 3}]},
}


def test_a_question_that_is_not_understood_is_shown_as_it_is_and_can_be_answered(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    questions = {name: {"content": content} for name, content in ODD.items() if content is not None}
    student = taker(service.address, new_visitor, rules({**questions, "nothing": {}}))
    page = student.starts()
    for name in ODD:
        if name != "numbers":
            question(page, name).get_by_role("textbox").fill(f"about {name}")
    question(page, "numbers").get_by_label("2").check()
    expect(page.get_by_text("<b>bold</b>")).to_be_visible()
    expect(page.get_by_text('{"question":"What is it?"}')).to_be_visible()
    seen(page, "odd-content")
    hands_in(page)
    answers = {name: f"about {name}" for name in ODD}
    assert student.answers == {**answers, "numbers": 2}


def test_a_quiz_without_a_paper_asks_for_a_text_for_each_question(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, {"questions": {"1": {"points": 2}, "2": {}}})
    page = student.starts()
    question(page, "1").get_by_role("textbox").fill("first")
    expect(page.get_by_text("2 points")).to_be_visible()
    seen(page, "no-paper-but-questions")
    hands_in(page)
    assert student.answers == {"1": "first"}


def test_a_quiz_of_which_nothing_is_known_says_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, {"time_limit_seconds": 600})
    page = student.starts()
    expect(page.get_by_text("This quiz has no paper to show here.")).to_be_visible()
    seen(page, "no-paper")
    page.get_by_role("button", name="Hand in", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Hand in", exact=True).click()
    expect(page.get_by_role("heading", name="You have handed in")).to_be_visible()
