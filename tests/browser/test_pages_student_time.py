"""The student's page and time: the countdown, pauses, notices, deadlines, sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .students import call, eventually
from .taking import Taker, asked, is_marked, question, rules, seen, taker, who_takes

pytestmark = NEEDS_CHROMIUM

# A page without anything to save looks every thirty seconds.
LONG = 60_000


@pytest.fixture
def student(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> Taker:
    return who_takes(service.address, new_visitor)


def notice(page: Page, kind: str) -> Locator:
    return page.locator(f"[data-notice={kind}]")


def looks(page: Page) -> None:
    """What the library does when a tab is shown again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")


def test_a_notice_is_shown_until_it_is_read(student: Taker) -> None:
    page = student.page
    student.staff("notices", text="In question 3 it must read 5 N,\nnot 5 kg.")
    looks(page)
    expect(notice(page, "message")).to_contain_text("it must read 5 N", timeout=LONG)
    seen(page, "notice")
    page.get_by_role("button", name="I have read this").click()
    expect(notice(page, "message")).to_be_hidden()
    path = f"/sessions/{student.session['id']}/notices"
    assert call(student.service, "GET", path)["notices"][0]["read_at"] is not None
    page.reload()
    expect(question(page, "a")).to_be_visible()
    expect(notice(page, "message")).to_be_hidden()


def test_a_pause_stops_the_clock_and_keeps_what_is_written(student: Taker) -> None:
    page = student.page
    student.staff("pause", reason="the fire alarm")
    looks(page)
    expect(page.locator("[data-banner=paused]")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("timer")).to_contain_text("Clock stopped at")
    question(page, "a").get_by_role("textbox").fill("meanwhile")
    page.get_by_role("button", name="Review and hand in").first.click()
    expect(page.get_by_text("You can hand in once it runs again.")).to_be_visible()
    expect(page.get_by_role("button", name="Hand in", exact=True)).to_be_disabled()
    seen(page, "paused")
    student.staff("resume", reason="it is over")
    expect(page.locator("[data-banner=paused]")).to_be_hidden(timeout=LONG)
    expect(notice(page, "resume")).to_contain_text("The clock runs again", timeout=LONG)
    expect(page.get_by_role("button", name="Hand in", exact=True)).to_be_enabled()
    seen(page, "resumed")
    page.get_by_role("button", name="I have read all").click()
    expect(page.locator("[data-notice]")).to_have_count(0)
    eventually(lambda: student.answers == {"a": "meanwhile"})


def test_a_deadline_that_moves_is_told(student: Taker) -> None:
    page = student.page
    page.get_by_role("button", name="Hide the time").click()
    student.staff("extend", seconds=600, reason="came late")
    looks(page)
    expect(notice(page, "deadline")).to_contain_text("The end of your time has moved", timeout=LONG)
    expect(page.locator("[aria-live=assertive]")).to_have_text(
        "The end of your time has moved. You have 40 minutes left."
    )
    student.staff("extend", seconds=-2400 + 200, reason="a mistake")
    looks(page)
    # Hidden, but not at the end.
    expect(page.get_by_text("Less than 5 minutes")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("5 minutes left.")).to_be_attached()
    seen(page, "five-minutes")


def test_at_the_end_of_the_time_all_is_handed_in_by_itself(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, rules(asked("Why?"), time_limit_seconds=15))
    page = student.starts()
    question(page, "a").get_by_role("textbox").fill("just in time")
    expect(page.get_by_role("heading", name="Your time is over")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("All was handed in by itself")).to_be_visible()
    seen(page, "time-over")
    assert (student.session["status"], student.answers) == ("completed", {"a": "just in time"})


def test_what_comes_too_late_is_shown_as_kept_for_staff(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, rules(asked("Why?"), time_limit_seconds=25))
    page = student.starts()
    page.context.set_offline(True)
    question(page, "a").get_by_role("textbox").fill("too late")
    expect(page.get_by_text("Time is up. Handing in…").first).to_be_visible(timeout=LONG)
    expect(question(page, "a").get_by_role("textbox")).not_to_be_editable()
    eventually(lambda: student.session["status"] == "expired")
    page.context.set_offline(False)
    expect(page.locator("[data-late]")).to_contain_text("1 answer came too late.", timeout=LONG)
    expect(page.locator("[data-late]")).to_contain_text("too late")
    seen(page, "too-late")
    (late,) = call(service.address, "GET", f"/sessions/{student.session['id']}/late-answers")["late_answers"]
    student.staff(f"late-answers/{late['event']}/accept", reason="the network was down")
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("The staff have accepted 1 answer that came too late.")).to_be_visible()
    expect(page.locator("[data-late]")).to_be_hidden()
    expect(page.get_by_role("cell", name="too late")).to_be_visible()
    seen(page, "late-accepted")


def test_a_hand_in_by_staff_is_said_not_to_be_the_student_s(student: Taker) -> None:
    page = student.page
    student.staff("complete", on_behalf=True, reason="taken ill")
    looks(page)
    expect(page.get_by_role("heading", name="It was handed in")).to_be_visible(timeout=LONG)
    seen(page, "handed-in-by-staff")
    student.staff("reopen", seconds=600, reason="a mistake")
    page.get_by_role("button", name="Look again").click()
    page.get_by_role("button", name="Go on with it").click()
    expect(question(page, "a")).to_be_visible()


def sections(**more: Any) -> dict[str, Any]:
    """A quiz of two sections, of which the second is as given."""
    return rules(asked("One?", "Two?", "Three?"), {"title": "First", "questions": ["a"]}, second(**more))


def second(**more: Any) -> dict[str, Any]:
    return {"title": "Second", "questions": ["b", "c"], **more}


def test_a_section_with_a_time_limit_begins_when_the_student_says_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, sections(time_limit_seconds=45))
    page = student.starts()
    page.get_by_role("button", name="Next: Second").click()
    expect(page.get_by_text("45 seconds")).to_be_visible()
    expect(page.get_by_text("Two?")).to_be_hidden()
    seen(page, "section-closed")
    page.get_by_role("button", name="Start this section").click()
    expect(page.get_by_text("Two?")).to_be_visible()
    other = student.opens(page.context.new_page())
    other.get_by_role("button", name="Next: Second").click()
    expect(other.get_by_text("Two?")).to_be_visible()
    other.close()
    question(page, "b").get_by_role("textbox").fill("within it")
    seen(page, "section-runs")
    expect(page.get_by_text("The time of this section is over.")).to_be_visible(timeout=2 * LONG)
    expect(question(page, "b").get_by_role("textbox")).not_to_be_editable()
    seen(page, "section-over")
    page.get_by_role("button", name="Back: First").click()
    question(page, "a").get_by_role("textbox").fill("still open")
    is_marked(page, "a", "buffered", "committed")
    assert student.answers == {"a": "still open", "b": "within it"}


def test_in_a_section_that_goes_forward_what_lies_behind_is_locked(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, sections(navigation="forward"))
    page = student.starts()
    page.get_by_role("button", name="Next: Second").click()
    expect(page.get_by_text("Answer from the top to the bottom")).to_be_visible()
    expect(question(page, "c")).to_contain_text("An answer here locks question 2.")
    question(page, "b").get_by_role("textbox").fill("first")
    is_marked(page, "b", "buffered", "committed")
    seen(page, "forward")
    question(page, "c").get_by_role("textbox").fill("then")
    expect(question(page, "b")).to_contain_text("It can be read, but not changed.", timeout=LONG)
    expect(question(page, "b").get_by_role("textbox")).not_to_be_editable()
    expect(question(page, "b").get_by_role("textbox")).to_have_value("first")
    seen(page, "forward-locked")
