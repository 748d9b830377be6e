"""The student's page when something goes wrong: the network, the service, other devices, the login."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .students import call, eventually
from .taking import QUESTIONS, Taker, hands_in, is_marked, question, requests, rules, seen, taker, who_takes

pytestmark = NEEDS_CHROMIUM

# A save may wait for ten seconds and more, and who waits longer is told.
LONG = 60_000


@pytest.fixture
def student(service: DevelopmentServer, new_visitor: Callable[[], Page]) -> Taker:
    return who_takes(service.address, new_visitor)


def banner(page: Page, name: str) -> Locator:
    return page.locator(f"[data-banner={name}]")


def writes(page: Page, question_id: str, text: str) -> None:
    question(page, question_id).get_by_role("textbox").fill(text)


def test_without_network_it_says_so_and_sends_all_later(student: Taker) -> None:
    page = student.page
    page.context.set_offline(True)
    writes(page, "a", "written offline")
    expect(banner(page, "offline")).to_be_visible()
    is_marked(page, "a", "unsent")
    # No tick, which means that it is saved.
    expect(page.locator("[data-chip=unsent]")).to_have_count(1)
    seen(page, "offline")
    page.context.set_offline(False)
    expect(banner(page, "offline")).to_be_hidden(timeout=LONG)
    expect(banner(page, "back")).to_be_visible()
    is_marked(page, "a", "buffered", "committed")
    hands_in(page)
    assert student.answers == {"a": "written offline"}


def test_a_network_that_is_there_but_leads_nowhere_is_noticed(student: Taker) -> None:
    page = student.page
    page.route("**/sessions/**", lambda route: route.abort())
    writes(page, "a", "it goes nowhere")
    expect(banner(page, "offline")).to_be_visible(timeout=LONG)
    page.unroute("**/sessions/**")
    is_marked(page, "a", "buffered", "committed")
    expect(banner(page, "offline")).to_be_hidden()


def test_a_busy_service_is_called_that(student: Taker) -> None:
    page = student.page
    busy = {"code": "too_many_requests", "detail": "Later."}
    page.route("**/progress", lambda route: route.fulfill(status=429, json=busy))
    writes(page, "a", "it waits")
    expect(banner(page, "busy")).to_be_visible(timeout=LONG)
    expect(banner(page, "offline")).to_be_hidden()
    seen(page, "busy")
    page.unroute("**/progress")
    is_marked(page, "a", "buffered", "committed")
    expect(banner(page, "busy")).to_be_hidden()


def test_a_login_that_has_ended_is_asked_for_again(student: Taker) -> None:
    page = student.page
    page.route("**/sessions/**", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
    writes(page, "a", "kept meanwhile")
    expect(banner(page, "login")).to_be_visible(timeout=LONG)
    seen(page, "login-ended")
    page.get_by_role("button", name="Sign in again; your answers are kept").click()
    page.unroute("**/sessions/**")
    is_marked(page, "a", "buffered", "committed")
    expect(banner(page, "login")).to_be_hidden(timeout=LONG)


def test_answers_from_another_network_are_not_accepted_and_it_says_so(student: Taker) -> None:
    page = student.page
    refusal = {"code": "network_refused", "detail": "Other networks."}
    page.route("**/progress", lambda route: route.fulfill(status=403, json=refusal))
    writes(page, "a", "from elsewhere")
    expect(banner(page, "refused")).to_contain_text("Go back to the one you started in", timeout=LONG)
    seen(page, "network-refused")


def test_a_browser_that_keeps_nothing_is_called_that(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor)
    student.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    page = student.starts()
    writes(page, "a", "here alone")
    expect(banner(page, "memory")).to_be_visible()
    seen(page, "keeps-nothing")


def too_long(route: Route) -> None:
    body = {"code": "content_too_large", "detail": "Question 'a': too long.", "question_id": "a"}
    route.fulfill(status=413, json=body)


def test_an_answer_that_is_not_accepted_says_why_and_can_be_given_up(student: Taker) -> None:
    page = student.page
    page.route("**/progress", too_long)
    writes(page, "a", "far too long")
    is_marked(page, "a", "refused")
    expect(question(page, "a")).to_contain_text("This answer was not accepted. It is too long.")
    seen(page, "not-accepted")
    page.unroute("**/progress")
    question(page, "a").get_by_role("button", name="Give it up").click()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("")
    writes(page, "a", "shorter")
    is_marked(page, "a", "buffered", "committed")


# Another device


@pytest.fixture
def elsewhere(student: Taker) -> Callable[[str, object], None]:
    """Answers on another device."""

    def answers(question_id: str, answer: object) -> None:
        path = f"/sessions/{student.session['id']}/progress"
        call(student.service, "PATCH", path, {"answers": {question_id: answer}})

    return answers


def meets(student: Taker, elsewhere: Callable[[str, object], None]) -> Page:
    """Both have answered, and here it is noticed."""
    page = student.page
    page.context.set_offline(True)
    writes(page, "a", "the text from here")
    elsewhere("a", "the text from elsewhere")
    page.context.set_offline(False)
    expect(page.get_by_role("dialog")).to_be_visible(timeout=LONG)
    return page


def test_two_texts_are_shown_and_mine_can_be_kept(
    student: Taker, elsewhere: Callable[[str, object], None]
) -> None:
    page = meets(student, elsewhere)
    expect(page.get_by_text("the text from elsewhere")).to_be_visible()
    seen(page, "conflict")
    page.get_by_role("button", name="Keep mine").click()
    is_marked(page, "a", "buffered", "committed")
    hands_in(page)
    assert student.answers == {"a": "the text from here"}


def test_the_other_text_can_be_kept_later(student: Taker, elsewhere: Callable[[str, object], None]) -> None:
    page = meets(student, elsewhere)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    is_marked(page, "a", "conflict")
    seen(page, "conflict-later")
    page.get_by_role("button", name="Choose an answer").click()
    page.get_by_role("button", name="Keep the other").click()
    expect(question(page, "a").get_by_role("textbox")).to_have_value("the text from elsewhere")
    is_marked(page, "a", "committed")


def test_one_text_can_be_made_of_both(student: Taker, elsewhere: Callable[[str, object], None]) -> None:
    page = meets(student, elsewhere)
    page.get_by_role("button", name="Write one from both").click()
    both = page.get_by_label("One from both")
    expect(both).to_have_value("the text from here\nthe text from elsewhere")
    seen(page, "conflict-both")
    both.fill("theirs")
    page.get_by_role("button", name="Keep this text").click()
    is_marked(page, "a", "buffered", "committed")
    hands_in(page)
    assert student.answers == {"a": "theirs"}


def test_another_device_goes_on_after_it_was_asked(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, rules(QUESTIONS, one_device="takeover"))
    laptop = student.starts()
    question(laptop, "capital").get_by_role("textbox").fill("Par")
    tablet = student.opens(new_visitor())
    expect(banner(tablet, "device")).to_contain_text("You can go on here instead")
    seen(tablet, "other-device")
    tablet.get_by_role("button", name="Go on with this device").click()
    expect(banner(tablet, "device")).to_be_hidden()
    question(tablet, "capital").get_by_role("textbox").fill("Paris")
    is_marked(tablet, "capital", "buffered", "committed")
    question(laptop, "fall").get_by_role("textbox").fill("1")
    expect(banner(laptop, "device")).to_be_visible(timeout=LONG)


def test_where_a_proctor_has_to_let_the_device_in_it_says_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    student = taker(service.address, new_visitor, rules(QUESTIONS, one_device="proctor"))
    student.starts()
    tablet = student.opens(new_visitor())
    expect(banner(tablet, "device")).to_contain_text("ask a proctor to let this device in")
    seen(tablet, "other-device-proctor")


# What proctors are told


LEFT = """async () => {
  for (const type of ["blur", "focus", "blur"]) dispatchEvent(new Event(type));
  await new Promise((resolve) => setTimeout(resolve));
}"""


def test_leaving_the_page_is_reported_and_not_at_once_again(student: Taker) -> None:
    page = student.page
    expect(page.get_by_text("Proctors are told when you leave this page")).to_be_visible()
    sent = requests(page, "/incidents", lambda: page.evaluate(LEFT))
    assert [report["type"] for report in sent] == ["blur", "focus"]
    path = f"/sessions/{student.session['id']}/incidents"
    eventually(lambda: len(call(student.service, "GET", path)["incidents"]) == 2)
