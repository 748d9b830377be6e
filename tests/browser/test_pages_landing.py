"""The page on which visitors begin."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .screens import looked_at
from .students import new_quiz

pytestmark = NEEDS_CHROMIUM

Visitor = Callable[[], Page]


def landing(new_visitor: Visitor, service: DevelopmentServer) -> Page:
    page = new_visitor()
    page.goto(f"{service.address}/")
    expect(page.get_by_role("heading", name="Quiz Sessions")).to_be_visible()
    return page


def test_it_says_what_this_is_and_that_the_service_answers(
    new_visitor: Visitor, service: DevelopmentServer
) -> None:
    new_quiz(service.address)
    page = landing(new_visitor, service)
    expect(page.get_by_role("status")).to_have_text("The service answers.")
    expect(page.get_by_role("list", name="Or one of these:")).to_be_visible()
    looked_at(page, "landing")


def test_it_says_when_the_service_does_not_answer(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = new_visitor()
    page.route("**/health", lambda route: route.abort())
    page.route("**/quizzes*", lambda route: route.abort())
    page.goto(f"{service.address}/")
    expect(page.get_by_role("status")).to_have_text("The service does not answer.")
    looked_at(page, "landing-no-answer")


def test_it_looks_again_when_it_is_looked_at(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = landing(new_visitor, service)
    expect(page.get_by_role("status")).to_have_text("The service answers.")
    page.route("**/health", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("status")).to_have_text("The service does not answer.")


def test_a_student_comes_to_a_quiz_by_its_id(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = landing(new_visitor, service)
    page.get_by_label("Id of the quiz").focus()
    page.keyboard.type("a quiz & more")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pages/student.html?quiz=a+quiz+%26+more")


def test_quizzes_are_offered_where_anybody_may_list_them(
    new_visitor: Visitor, service: DevelopmentServer
) -> None:
    new_quiz(service.address)
    page = landing(new_visitor, service)
    offered = page.get_by_role("list", name="Or one of these:").get_by_role("link")
    expect(offered.first).to_be_visible()
    name = offered.first.inner_text()
    offered.first.click()
    page.wait_for_url(f"**/pages/student.html?quiz={name}")


def test_it_leads_to_the_demo_where_there_is_one(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = landing(new_visitor, service)
    expect(page.get_by_role("link", name="The API")).to_be_visible()
    expect(page.get_by_role("link", name="The demo")).to_have_count(0)
    page.route("**/config.json", lambda route: route.fulfill(json={**route.fetch().json(), "demo": True}))
    page.reload()
    expect(page.get_by_role("link", name="The demo")).to_have_attribute("href", "demo.html")


def test_the_api_is_documented_and_its_health_shown(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = landing(new_visitor, service)
    expect(page.get_by_role("link", name="Health")).to_have_attribute("href", f"{service.address}/health")
    page.get_by_role("link", name="The API").click()
    page.wait_for_url(f"{service.address}/docs")


def test_staff_come_to_the_console(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = landing(new_visitor, service)
    page.get_by_role("link", name="Open the console").click()
    page.wait_for_url("**/pages/console.html")


def test_it_says_who_is_signed_in_and_lets_them_leave(
    new_visitor: Visitor, service: DevelopmentServer
) -> None:
    page = new_visitor()
    page.goto(f"{service.address}/pages/console.html")
    page.get_by_label("Your name").fill("Grace")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your name")).to_have_count(0)
    page.goto(f"{service.address}/pages/")
    expect(page.get_by_text("Signed in as Grace.")).to_be_visible()
    looked_at(page, "landing-signed-in")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Signed in as")).to_have_count(0)


def test_without_its_settings_it_says_so(new_visitor: Visitor, service: DevelopmentServer) -> None:
    page = new_visitor()
    page.route("**/config.json", lambda route: route.abort())
    page.goto(f"{service.address}/pages/")
    expect(page.get_by_role("alert")).to_contain_text(
        "This page can't be started. The service can't be reached."
    )
    looked_at(page, "landing-no-settings")
