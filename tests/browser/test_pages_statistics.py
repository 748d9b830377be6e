"""The console's tab for statistics."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .results import console, essays, refused, taken
from .screens import looked_at
from .students import call, new_quiz

pytestmark = NEEDS_CHROMIUM
STUDENTS = 36
HARD = 9.81


def choice(key: str, text: str, points: float = 1) -> dict[str, Any]:
    options = ["A", "B", "C", "D"]
    content = {"text": text, "options": [{"id": each, "text": f"Option {each}"} for each in options]}
    return {"points": points, "grading": "exact", "key": key, "content": content}


QUESTIONS: dict[str, Any] = {
    "1": choice("B", "How heavy is a litre of water?"),
    "2": {"points": 2, "grading": "numeric", "key": HARD, "content": {"text": "g, in m/s²?"}},
    "3": choice("A", "Which of these floats? (Its key is wrong: it is C.)"),
    "4": choice("D", "Which is the last letter of these?"),
    "5": {"points": 3, "grading": "text", "key": "Newton", "content": {"text": "Who was it?"}},
}


def paper(student: int) -> dict[str, Any]:
    """The answers of a student; a higher number knows more."""
    answers: dict[str, Any] = {
        "1": "B" if student > 12 else "ACD"[student % 3],
        "3": "C" if student > 15 else "AB"[student % 2],
        "4": "D",
    }
    if student % 4:
        answers["2"] = HARD if student > 28 else "9.8 or so"
    if student % 5 != 1:
        answers["5"] = "newton" if student > 20 else "Einstein"
    return answers


@pytest.fixture(scope="module")
def physics(service: DevelopmentServer) -> str:
    """A quiz that a class has taken, half of it in one room."""
    sections = [{"questions": list(QUESTIONS)}]
    quiz_id = new_quiz(service.address, {"questions": QUESTIONS, "paper": {"sections": sections}})
    for student in range(STUDENTS):
        taken(service.address, quiz_id, paper(student), group=f"Room {student % 2}")
    return quiz_id


def told(address: str, quiz_id: str, query: str = "") -> dict[str, Any]:
    """What the API says."""
    found: dict[str, Any] = call(address, "GET", f"/quizzes/{quiz_id}/statistics{query}")
    return found


def shown(value: float | None) -> str:
    """A figure as the page writes it."""
    if value is None:
        return "–"
    rounded = Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    text = f"{rounded:f}".rstrip("0").rstrip(".").replace("-", "−")
    return "0" if text == "−0" else text


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tiles > div").filter(has_text=name).locator("dd")


def rows(table: Locator) -> list[list[str]]:
    """The texts of the cells of its body."""
    script = (
        "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    found: list[list[str]] = table.evaluate(script)
    return found


def test_the_figures_are_those_of_the_api(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = console(new_visitor(), service.address, physics, "statistics")
    api = told(service.address, physics)
    expect(tile(page, "Sessions")).to_have_text(str(STUDENTS))
    expect(tile(page, "Mean")).to_have_text(f"{shown(api['mean'])} of 8")
    expect(tile(page, "Deviation")).to_have_text(shown(api["deviation"]))
    expect(tile(page, "Alpha")).to_have_text(shown(api["alpha"]))
    figures = [row[:5] for row in rows(page.locator("[data-table=all]"))]
    assert figures == [
        [
            name,
            str(each["asked"]),
            str(each["answered"]),
            shown(each["facility"]),
            shown(each["discrimination"]),
        ]
        for name, each in sorted(api["questions"].items())
    ]
    looked_at(page, "console-statistics")


def test_the_distribution_counts_every_score(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = console(new_visitor(), service.address, physics, "statistics")
    listed = call(service.address, "GET", f"/sessions?quiz_id={physics}&limit=200")["sessions"]
    scores = [session["score"] for session in listed]
    expect(tile(page, "Median")).to_have_text(shown(statistics.median(scores)))
    plot = page.get_by_role("img", name="Histogram of 36 scores")
    expect(plot).to_be_visible()
    page.locator("figure").filter(has=plot).get_by_text("These figures as a table").click()
    table = rows(page.locator("[data-table=scores]"))
    assert table == [[str(points), str(scores.count(points))] for points in range(9)]


def test_each_plot_has_its_figures_as_a_table_that_is_opened_by_keyboard(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = console(new_visitor(), service.address, physics, "statistics")
    api = told(service.address, physics)["questions"]["3"]
    question = page.locator("[data-question='3']")
    question.locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    table = page.locator("[data-table=answers-3]")
    expect(table).to_be_visible()
    # The texts of options come with the quiz, which may be later than its figures.
    expect(table).to_contain_text("Option ")
    assert [row[0:2] + row[3:] for row in rows(table)] == [
        [
            f"Option {each['answer']}",
            str(each["count"]),
            shown(each["mean_points"]),
            shown(each["mean_score"]),
        ]
        for each in api["answers"]
    ]
    for number in (1, 2, 5):
        page.locator(f"[data-question='{number}'] > summary").click()
    looked_at(page, "console-statistics-answers")
    for figure in page.get_by_role("figure").all():
        expect(figure.get_by_role("img")).to_have_accessible_name(re.compile("of [0-9]+ "))
        expect(figure.locator("table")).to_have_count(1)


def test_questions_to_look_at_are_named_in_words(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = console(new_visitor(), service.address, physics, "statistics")
    # The texts of options come with the quiz, which may be later than its figures.
    expect(page.locator("[data-table=all]")).to_contain_text("“Option C”")
    notes = [row[-1] for row in rows(page.locator("[data-table=all]"))]
    assert notes[0] == ""
    assert "Those who did well in the rest did worse here: look at the key." in notes[2]
    assert "“Option C” earned nothing, but those who gave it have better scores in all" in notes[2]
    assert notes[3] == "Easy: nearly everybody has all points."


def test_a_group_is_looked_at_alone(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = console(new_visitor(), service.address, physics, "statistics")
    page.get_by_label("Group").fill("Room 1")
    page.get_by_label("Group").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("of group Room 1")
    api = told(service.address, physics, "?group=Room 1")
    expect(tile(page, "Sessions")).to_have_text("18")
    expect(tile(page, "Mean")).to_have_text(f"{shown(api['mean'])} of 8")
    expect(page.locator("[data-state=few]")).to_contain_text("Only 18 sessions")


def test_no_statistics_yet(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    rules = {"questions": {"essay": {"points": 5}}, "show_results": "never"}
    quiz_id = new_quiz(service.address, rules)
    page = console(new_visitor(), service.address, quiz_id, "statistics")
    expect(page.locator("[data-state=none]")).to_contain_text("There are no statistics yet")
    expect(page.locator("[data-state=hidden]")).to_contain_text("never shows students their scores")
    looked_at(page, "console-statistics-none")


def test_sessions_that_wait_for_a_mark_are_said_to_be_missing(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id, sessions = essays(service.address, "One.", "Two.", "Three.")
    call(service.address, "PUT", f"/sessions/{sessions[0]}/grades", {"essay": {"points": 2}})
    page = console(new_visitor(), service.address, quiz_id, "statistics")
    expect(page.locator("[data-state=pending]")).to_contain_text(
        "2 ended sessions have no complete score yet"
    )
    expect(page.locator("[data-state=few]")).to_contain_text("Only 1 session:")
    expect(tile(page, "Deviation")).to_have_text("–")
    looked_at(page, "console-statistics-few")
    page.get_by_role("link", name="wait for a mark").click()
    expect(page.get_by_text("2 answers wait for a mark.")).to_be_visible()


def test_figures_of_a_part_are_said_to_be_that(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    page = new_visitor()
    some = {**told(service.address, physics), "attempts": 40_000, "complete": False}

    def partly(route: Route) -> None:
        route.fulfill(json=some)

    page.route("**/statistics", partly)
    console(page, service.address, physics, "statistics")
    expect(page.locator("[data-state=incomplete]")).to_contain_text("40,000 sessions that started first")
    expect(page.get_by_role("button", name="Read the scores")).to_be_visible()
    looked_at(page, "console-statistics-incomplete")
    page.get_by_role("button", name="Read the scores").click()
    expect(page.get_by_role("img", name="Histogram of 36 scores")).to_be_visible()


def test_papers_of_different_worth_are_compared_in_percent(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    sections = [{"questions": ["1", "2", "5"], "pick": 1}]
    quiz_id = new_quiz(service.address, {"questions": QUESTIONS, "paper": {"sections": sections}})
    for _ in range(8):
        taken(service.address, quiz_id, {})
    page = console(new_visitor(), service.address, quiz_id, "statistics")
    expect(page.get_by_text("worth different numbers of points")).to_be_visible()
    expect(tile(page, "Median")).to_have_text("–")
    expect(tile(page, "Alpha")).to_have_text("–")


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("down", 503, "store_unavailable", "The service can’t reach its database at the moment."),
        ("forbidden", 403, "forbidden", "You are not allowed to do this."),
        ("unknown", 404, "quiz_not_found", "No quiz is registered under this id"),
    ],
)
def test_statistics_that_can_not_be_shown_say_why(
    name: str,
    status: int,
    code: str,
    words: str,
    service: DevelopmentServer,
    new_visitor: Callable[[], Page],
    physics: str,
) -> None:
    page = new_visitor()
    refused(page, "**/statistics", status, code)
    console(page, service.address, physics, "statistics")
    expect(page.get_by_role("alert")).to_contain_text(words)
    looked_at(page, f"console-statistics-{name}")
    page.unroute("**/statistics")
    # Who may not is not asked to try it again.
    page.get_by_role("button", name="Look again" if status == 403 else "Try again").click()
    expect(tile(page, "Sessions")).to_have_text(str(STUDENTS))


def test_figures_of_other_sessions_than_the_mean_are_said_to_be(
    service: DevelopmentServer, new_visitor: Callable[[], Page], physics: str
) -> None:
    """Those of the caller are in the list, and not in the API's figures."""

    def with_own(route: Route) -> None:
        reply = route.fetch().json()
        route.fulfill(json={**reply, "sessions": [*reply["sessions"], reply["sessions"][0]]})

    page = new_visitor()
    page.route("**/sessions?*", with_own)
    console(page, service.address, physics, "statistics")
    expect(page.locator("[data-state=others]")).to_contain_text(
        f"The median and the distribution are of {STUDENTS + 1} sessions, the other figures of {STUDENTS}"
    )
    looked_at(page, "statistics-own-attempt")
