"""The demo as its visitors meet it: what they break heals in sight, and no answer is lost."""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from development_server import processes
from tests.harness.launch import ROOT, DevelopmentServer, development_server

from .conftest import NEEDS_CHROMIUM
from .screens import looked_at
from .students import eventually

pytestmark = NEEDS_CHROMIUM

PAGES = ROOT / "clients/pages"
CHOICES = {"largest", "hottest", "day"}
STUDENTS = 4
HEAL_MS = 90_000
LOST_MS = 90_000
OPTIONS = ("--demo", "--no-browser", "--students", str(STUDENTS))


@pytest.fixture(scope="module")
def demo() -> Iterator[DevelopmentServer]:
    with tempfile.TemporaryDirectory() as name, development_server(Path(name), *OPTIONS) as server:
        server.process.until(lambda: "demo: http" in server.process.text())
        yield server


@pytest.fixture
def visitor(demo: DevelopmentServer, new_visitor: Callable[[], Page]) -> Page:
    """Somebody at a new exam, in which something is acknowledged already."""
    httpx.post(f"{demo.address}/demo/exam", headers={"Origin": demo.address}, timeout=30).raise_for_status()
    page = new_visitor()
    page.goto(f"{demo.address}/pages/demo.html")
    eventually(lambda: number(page, "answers acknowledged") > 0)
    return page


def number(page: Page, name: str) -> int:
    counted = page.locator(".ledger div").filter(has=page.get_by_text(name, exact=True)).locator("dd")
    return int(counted.inner_text())


def card(page: Page, title: str) -> Locator:
    found = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=title, exact=True))
    return found.locator(".state")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def heals(page: Page, title: str) -> None:
    """Wait until it says so, with nothing lost and no less acknowledged than before."""
    before = number(page, "answers acknowledged")
    expect(card(page, title)).to_contain_text("all was healed", timeout=HEAL_MS)
    expect(page.locator(".log li.good").first).to_have_text(re.compile("acknowledged, 0 lost"))
    assert number(page, "answers acknowledged") >= before
    assert number(page, "lost") == 0


def test_a_frozen_postgresql_heals_in_sight(visitor: Page) -> None:
    press(visitor, "Freeze PostgreSQL")
    expect(card(visitor, "PostgreSQL")).to_have_text(re.compile(r"frozen, thaws in \d+ s"))
    looked_at(visitor, "demo-postgresql-frozen")
    heals(visitor, "PostgreSQL")
    looked_at(visitor, "demo-postgresql-healed")


def test_a_killed_valkey_heals_in_sight(visitor: Page) -> None:
    press(visitor, "Kill Valkey")
    expect(visitor.locator(".log")).to_contain_text("Valkey is killed")
    heals(visitor, "Valkey")


def test_a_student_without_network_keeps_answers_until_it_is_back(visitor: Page) -> None:
    visitor.get_by_label("Whose network").select_option("student-02")
    press(visitor, "Cut this student's network")
    tile = visitor.locator(".tile").filter(has_text="student-02")
    expect(tile).to_contain_text("network cut")
    expect(tile).to_contain_text("on the device", timeout=HEAL_MS)
    looked_at(visitor, "demo-network-cut")
    press(visitor, "Connect student-02 again")
    expect(tile).not_to_contain_text("network cut")
    heals(visitor, "A student's network")


def test_the_requests_of_a_student_without_network_fail(demo: DevelopmentServer, visitor: Page) -> None:
    press(visitor, "Cut this student's network")
    asked = f"{demo.address}/line/student-01/health"
    failed = "(address) => fetch(address).then(({ status }) => status, (error) => error.name)"
    assert visitor.evaluate(failed, asked) == "TypeError"
    assert visitor.evaluate(failed, asked.replace("student-01", "student-02")) == 200
    press(visitor, "Connect student-01 again")
    assert visitor.evaluate(failed, asked) == 200


def test_a_paused_room_goes_on(visitor: Page, demo: DevelopmentServer) -> None:
    quiz = httpx.get(f"{demo.address}/demo/state").json()["quiz_id"]
    press(visitor, "Pause the room")
    expect(card(visitor, "The room")).to_have_text(re.compile(r"paused, goes on in \d+ s"))
    assert httpx.get(f"{demo.address}/quizzes/{quiz}").json()["paused_at"]
    expect(visitor.locator(".tile").first).to_contain_text("clock stopped", timeout=HEAL_MS)
    looked_at(visitor, "demo-room-paused")
    heals(visitor, "The room")
    assert httpx.get(f"{demo.address}/quizzes/{quiz}").json()["paused_at"] is None


def test_all_at_once_heal_in_sight(visitor: Page) -> None:
    press(visitor, "Freeze PostgreSQL")
    press(visitor, "Kill Valkey")
    press(visitor, "Cut this student's network")
    for title in ("PostgreSQL", "Valkey", "A student's network"):
        heals(visitor, title)


def test_an_answer_that_is_nowhere_is_counted_as_lost(visitor: Page, demo: DevelopmentServer) -> None:
    with psycopg.connect(demo.stores.database_url, autocommit=True) as database:
        student, question = eventually(lambda: a_committed_answer(demo)) or ({}, "")
        # Where it counts, and where it is remembered; the student's device has nothing to send any more.
        forgotten = """
            UPDATE quiz_attempts
            SET answers = answers - %(question)s, answer_meta = answer_meta - %(question)s
            WHERE id = %(session)s
        """
        database.execute(forgotten, {"question": question, "session": student["id"]})
    with demo.stores.cache() as cache:
        cache.delete(*[key for key in cache.keys("*") if student["id"].encode() in key])
    expect(visitor.locator(".ledger .bad dd")).to_have_text("1", timeout=LOST_MS)
    lost = f"The answer of {student['user_id']} to “{question}” is lost."
    expect(visitor.locator(".log")).to_contain_text(lost)
    looked_at(visitor, "demo-lost")


def test_what_a_student_has_changed_elsewhere_is_not_lost(visitor: Page, demo: DevelopmentServer) -> None:
    session = eventually(
        lambda: next((each for each in sessions(demo) if set(each["answers"]) & CHOICES), {})
    )
    (question, *_) = set(session["answers"]) & CHOICES
    elsewhere = httpx.patch(
        f"{demo.address}/sessions/{session['id']}/progress",
        json={"question_id": question, "answer": "at another computer"},
        headers={"X-Client-Id": "another-computer"},
    )
    elsewhere.raise_for_status()
    changed_at = visitor.evaluate("performance.now()")
    tile = visitor.locator(".tile").filter(has_text=session["user_id"])
    eventually(lambda: float(tile.get_attribute("data-looked-at") or 0) > changed_at)
    # What was a draft is among the displaced ones after the next flush.
    eventually(lambda: question not in (tile.get_attribute("data-missing") or "").split())
    assert number(visitor, "lost") == 0


def test_a_service_that_is_silent_is_said_to_be(visitor: Page, demo: DevelopmentServer) -> None:
    processes.send(demo.process.pid, signal.SIGSTOP)
    try:
        expect(visitor.get_by_text("The service has not answered for")).to_be_visible(timeout=HEAL_MS)
        looked_at(visitor, "demo-silent")
    finally:
        processes.send(demo.process.pid, signal.SIGCONT)
    expect(visitor.get_by_text("The service has not answered for")).to_have_count(0)
    assert number(visitor, "lost") == 0


def test_what_is_broken_already_is_shown(demo: DevelopmentServer, new_visitor: Callable[[], Page]) -> None:
    httpx.post(f"{demo.address}/demo/freeze-postgresql", headers={"Origin": demo.address}).raise_for_status()
    page = new_visitor()
    page.goto(f"{demo.address}/pages/demo.html")
    expect(card(page, "PostgreSQL")).to_contain_text("frozen")
    heals(page, "PostgreSQL")


def sessions(demo: DevelopmentServer) -> list[dict[str, Any]]:
    """Those of the exam, with their answers."""
    quiz = httpx.get(f"{demo.address}/demo/state").json()["quiz_id"]
    listed = httpx.get(f"{demo.address}/sessions", params={"quiz_id": quiz}).json()["sessions"]
    return [httpx.get(f"{demo.address}/sessions/{each['id']}").json() for each in listed]


def a_committed_answer(demo: DevelopmentServer) -> tuple[dict[str, Any], str] | None:
    """One to a question that no student looks at again, once there is one."""
    for session in sessions(demo):
        locked = {name for section in session["sections"] for name in section["locked"]}
        for question in locked & set(session["answers"]) - set(session["buffered_questions"]):
            return session, question
    return None


def test_students_go_on_after_a_reload(visitor: Page) -> None:
    before = number(visitor, "answers acknowledged")
    visitor.reload()
    eventually(lambda: number(visitor, "answers acknowledged") >= before)
    expect(visitor.locator(".tile").filter(has_text="writing")).to_have_count(STUDENTS)
    eventually(lambda: number(visitor, "answers acknowledged") > before)
    assert number(visitor, "lost") == 0


def test_a_second_tab_shows_the_room_alone(visitor: Page, demo: DevelopmentServer) -> None:
    second = visitor.context.new_page()
    second.goto(f"{demo.address}/pages/demo.html")
    expect(second.get_by_text("The demo runs in another tab already")).to_be_visible()
    expect(second.get_by_role("button", name="Kill Valkey")).to_have_count(0)
    looked_at(second, "demo-second-tab")


def test_another_exam_begins_without_a_restart(visitor: Page, demo: DevelopmentServer) -> None:
    before = httpx.get(f"{demo.address}/demo/state").json()["quiz_id"]
    press(visitor, "Begin a new exam")
    eventually(lambda: httpx.get(f"{demo.address}/demo/state").json()["quiz_id"] != before)
    expect(visitor.locator(".tile")).to_have_count(STUDENTS)
    eventually(lambda: number(visitor, "answers acknowledged") > 0)


def test_it_is_used_by_keyboard_alone(visitor: Page) -> None:
    def tab_to(name: str) -> Locator:
        button = visitor.get_by_role("button", name=name, exact=True)
        for _ in range(30):
            visitor.keyboard.press("Tab")
            if button.evaluate("(it) => it === document.activeElement"):
                return button
        raise AssertionError(name)

    frozen = tab_to("Freeze PostgreSQL")
    visitor.keyboard.press("Enter")
    expect(card(visitor, "PostgreSQL")).to_contain_text("frozen")
    expect(frozen).to_be_focused()
    expect(frozen).to_have_attribute("aria-disabled", "true")
    tab_to("Cut this student's network")
    visitor.keyboard.press("Shift+Tab")
    visitor.keyboard.press("ArrowDown")
    visitor.keyboard.press("Tab")
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("button", name="Connect student-02 again")).to_be_focused()
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("button", name="Cut this student's network")).to_be_focused()


def test_a_page_of_another_origin_breaks_nothing(page: Page, demo: DevelopmentServer) -> None:
    with demo.stores.cache() as cache:
        before = cache.info()["run_id"]
        pressed = """(address) => Promise.all([
            fetch(address, { method: "POST", mode: "no-cors" }).then(({ type }) => type, String),
            fetch(address, { method: "POST" }).then(() => "read", (error) => error.name),
            navigator.sendBeacon(address, ""),
        ])"""
        sent = page.evaluate(pressed, f"{demo.address}/demo/kill-valkey")
        assert sent == ["opaque", "TypeError", True]
        assert cache.info()["run_id"] == before


def test_it_has_every_stylesheet_of_the_console() -> None:
    def sheets(page: str) -> set[str]:
        return set(re.findall(r'rel="stylesheet" href="([^"]+)"', (PAGES / page).read_text()))

    assert sheets("demo.html") >= sheets("console.html")


def test_where_nothing_may_be_broken_it_says_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    page = new_visitor()
    page.goto(f"{service.address}/pages/demo.html")
    expect(page.get_by_role("heading", name="No demo here")).to_be_visible()
    looked_at(page, "demo-none")
