"""The room's table: it follows the room, shows whom one wants, and does not jump."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .rooms import SOON_MS, Room, a_room, chosen, passed_on, pick, row, shown, wait_for_names, watch
from .screens import looked_at
from .students import call, eventually

pytestmark = NEEDS_CHROMIUM
NewVisitor = Callable[[], Page]


@pytest.fixture
def room(service: DevelopmentServer) -> Room:
    """Five of whom each stands otherwise."""
    room = Room(service.address)
    room.starts("ada", "ben", group="Room 1")
    room.starts("cem", "dora", group="Room 2")
    room.starts("eve")
    room.answers("ada", {"0": "B", "1": "A"})
    room.answers("ada", {"essay": "It was"}, autosave=True)
    room.incident("ben", type="blur", detail={"seconds": 12})
    room.hands_in("cem")
    call(room.address, "POST", f"/sessions/{room.sessions['dora']}/pause", {"reason": "taken ill"})
    room.of("eve", "POST", f"/sessions/{room.sessions['eve']}/abandon")
    return room


def test_it_shows_how_everybody_stands(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    for name, words in {
        "ada": ["Room 1", "Writing", "2 of 3", "59:"],
        "ben": ["Room 1", "No answer yet", "0 of 3"],
        "cem": ["Room 2", "Handed in"],
        "dora": ["Paused"],
        "eve": ["Given up"],
    }.items():
        for word in words:
            expect(row(page, name)).to_contain_text(word)
    totals = page.get_by_role("group", name="Whole quiz")
    assert [" ".join(each.split()) for each in totals.get_by_role("button").all_inner_texts()] == [
        "3 Open",
        "1 Paused",
        "0 Silent",
        "1 Handed in",
        "0 Time over",
        "1 Given up",
    ]
    looked_at(page, "room-table")


def test_a_change_of_the_room_is_seen_where_it_is(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    link = page.get_by_role("link", name="ben", exact=True)
    link.focus()
    link.evaluate("(link) => void (window.kept = link)")
    room.answers("ben", {"0": "A"})
    expect(row(page, "ben")).to_contain_text("1 of 3", timeout=SOON_MS)
    room.starts("ara")
    expect(page.get_by_role("link", name="ara", exact=True)).to_be_visible(timeout=SOON_MS)
    expect(link).to_be_focused()
    assert link.evaluate("(link) => link === window.kept")
    # Its place is before, but nobody's row moves while one has the focus.
    assert shown(page) == ["ada", "ben", "cem", "dora", "eve", "ara"]


def test_the_time_runs_between_two_looks(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    left = row(page, "ada").locator("[data-left]")
    stands = row(page, "dora").locator("[data-left]")
    expect(left).to_contain_text(":")
    page.route("**/live*", lambda route: route.abort())
    first, still = left.inner_text(), stands.inner_text()
    expect(left).not_to_have_text(first)
    second = left.inner_text()
    expect(left).not_to_have_text(second)
    assert stands.inner_text() == still


def test_totals_groups_words_and_incidents_are_filters(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    totals = page.get_by_role("group", name="Whole quiz")
    totals.get_by_role("button", name="Open").click()
    wait_for_names(page, "ada", "ben", "dora")
    page.get_by_label("Group").select_option("Room 1 (2)")
    wait_for_names(page, "ada", "ben")
    looked_at(page, "room-filtered")
    page.get_by_label("With incidents").check()
    wait_for_names(page, "ben")
    page.get_by_role("button", name="Show all").click()
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    page.get_by_label("Student", exact=True).fill(" D")
    wait_for_names(page, "ada", "dora")
    totals.get_by_role("button", name="Handed in").click()
    expect(page.get_by_text("Nobody is as you have chosen.")).to_be_visible()
    looked_at(page, "room-nobody")


def test_any_column_sorts_and_says_so(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    heads = page.locator("thead th")
    expect(heads.first).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Incidents", exact=True).click()
    wait_for_names(page, "ben", "ada", "cem", "dora", "eve")
    page.get_by_role("button", name="Student", exact=True).click()
    page.get_by_role("button", name="Student", exact=True).click()
    wait_for_names(page, "eve", "dora", "cem", "ben", "ada")
    expect(heads.first).to_have_attribute("aria-sort", "descending")
    for number in range(12):
        heads.nth(number).get_by_role("button").click()
        expect(heads.nth(number)).to_have_attribute(
            "aria-sort", "ascending" if number == 0 else re.compile("ascending|descending")
        )
    expect(page.locator("[aria-sort]")).to_have_count(1)


def test_rows_keep_their_places_while_one_is_selected(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    page.get_by_role("button", name="Answered", exact=True).click()
    wait_for_names(page, "ben", "cem", "dora", "eve", "ada")
    pick(page, "ben")
    room.answers("ben", {"0": "A"})
    expect(row(page, "ben")).to_contain_text("1 of 3", timeout=SOON_MS)
    assert shown(page) == ["ben", "cem", "dora", "eve", "ada"]
    again = page.get_by_role("button", name="Sort again")
    expect(again).to_have_attribute("aria-disabled", "false")
    looked_at(page, "room-held")
    again.click()
    wait_for_names(page, "cem", "dora", "eve", "ben", "ada")
    room.answers("ben", {"0": "A", "1": "A", "essay": "It falls"})
    expect(row(page, "ben")).to_contain_text("3 of 3", timeout=SOON_MS)
    chosen(page).get_by_role("button", name="Select none").click()
    # Let go, and left alone, it is sorted by itself.
    page.get_by_role("heading", name="The whole quiz").hover()
    wait_for_names(page, "cem", "dora", "eve", "ada", "ben")


def test_keys_alone_select_rows_and_open_a_student(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    page.get_by_role("button", name="Unread notices").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Select ada")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.get_by_label("Select cem")).to_be_checked()
    expect(chosen(page)).to_contain_text("2 selected")
    page.keyboard.press("End")
    expect(page.get_by_label("Select eve")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="eve", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="dora", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="dora", exact=True)).to_be_focused()
    expect(chosen(page)).to_contain_text("2 selected")


def test_what_the_filter_hides_stays_selected_and_is_said(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    pick(page, "ada", "cem")
    page.get_by_label("Student", exact=True).fill("ada")
    expect(chosen(page)).to_contain_text("2 selected, 1 of them not shown now")
    chosen(page).get_by_role("button", name="Select none").click()
    chosen(page).get_by_role("button", name="Select all 1 shown").click()
    expect(chosen(page)).to_contain_text("1 selected")


def test_it_says_how_old_it_is_when_nothing_is_heard(new_visitor: NewVisitor, room: Room) -> None:
    page = watch(new_visitor(), room)
    wait_for_names(page, "ada", "ben", "cem", "dora", "eve")
    page.route("**/live*", lambda route: route.abort())
    banner = page.get_by_text("What you see is as it was")
    expect(banner).to_contain_text("The service can’t be reached", timeout=SOON_MS)
    looked_at(page, "room-unreachable")
    page.unroute("**/live*")
    expect(banner).to_have_count(0, timeout=2 * SOON_MS)


def _with(change: Callable[[dict[str, Any]], None]) -> Callable[[Route], None]:
    """Replies of the service to looks at the room, changed on their way."""

    def answer(route: Route) -> None:
        view = passed_on(route).json()
        change(view)
        route.fulfill(json=view)

    return answer


def test_without_presence_it_claims_nothing_of_who_was_heard(new_visitor: NewVisitor, room: Room) -> None:
    def forget(view: dict[str, Any]) -> None:
        view["presence"] = False
        view["totals"]["silent"] = None
        for each in view["rows"]:
            each.update(last_seen_at=None, devices=None, buffered=None)

    page = new_visitor()
    page.route("**/live*", _with(forget))
    watch(page, room)
    expect(page.get_by_text("It is not known just now who was heard")).to_be_visible()
    totals = page.get_by_role("group", name="Whole quiz")
    expect(totals.get_by_role("button", name="Silent")).to_contain_text("?")
    expect(page.locator("tbody").get_by_text("Silent")).to_have_count(0)
    looked_at(page, "room-no-presence")


def test_who_is_not_heard_is_silent(new_visitor: NewVisitor, room: Room) -> None:
    def silence(view: dict[str, Any]) -> None:
        for each in view["rows"]:
            each["last_seen_at"] = "2026-01-01T00:00:00Z"

    page = new_visitor()
    page.route("**/live*", _with(silence))
    watch(page, room)
    expect(row(page, "ada")).to_contain_text("Silent")
    page.get_by_role("group", name="Whole quiz").get_by_role("button", name="Silent").click()
    # Neither who is paused nor who has ended.
    wait_for_names(page, "ada", "ben")


def _crowd(size: int) -> Callable[[Route], None]:
    """A live view of so many, five hundred at a time."""

    def answer(route: Route) -> None:
        _, _, after = route.request.url.partition("after=")
        first = int(after) if after.isdigit() else size if after else 0
        rows = [
            {
                "session_id": str(UUID(int=number)),
                "user_id": f"student-{number}",
                "group": f"Room {number % 20}",
                "status": "in_progress",
                "answered": number % 20,
                "questions": 20,
                "section": 0,
                "buffered": 0,
                "time_remaining": 3000,
                "expires_at": "2099-01-01T00:00:00Z",
                "paused": False,
                "last_seen_at": "2098-12-31T23:10:00Z",
                "devices": 1,
                "incidents": 0,
                "extra_seconds": 0,
                "unread_notices": 0,
            }
            for number in range(first + 1, min(first + 500, size) + 1)
        ]
        last = first + len(rows)
        totals = {"open": size, "paused": 0, "completed": 0, "expired": 0, "abandoned": 0, "silent": 0}
        route.fulfill(
            json={
                "rows": rows,
                "totals": totals,
                "presence": True,
                "server_time": "2098-12-31T23:10:00Z",
                "after": "end",
                "next": str(last) if last < size else None,
            }
        )

    return answer


def test_five_thousand_come_by_pages(new_visitor: NewVisitor, room: Room) -> None:
    page = new_visitor()
    page.route("**/live*", _crowd(5000))
    watch(page, room)
    rows = page.locator("tbody tr")
    expect(page.get_by_text("5000 sessions shown")).to_be_visible(timeout=SOON_MS)
    expect(rows).to_have_count(100)
    page.get_by_label("Select all rows of this page").check()
    expect(chosen(page)).to_contain_text("100 selected")
    page.get_by_role("navigation", name="Pages").first.get_by_role("button", name="Next").click()
    expect(page.get_by_role("link", name="student-101", exact=True)).to_be_visible()
    expect(page.get_by_label("Select all rows of this page")).not_to_be_checked()
    looked_at(page, "room-pages")
    page.get_by_role("navigation", name="Pages").first.get_by_label("Page").select_option("50 of 50")
    expect(page.get_by_role("link", name="student-5000", exact=True)).to_be_visible()
    expect(rows).to_have_count(100)
    page.get_by_label("Student", exact=True).fill("student-77")
    expect(page.get_by_text("11 sessions of 5000 shown")).to_be_visible()
    chosen(page).get_by_role("button", name="Select all 11 shown").click()
    expect(chosen(page)).to_contain_text("110 selected, 99 of them not shown now")


def test_back_from_a_student_the_table_is_as_it_was_left(new_visitor: NewVisitor, room: Room) -> None:
    page = new_visitor()
    page.route("**/live*", _crowd(300))
    watch(page, room)
    page.get_by_role("navigation", name="Pages").first.get_by_role("button", name="Next").click()
    link = page.get_by_role("link", name="student-180", exact=True)
    link.scroll_into_view_if_needed()
    # It has to be seen that it was scrolled.
    before = eventually(lambda: page.evaluate("scrollY"))
    page.evaluate("() => new Promise(requestAnimationFrame)")
    link.click()
    expect(page.get_by_role("heading", name="student-180")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("The session can't be shown.")
    page.go_back()
    expect(link).to_be_focused()
    assert page.evaluate("scrollY") == before


def test_names_are_text_and_nothing_else(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    name = "<img src=x onerror=alert(1)>"
    room = a_room(service.address, name, "a" * 128)
    page = watch(new_visitor(), room)
    expect(row(page, name)).to_be_visible()
    expect(page.locator("tbody img")).to_have_count(0)
    looked_at(page, "room-long-names")


def test_who_was_never_heard_is_silent_only_after_a_while(new_visitor: NewVisitor, room: Room) -> None:
    later: list[str] = []

    def never(view: dict[str, Any]) -> None:
        for each in view["rows"]:
            each["last_seen_at"] = None
        if later:
            view["server_time"] = later[0]

    page = new_visitor()
    page.route("**/live*", _with(never))
    watch(page, room)
    expect(row(page, "ada")).to_be_visible()
    expect(page.locator("tbody").get_by_text("Silent")).to_have_count(0)
    later.append((datetime.now(UTC) + timedelta(seconds=100)).isoformat())
    expect(row(page, "ada")).to_contain_text("Silent", timeout=SOON_MS)
