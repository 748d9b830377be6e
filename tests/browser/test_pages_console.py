"""The console: who uses it, which quiz, and which view of it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .rooms import a_room, sign_in, unique, watch
from .screens import looked_at
from .students import call

pytestmark = NEEDS_CHROMIUM
NewVisitor = Callable[[], Page]


def test_who_comes_is_asked_for_a_name_and_may_go_again(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    page = new_visitor()
    page.goto(f"{service.address}/pages/console.html")
    looked_at(page, "console-sign-in")
    sign_in(page, service.address)
    expect(page.get_by_text("Signed in as proctor1")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your name")).to_be_visible()


def test_a_quiz_is_picked_by_how_its_id_begins(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    prefix = unique("maths")
    for number in range(3):
        call(service.address, "PUT", f"/quizzes/{prefix}-{number}", {})
    call(
        service.address,
        "PUT",
        f"/quizzes/{prefix}-closed",
        {"opens_at": "2020-01-01T08:00:00Z", "closes_at": "2020-01-01T09:00:00Z"},
    )
    call(service.address, "PUT", f"/quizzes/{prefix}-later", {"opens_at": "2099-01-01T08:00:00Z"})
    call(service.address, "POST", f"/quizzes/{prefix}-1/pause", {"reason": "the fire alarm"})
    page = sign_in(new_visitor(), service.address)
    page.get_by_label("Quiz id, or how it begins").fill(prefix)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("Paused")
    expect(rows.nth(3)).to_contain_text("Closed")
    expect(rows.nth(4)).to_contain_text("Opens")
    looked_at(page, "console-picker")
    page.get_by_role("link", name=f"{prefix}-2").click()
    expect(page.get_by_role("heading", name=f"{prefix}-2")).to_be_focused()
    expect(page).to_have_title(f"{prefix}-2 – Room – Console")


def test_a_student_is_found_by_part_of_a_name(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address)
    name = unique("Miller")
    room.starts(f"{name}-ann", f"{name}-bob", group="Room 12")
    page = sign_in(new_visitor(), service.address)
    found = page.get_by_role("region", name="Find a student")
    for words, said in ((f"ann {name.lower()}", "1 session"), (name, "2 sessions")):
        found.get_by_role("searchbox").fill(words)
        found.get_by_role("button", name="Find").click()
        expect(found.get_by_role("status")).to_contain_text(said)
    expect(found.get_by_role("row").nth(1)).to_contain_text("Room 12")
    looked_at(page, "console-find")
    found.get_by_role("link", name=f"{name}-ann").click()
    expect(page.get_by_role("heading", name=f"{name}-ann", exact=True)).to_be_visible()


def test_long_lists_of_quizzes_come_by_pages(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    prefix = unique("long")
    for number in range(52):
        call(service.address, "PUT", f"/quizzes/{prefix}-{number:02}", {})
    page = sign_in(new_visitor(), service.address)
    page.get_by_label("Quiz id, or how it begins").fill(prefix)
    expect(page.get_by_role("heading", name=f"Quizzes that begin with “{prefix}”")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator("tbody tr").first).to_contain_text(prefix)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("tbody tr")).to_have_count(52)


def test_a_quiz_that_nobody_registered_is_opened_by_its_id(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    quiz_id = unique("für alle & jeden?#%")
    call(service.address, "POST", "/sessions/start", {"user_id": "ada", "quiz_id": quiz_id})
    page = sign_in(new_visitor(), service.address)
    page.get_by_label("Quiz id, or how it begins").fill(quiz_id)
    expect(page.get_by_text("There is none.")).to_be_visible()
    looked_at(page, "console-picker-none")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=quiz_id)).to_be_visible()
    expect(page.get_by_role("link", name="ada", exact=True)).to_be_visible()


def test_the_views_of_a_quiz_are_links(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address)
    page = watch(new_visitor(), room)
    expect(page.get_by_text("Nobody has started this quiz.")).to_be_visible()
    looked_at(page, "room-empty")
    expect(page.get_by_role("link", name="Room")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Marking").click()
    expect(page.get_by_role("link", name="Marking")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.get_by_text("Nobody has started this quiz.")).to_be_visible()
    page.get_by_role("link", name="All quizzes").click()
    expect(page.get_by_role("heading", name="Console")).to_be_focused()


def test_half_an_address_breaks_nothing(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    page = sign_in(new_visitor(), service.address, "50%/nowhere/%E0")
    expect(page.get_by_role("heading", name="50%")).to_be_visible()


def test_a_page_without_its_configuration_says_so(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    page = new_visitor()
    page.route("**/pages/config.json", lambda route: route.fulfill(status=503))
    page.goto(f"{service.address}/pages/console.html")
    expect(page.get_by_role("alert")).to_contain_text("This page can't be started")
    looked_at(page, "console-broken")
    page.unroute("**/pages/config.json")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Your name")).to_be_visible()


def test_the_list_of_quizzes_that_is_refused_says_why(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    problem = {"status": 403, "code": "forbidden", "detail": "This needs the scope sessions:proctor."}
    page = new_visitor()
    page.route(
        "**/quizzes?*",
        lambda route: route.fulfill(status=403, json=problem, content_type="application/problem+json"),
    )
    sign_in(page, service.address)
    expect(page.get_by_role("alert")).to_contain_text("This needs the scope sessions:proctor")
    looked_at(page, "console-picker-refused")
