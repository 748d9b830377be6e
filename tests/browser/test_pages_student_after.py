"""The student's page after the hand-in: results, the receipt, and a computer that others use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .students import call
from .taking import Taker, asked, hands_in, question, rules, seen, taker

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def student(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> Taker:
    """Who has handed in."""
    student = taker(service.address, new_visitor)
    page = student.starts()
    question(page, "a").get_by_role("textbox").fill("Water falls.")
    hands_in(page)
    return student


def saved_receipt(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the receipt as a file").click()
    kept: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return kept


def checks(page: Page, kept: object) -> None:
    """Have a receipt from a file verified."""
    file = FilePayload(name="receipt.json", mimeType="application/json", buffer=json.dumps(kept).encode())
    page.get_by_label("A file that was saved here").set_input_files(file)


def test_the_receipt_is_genuine(student: Taker) -> None:
    page = student.page
    page.get_by_role("button", name="Verify this receipt").click()
    expect(page.locator("[data-verdict=true]")).to_contain_text("Genuine")
    seen(page, "receipt-genuine")
    kept = saved_receipt(page)
    assert (kept["session_id"], kept["answers"]) == (student.session["id"], {"a": "Water falls."})


def test_a_forged_receipt_is_told(student: Taker) -> None:
    page = student.page
    kept = saved_receipt(page)
    page.get_by_text("Verify a receipt from a file").click()
    checks(page, kept)
    expect(page.locator("[data-verdict=true]")).to_contain_text(
        f"{kept['session_id']}, which is this attempt"
    )
    checks(page, {**kept, "answers": {"a": "Water rises."}})
    expect(page.locator("[data-verdict=false]")).to_contain_text("about other answers than these")
    head, body, signature = kept["receipt"].split(".")
    forged = ".".join([head, body, signature[::-1]])
    checks(page, {**kept, "receipt": forged})
    expect(page.locator("[data-verdict=false]")).to_contain_text("not genuine")
    seen(page, "receipt-forged")
    checks(page, {**kept, "session_id": "0195e4a2-0000-7000-8000-000000000000"})
    expect(page.locator("[data-verdict=false]")).to_contain_text("not of the one that is named with it")
    checks(page, ["no", "receipt"])
    expect(page.locator("[data-verdict=false]")).to_contain_text("has no receipt")


def test_a_receipt_of_somebody_else_is_not_said_to_be_of_this_attempt(
    student: Taker, service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    other = taker(service.address, new_visitor)
    page = other.starts()
    question(page, "a").get_by_role("textbox").fill("Snow melts.")
    hands_in(page)
    kept = saved_receipt(page)
    page = student.page
    page.get_by_text("Verify a receipt from a file").click()
    checks(page, kept)
    verdict = page.locator("[data-verdict=true]")
    expect(verdict).to_contain_text(f"{other.session['id']}, which is another attempt than this one")


def test_marks_and_comments_are_shown_once_they_are_given(student: Taker) -> None:
    page = student.page
    expect(page.get_by_text("Some answers wait for a person")).to_be_visible()
    grades = {"a": {"points": 0.5, "comment": "Whose water?"}}
    call(student.service, "PUT", f"/sessions/{student.session['id']}/grades?reason=read", grades)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("Whose water?")).to_be_visible()
    expect(page.locator(".score")).to_have_text("0.5 of 2 points")
    seen(page, "marked")


def test_results_that_are_not_shown_yet_are_said_to_be_that(student: Taker) -> None:
    page = student.page
    refusal = {"code": "results_hidden", "detail": "Not yet."}
    page.route("**/results", lambda route: route.fulfill(status=403, json=refusal))
    page.reload()
    expect(page.get_by_text("Results are not shown yet.")).to_be_visible()
    expect(page.get_by_role("cell", name="Water falls.")).to_be_visible()
    seen(page, "results-hidden")


def test_a_reload_after_the_hand_in_starts_nothing(student: Taker) -> None:
    page = student.page
    page.reload()
    expect(page.get_by_role("heading", name="You have handed in")).to_be_visible()
    assert student.session["attempt_no"] == 1


def test_another_attempt_can_be_started(student: Taker) -> None:
    page = student.page
    page.get_by_role("button", name="Start another attempt").click()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("")
    page.reload()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("")
    assert (student.session["attempt_no"], student.session["status"]) == (2, "started")


KEPT = """async () => {
  const opening = indexedDB.open("quiz-sessions", 1);
  await new Promise((resolve) => (opening.onsuccess = resolve));
  const all = opening.result.transaction("kept").objectStore("kept").getAllKeys();
  await new Promise((resolve) => (all.onsuccess = resolve));
  opening.result.close();
  return [...all.result, ...Object.keys(localStorage)].filter((key) => !key.startsWith("client "));
}"""


def test_a_shared_computer_forgets_the_answers_when_asked(student: Taker) -> None:
    page = student.page
    assert page.evaluate(KEPT) != []
    page.get_by_role("button", name="Shared computer: remove my answers from it").click()
    expect(page.get_by_text("Your answers are removed from this browser.")).to_be_visible()
    assert page.evaluate(KEPT) == []
    expect(page.get_by_text("You are still signed in here")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    seen(page, "removed")
    page.reload()
    expect(page.get_by_role("heading", name="Before you start")).to_be_visible()
    page.get_by_role("button", name="Show my last attempt").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your name")).to_have_value("")
    assert student.session["attempt_no"] == 1


def test_a_shared_computer_that_is_named_at_the_start_forgets_at_the_hand_in(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, rules(asked("Why?")))
    page = student.opens()
    page.get_by_label("This is a shared computer").check()
    page.get_by_role("button", name="Start", exact=True).click()
    question(page, "a").get_by_role("textbox").fill("because")
    page.reload()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("because")
    hands_in(page)
    expect(page.get_by_role("cell", name="because")).to_be_visible()
    assert "because" not in json.dumps(page.evaluate(KEPT))
    assert [key for key in page.evaluate(KEPT) if not key.startswith("quiz-sessions/")] == []
    expect(page.get_by_text("You are still signed in here")).to_be_visible()
    seen(page, "shared-computer-after")
    page.reload()
    expect(page.get_by_text("You have taken it before")).to_be_visible()


def test_two_tabs_may_remove_the_answers_and_no_attempt_is_started(student: Taker) -> None:
    page = student.page
    other = page.context.new_page()
    student.opens(other)
    for each in (page, other):
        each.get_by_role("button", name="Shared computer: remove my answers from it").click()
        expect(each.get_by_text("Your answers are removed from this browser.")).to_be_visible()
    assert student.session["attempt_no"] == 1


NO_DATABASE = "IDBFactory.prototype.open = () => { throw new Error('there is none'); };"


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_browser_without_a_database_starts_no_attempt_by_itself(
    service: DevelopmentServer, new_visitor: Callable[[], Page], *, is_removed: bool
) -> None:
    student = taker(service.address, new_visitor)
    student.page.add_init_script(NO_DATABASE)
    page = student.starts()
    question(page, "a").get_by_role("textbox").fill("because")
    hands_in(page)
    if is_removed:
        page.get_by_role("button", name="Shared computer: remove my answers from it").click()
        expect(page.get_by_text("Your answers are removed from this browser.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("You have taken it before")).to_be_visible()
    assert student.session["attempt_no"] == 1


def test_an_open_attempt_is_gone_on_with_without_a_database(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor)
    student.page.add_init_script(NO_DATABASE)
    page = student.starts()
    page.reload()
    expect(question(page, "a")).to_be_visible()


def test_answers_of_an_attempt_that_is_open_again_are_not_removed(student: Taker) -> None:
    page = student.page
    student.staff("reopen", seconds=600, reason="a mistake")
    page.get_by_role("button", name="Shared computer: remove my answers from it").click()
    expect(page.get_by_text("The staff have opened your attempt again: nothing is removed.")).to_be_visible()
    page.reload()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("Water falls.")
