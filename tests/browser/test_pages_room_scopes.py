"""The console with real tokens: what their scopes leave out is said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from development_server.key_pair import KeyPair
from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .rooms import SOON_MS, chosen, dialog, pick
from .screens import looked_at

pytestmark = NEEDS_CHROMIUM


@dataclass
class Console:
    """A page whose requests have a token; signing in is tested elsewhere.

    Attributes:
        token: what is sent from now on.
    """

    page: Page
    address: str
    quiz_id: str
    keys: KeyPair
    token: str = ""

    def opens(self, scope: str | None, place: str = "room") -> Page:
        self.has(scope)
        self.page.goto(f"{self.address}/pages/console.html#/{self.quiz_id}/{place}")
        self.page.get_by_label("Your name").fill("proctor1")
        self.page.get_by_role("button", name="Go on").click()
        return self.page

    def has(self, scope: str | None, minutes: int = 60) -> None:
        self.token = self.keys.token("proctor1", scope, minutes)

    def adds(self, route: Route) -> None:
        headers = {**route.request.headers, "authorization": f"Bearer {self.token}"}
        route.continue_(headers=headers)


@pytest.fixture
def console(new_visitor: Callable[[], Page], guarded: DevelopmentServer) -> Console:
    """That of a quiz that one student takes."""
    address = f"{guarded.address}/exams"
    keys = KeyPair(guarded.data)
    console = Console(new_visitor(), address, f"quiz-{uuid4()}", keys)
    student = {"Authorization": f"Bearer {keys.token('ada', None, 60)}"}
    httpx.post(
        f"{address}/sessions/start", json={"quiz_id": console.quiz_id}, headers=student
    ).raise_for_status()
    page = console.page
    for path in ("quizzes", "sessions", "users", "staff-actions"):
        page.route(f"{address}/{path}**", console.adds)
        page.route(f"{address}/{path}/**", console.adds)
    config = {"api": "..", "login": {"kind": "none"}}
    page.route("**/pages/config.json", lambda route: route.fulfill(json=config))
    return console


def test_without_a_scope_the_room_is_not_shown(console: Console) -> None:
    page = console.opens(None)
    expect(page.get_by_role("alert")).to_contain_text(
        "This needs the scope sessions:proctor or sessions:grade. The room can't be shown."
    )
    looked_at(page, "room-refused")


def test_a_marker_sees_the_room_and_is_told_who_may_act(console: Console) -> None:
    page = console.opens("sessions:grade")
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Pause").click()
    dialog(page).get_by_label("Reason").fill("the fire alarm")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_contain_text(
        "You are not allowed to do this. This needs the scope sessions:proctor. Nothing was changed."
    )
    expect(dialog(page).get_by_label("Reason")).to_have_value("the fire alarm")


def test_the_record_of_staff_has_a_scope_of_its_own(console: Console) -> None:
    page = console.opens("sessions:proctor")
    page.get_by_role("button", name="Staff record").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text(
        "You are not allowed to do this. This needs the scope audit:read."
    )
    looked_at(page, "room-staff-record-refused")


def test_a_marker_sees_a_student_but_not_the_extra_time(console: Console) -> None:
    page = console.opens("sessions:grade")
    page.get_by_role("link", name="ada", exact=True).click()
    expect(page.get_by_role("region", name="What happened")).to_contain_text("Started, attempt 1")
    extra = page.get_by_role("region", name="Extra time")
    expect(extra.get_by_role("alert").first).to_contain_text("This needs the scope sessions:proctor.")
    looked_at(page, "student-panel-of-marker")


def test_who_is_no_longer_signed_in_is_told(console: Console) -> None:
    page = console.opens("sessions:proctor")
    expect(page.get_by_role("link", name="ada", exact=True)).to_be_visible()
    console.has("sessions:proctor", minutes=-60)
    banner = page.get_by_text("You are no longer signed in.")
    expect(banner).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("button", name="Sign in again")).to_be_visible()
    looked_at(page, "room-signed-out")
    console.has("sessions:proctor")
    expect(banner).to_have_count(0, timeout=3 * SOON_MS)
