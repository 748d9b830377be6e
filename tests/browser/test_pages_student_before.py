"""The student's page before an attempt: what lets nobody in, and what waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .students import call
from .taking import Taker, asked, hands_in, question, rules, seen, taker

pytestmark = NEEDS_CHROMIUM

KEY = "81aad4ab9dfd447cc479e6a4a7c9a544e2cafc7f3adeb68b2a21efad68eca4dc"


def at(seconds: float) -> str:
    """That far from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def quiz(**more: Any) -> dict[str, Any]:
    return rules(asked("Why does it rain?"), **more)


def test_without_a_quiz_it_is_asked_for(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    student = taker(service.address, new_visitor)
    page = student.page
    page.goto(f"{service.address}/pages/student.html")
    expect(page.get_by_role("heading", name="Take a quiz")).to_be_visible()
    seen(page, "which-quiz")
    page.get_by_label("The id of the quiz").fill(student.quiz_id)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("Your name")).to_be_visible()
    seen(page, "who")
    assert student.quiz_id in page.url


@pytest.mark.parametrize(
    ("name", "more", "title"),
    [
        ("closed", {"closes_at": "2026-01-01T00:00:00Z"}, "This quiz has closed"),
        ("network", {"access": {"networks": ["192.0.2.0/24"]}}, "Not from this network"),
        ("safe-exam-browser", {"access": {"seb_config_keys": [KEY]}}, "Safe Exam Browser is needed"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    service: DevelopmentServer,
    new_visitor: Callable[[], Page],
    name: str,
    more: dict[str, Any],
    title: str,
) -> None:
    page = taker(service.address, new_visitor, quiz(**more)).opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    seen(page, f"refused-{name}")


def test_who_has_used_all_attempts_is_shown_the_last_one(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, quiz(max_attempts=1))
    page = student.starts()
    question(page, "a").get_by_role("textbox").fill("because")
    hands_in(page)
    expect(page.get_by_role("button", name="Start another attempt")).to_be_hidden()
    # On another computer.
    student.page = new_visitor()
    page = student.opens()
    expect(page.get_by_text("You have taken it before")).to_be_visible()
    seen(page, "before-again")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="You have used all attempts")).to_be_visible()
    seen(page, "refused-exhausted")
    page.get_by_role("button", name="Show my last attempt").click()
    expect(page.get_by_role("cell", name="because")).to_be_visible()


def test_a_paused_quiz_goes_on_by_itself(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    student = taker(service.address, new_visitor, quiz())
    call(service.address, "POST", f"/quizzes/{student.quiz_id}/pause", {"reason": "the fire alarm"})
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="This quiz is paused")).to_be_visible()
    seen(page, "refused-paused")
    call(service.address, "POST", f"/quizzes/{student.quiz_id}/resume", {"reason": "it is over"})
    expect(question(page, "a")).to_be_visible(timeout=30_000)


def test_a_quiz_that_nobody_registered_is_said_to_be_that(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    page = Taker(new_visitor(), service.address, "fysics").opens()
    expect(page.get_by_text("Nobody has registered a quiz called “fysics”.")).to_be_visible()
    seen(page, "unknown")


def test_an_unknown_quiz_is_refused_in_words(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = Taker(new_visitor(), service.address, "fysics")
    refusal = {"code": "unknown_quiz", "detail": "No quiz is registered under this id."}
    student.page.route("**/sessions/start", lambda route: route.fulfill(status=404, json=refusal))
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="There is no such quiz")).to_be_visible()
    seen(page, "refused-unknown")


def test_a_quiz_that_is_not_open_yet_starts_by_itself(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, quiz(opens_at=at(60), admission_seconds=1))
    page = student.opens()
    expect(page.get_by_role("heading", name="Not open yet")).to_be_visible()
    seen(page, "not-open-yet")
    expect(question(page, "a")).to_be_visible(timeout=120_000)
    assert student.session["status"] == "started"


def test_who_is_in_before_a_common_start_waits_for_the_questions(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    more = {"opens_at": at(0), "admission_seconds": 60, "common_start": True, "time_limit_seconds": 600}
    student = taker(service.address, new_visitor, quiz(**more))
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="You are in")).to_be_visible()
    seen(page, "common-start")
    expect(question(page, "a").get_by_text("Why does it rain?")).to_be_visible(timeout=120_000)


def test_a_room_with_a_password_asks_for_it(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    more = {"access": {"password": "quiet please"}, "one_device": "proctor"}
    student = taker(service.address, new_visitor, quiz(**more))
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_label("Password")).to_be_focused()
    seen(page, "password")
    page.keyboard.type("loud please")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The password is another one. Please try again.")
    seen(page, "password-wrong")
    page.get_by_label("Password").fill("quiet please")
    page.keyboard.press("Enter")
    question(page, "a").get_by_role("textbox").fill("because")
    page.reload()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("because")
    hands_in(page)
    assert student.answers == {"a": "because"}
    page.get_by_role("button", name="Start another attempt").click()
    page.get_by_label("Password").fill("quiet please")
    page.keyboard.press("Enter")
    expect(question(page, "a").get_by_role("textbox")).to_have_value("")
    assert student.session["attempt_no"] == 2


def test_without_network_it_waits_and_goes_on(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor)
    page = student.page
    page.route("**/sessions/**", lambda route: route.abort())
    page.route("**/quizzes/**", lambda route: route.abort())
    student.opens()
    expect(page.get_by_role("heading", name="No connection")).to_be_visible(timeout=60_000)
    seen(page, "refused-no-connection")
    page.unroute("**/sessions/**")
    page.unroute("**/quizzes/**")
    # The clock starts by no other click than that of the student.
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("is_reloaded", [False, True])
def test_who_can_t_be_shown_the_questions_at_a_common_start_is_told_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page], *, is_reloaded: bool
) -> None:
    more = {"opens_at": at(0), "admission_seconds": 20, "common_start": True, "time_limit_seconds": 600}
    student = taker(service.address, new_visitor, quiz(**more))
    page = student.opens()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="You are in")).to_be_visible()
    refusal = {"code": "service_unavailable", "detail": "A store is away."}
    page.route("**/sessions/**", lambda route: route.fulfill(status=503, json=refusal))
    expect(page.get_by_text("Your questions can't be read just now.")).to_be_visible(timeout=60_000)
    if is_reloaded:
        page.reload()
        expect(page.get_by_text("Your questions can't be read just now.")).to_be_visible(timeout=60_000)
    # The clock runs, and is not said to begin again.
    page.evaluate("""() => void (window.countdowns = 0) || void new MutationObserver(() => {
      if (document.querySelector("[data-stage=together]")) window.countdowns += 1;
    }).observe(document.body, { childList: true, subtree: true })""")
    expect(page.get_by_role("timer")).to_contain_text("9:5", timeout=30_000)
    seen(page, "common-start-away")
    page.unroute("**/sessions/**")
    expect(question(page, "a").get_by_text("Why does it rain?")).to_be_visible()
    assert page.evaluate("countdowns") == 0


def test_a_device_whose_clock_is_behind_starts_nothing_by_itself(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, quiz(opens_at=at(-60)))
    student.page.add_init_script("const now = Date.now; Date.now = () => now() - 3_600_000")
    page = student.opens()
    expect(page.get_by_role("heading", name="Before you start")).to_be_visible()
    found = call(service.address, "GET", f"/sessions?quiz_id={student.quiz_id}&limit=1")
    assert found["sessions"] == []
