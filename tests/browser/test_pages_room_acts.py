"""What a proctor does with one student, with several, and with everybody, at the console."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .rooms import SOON_MS, Room, a_room, chosen, dialog, passed_on, pick, row, watch
from .screens import looked_at
from .students import call, eventually

pytestmark = NEEDS_CHROMIUM
NewVisitor = Callable[[], Page]


@pytest.fixture
def room(service: DevelopmentServer) -> Room:
    return a_room(service.address, "ada", "ben", "cem")


@pytest.fixture
def page(new_visitor: NewVisitor, room: Room) -> Page:
    """The console that watches it."""
    page = watch(new_visitor(), room)
    expect(page.locator("tbody tr")).to_have_count(3)
    return page


def asked(page: Page, path: str) -> list[Request]:
    """The requests of the page to an address that ends like this, from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if request.url.endswith(path) else None)
    return found


def whole(page: Page, name: str) -> None:
    page.get_by_role("region", name="The whole quiz").get_by_role("button", name=name).click()


def test_one_is_given_time_with_a_reason(page: Page, room: Room) -> None:
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Give time").click()
    expect(dialog(page)).to_contain_text("One session:")
    expect(dialog(page).get_by_role("listitem")).to_have_text(["ada"])
    looked_at(page, "act-extend")
    dialog(page).get_by_role("button", name="10 min").click()
    dialog(page).get_by_label("Seconds").fill("30")
    dialog(page).get_by_label("Reason").fill("came late")
    dialog(page).get_by_role("button", name="Give time").click()
    expect(dialog(page)).to_contain_text("The deadline was moved of 1 session, by 10 min 30 s.")
    page.keyboard.press("Enter")
    expect(chosen(page).get_by_role("button", name="Give time")).to_be_focused()
    expect(row(page, "ada")).to_contain_text("10 min 30 s", timeout=SOON_MS)
    actions = call(room.address, "GET", f"/staff-actions?session_id={room.sessions['ada']}")["actions"]
    assert [(each["action"], each["reason"]) for each in actions if each["action"] != "put-quiz"] == [
        ("extend-quiz", "came late")
    ]


def test_who_was_left_out_is_named_with_the_reason(page: Page, room: Room) -> None:
    room.hands_in("ben")
    expect(row(page, "ben")).to_contain_text("Handed in", timeout=SOON_MS)
    chosen(page).get_by_role("button", name="Select all 3 shown").click()
    chosen(page).get_by_role("button", name="Pause").click()
    expect(dialog(page)).to_contain_text("1 of them has ended: there it changes nothing.")
    dialog(page).get_by_label("Reason").fill("the fire alarm")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("The clock was stopped of 2 sessions.")
    expect(dialog(page)).to_contain_text("1 session: had handed in")
    expect(dialog(page).get_by_role("listitem")).to_have_text(["ben"])
    looked_at(page, "act-unchanged")
    dialog(page).get_by_role("button", name="Close").click()
    expect(row(page, "ada")).to_contain_text("Paused", timeout=SOON_MS)
    chosen(page).get_by_role("button", name="Resume").click()
    dialog(page).get_by_label("Reason").fill("it is over")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("The clock runs again of 2 sessions.")


def test_time_is_taken_away_only_after_a_warning(page: Page, room: Room) -> None:
    pick(page, "ada", "ben")
    chosen(page).get_by_role("button", name="Give time").click()
    dialog(page).get_by_label("Take away").check()
    expect(dialog(page)).to_contain_text("Who has less left than that is at the end at once.")
    dialog(page).get_by_label("Reason").fill("a mistake")
    dialog(page).get_by_role("button", name="Take time away (2)").click()
    # The number has to be typed first.
    expect(dialog(page).get_by_label("To be sure")).to_be_focused()
    looked_at(page, "act-take-time")
    dialog(page).get_by_label("To be sure").fill("2")
    dialog(page).get_by_role("button", name="Take time away (2)").click()
    expect(dialog(page)).to_contain_text("The deadline was moved of 2 sessions, by −5 min.")
    deadline = call(room.address, "GET", f"/sessions/{room.sessions['ben']}/deadline")
    assert deadline["extension_seconds"] == -300


def test_a_notice_is_sent_and_who_has_read_it_is_counted(page: Page, room: Room) -> None:
    pick(page, "ada", "cem")
    chosen(page).get_by_role("button", name="Send a notice").click()
    dialog(page).get_by_label("Notice").fill("In question 3 it must read 5 N,\nnot 5 kg.")
    looked_at(page, "act-notice")
    dialog(page).get_by_role("button", name="Send (2)").click()
    expect(dialog(page)).to_contain_text("The notice was sent to 2 sessions.")
    page.keyboard.press("Escape")
    path = f"/sessions/{room.sessions['ada']}/notices"
    (notice,) = call(room.address, "GET", path)["notices"]
    room.of("ada", "POST", f"{path}/{notice['id']}/read")
    whole(page, "Notices sent")
    expect(dialog(page)).to_contain_text("Read by 1 of 2")
    looked_at(page, "room-notices")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Notices sent")).to_be_focused()


def test_handing_in_is_asked_twice(page: Page, room: Room) -> None:
    sent = asked(page, "/complete")
    pick(page, "ada", "ben")
    chosen(page).get_by_role("button", name="Hand in").click()
    dialog(page).get_by_label("Reason").fill("the hall is closed")
    dialog(page).get_by_label("To be sure").fill("3")
    dialog(page).get_by_role("button", name="Hand in (2)").click()
    expect(dialog(page).get_by_label("To be sure")).to_be_focused()
    looked_at(page, "act-hand-in")
    assert not sent
    dialog(page).get_by_label("To be sure").fill("2")
    dialog(page).get_by_role("button", name="Hand in (2)").click()
    expect(dialog(page)).to_contain_text("Handed in: 2 sessions.")
    assert len(sent) == 1
    assert [room.session(name)["status"] for name in ("ada", "ben", "cem")] == [
        "completed",
        "completed",
        "started",
    ]


def test_everybody_is_not_who_is_shown(page: Page, room: Room) -> None:
    page.get_by_label("Student", exact=True).fill("ada")
    expect(page.locator("tbody tr")).to_have_count(1)
    whole(page, "Pause the quiz")
    expect(dialog(page)).to_contain_text("Everybody in the quiz: 3 sessions that are open now")
    looked_at(page, "act-everybody")
    dialog(page).get_by_label("Reason").fill("the fire alarm")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("The clock was stopped of 3 sessions.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The quiz is paused")).to_be_visible(timeout=SOON_MS)
    page.get_by_label("Student", exact=True).fill("")
    looked_at(page, "room-paused")
    assert [room.session(name)["paused"] for name in ("ada", "ben", "cem")] == [True, True, True]
    page.get_by_role("button", name="Resume the quiz").first.click()
    dialog(page).get_by_label("Reason").fill("it is over")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("The clock runs again of 3 sessions.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="The quiz is paused")).to_have_count(0, timeout=SOON_MS)
    whole(page, "Staff record")
    expect(dialog(page)).to_contain_text("“the fire alarm”")
    looked_at(page, "room-staff-record")


def test_a_refused_act_says_why_and_keeps_what_was_typed(page: Page, room: Room) -> None:
    problem = {"status": 403, "code": "forbidden", "detail": "This needs the scope sessions:proctor."}
    page.route(
        "**/extend",
        lambda route: route.fulfill(status=403, json=problem, content_type="application/problem+json"),
    )
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Give time").click()
    dialog(page).get_by_label("Minutes").fill("7")
    dialog(page).get_by_label("Reason").fill("came late")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_contain_text(
        "You are not allowed to do this. This needs the scope sessions:proctor. Nothing was changed."
    )
    looked_at(page, "act-refused")
    expect(dialog(page).get_by_label("Reason")).to_have_value("came late")
    expect(dialog(page).get_by_label("Minutes")).to_have_value("7")
    page.unroute("**/extend")
    dialog(page).get_by_role("button", name="Give time").click()
    expect(dialog(page)).to_contain_text("by 7 min")


def hasty(page: Page) -> Page:
    """Its patience is counted in tries."""
    page.add_init_script(
        "{ const wait = setTimeout; window.setTimeout = (f, ms) => wait(f, Math.min(ms, 300)); }"
    )
    return page


def test_an_act_whose_replies_are_all_lost_is_done_once(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    page = watch(hasty(new_visitor()), room)

    def lose(route: Route) -> None:
        passed_on(route)
        route.abort()

    page.route("**/extend", lose)
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Give time").click()
    dialog(page).get_by_label("Reason").fill("came late")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_contain_text(
        "It is not known whether it was done", timeout=SOON_MS
    )
    page.unroute("**/extend")
    dialog(page).get_by_role("button", name="Give time").click()
    expect(dialog(page)).to_contain_text("The deadline was moved of 1 session, by 5 min.")
    expect(dialog(page)).not_to_contain_text("Nothing was changed")
    deadline = call(room.address, "GET", f"/sessions/{room.sessions['ada']}/deadline")
    assert deadline["extension_seconds"] == 300


@pytest.mark.parametrize(
    ("path", "button", "told"),
    [
        ("extend", "Give time", "The deadline was moved of 1 session"),
        ("notices", "Send a notice", "The notice was sent to 1 session"),
        ("pause", "Pause", "The clock stands by now of 1 session, by this request or before it"),
        ("complete", "Hand in", "Handed in by now: 1 session, by this request or before it"),
    ],
)
def test_an_act_whose_first_reply_is_lost_is_not_told_as_nothing(
    page: Page, room: Room, path: str, button: str, told: str
) -> None:
    def lose(route: Route) -> None:
        passed_on(route)
        route.abort()

    page.route(f"**/quizzes/*/{path}", lose, times=1)
    pick(page, "ada")
    chosen(page).get_by_role("button", name=button).click()
    dialog(page).locator("textarea, input[pattern]").first.fill("the first reply is lost")
    for sure in dialog(page).get_by_role("checkbox").all():
        sure.check()
    dialog(page).locator("button.main").click()
    expect(dialog(page).get_by_role("status")).to_contain_text(told, timeout=SOON_MS)
    expect(dialog(page)).not_to_contain_text("Nothing was changed")
    looked_at(page, f"act-repeated-{path}")


def test_what_an_earlier_try_may_have_done_is_not_denied_by_the_last(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    page = watch(hasty(new_visitor()), room)
    tries: list[Route] = []

    def lose_then_refuse(route: Route) -> None:
        tries.append(route)
        if len(tries) == 1:
            passed_on(route)
            return route.abort()
        problem = {"status": 429, "code": "too_many_requests", "detail": "Too many."}
        return route.fulfill(status=429, json=problem, content_type="application/problem+json")

    page.route("**/extend", lose_then_refuse)
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Give time").click()
    dialog(page).get_by_label("Reason").fill("came late")
    for again in (5, 10):
        # Also where the second round had no try of its own that was lost.
        dialog(page).get_by_role("button", name="Give time").click()
        expect(dialog(page).get_by_role("alert")).to_have_count(0)
        expect(dialog(page).get_by_role("alert")).to_contain_text(
            "It is not known whether it was done", timeout=SOON_MS
        )
        assert len(tries) == again
        expect(dialog(page)).not_to_contain_text("Nothing was changed")
    page.unroute("**/extend")
    dialog(page).get_by_role("button", name="Give time").click()
    expect(dialog(page)).to_contain_text("The deadline was moved of 1 session, by 5 min.")


def test_two_clicks_are_one_act(page: Page, room: Room) -> None:
    sent = asked(page, "/extend")
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Give time").click()
    dialog(page).get_by_label("Reason").fill("came late")
    dialog(page).get_by_role("button", name="Give time").dblclick()
    expect(dialog(page)).to_contain_text("The deadline was moved of 1 session")
    assert len(sent) == 1


def test_more_than_a_thousand_are_sent_in_parts(page: Page, room: Room) -> None:
    """The service is asked for some that it does not know, since nobody starts that many here."""
    sent: list[int] = []

    def answer(route: Route) -> None:
        ids = json.loads(route.request.post_data or "")["session_ids"]
        sent.append(len(ids))
        if len(sent) == 2:
            route.fulfill(
                status=422,
                json={"status": 422, "code": "invalid_input", "detail": "no"},
                content_type="application/problem+json",
            )
        else:
            route.fulfill(json={"paused": len(ids), "unchanged": []})

    def crowd(route: Route) -> None:
        view = passed_on(route).json()
        one = view["rows"][0] if view["rows"] else None
        many = (
            [{**one, "session_id": f"{number}", "user_id": f"user {number}"} for number in range(2500)]
            if one
            else []
        )
        route.fulfill(json={**view, "rows": many})

    page.route("**/live*", crowd)
    page.route("**/pause", answer)
    page.reload()
    chosen(page).get_by_role("button", name="Select all 2500 shown").click()
    chosen(page).get_by_role("button", name="Pause").click()
    expect(dialog(page)).to_contain_text("and 2488 more")
    dialog(page).get_by_label("Reason").fill("the fire alarm")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_contain_text("It was done for 1000 sessions before")
    looked_at(page, "act-half-done")
    dialog(page).get_by_role("button", name="Stop the clock (2500)").click()
    expect(dialog(page)).to_contain_text("The clock was stopped of 2500 sessions.")
    assert sent == [1000, 1000, 1000, 500]


def test_keys_alone_select_act_and_close(page: Page, room: Room) -> None:
    page.get_by_role("button", name="Unread notices").focus()
    for key in ("Tab", "Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(chosen(page)).to_contain_text("2 selected")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "Send a notice":
            break
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_label("Notice")).to_be_focused()
    page.keyboard.type("Five more minutes.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_contain_text("The notice was sent to 2 sessions.")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(chosen(page).get_by_role("button", name="Send a notice")).to_be_focused()
    eventually(lambda: room.session("ben")["unread_notices"] == 1)


def test_escape_before_sending_does_nothing(page: Page, room: Room) -> None:
    sent = asked(page, "/complete")
    pick(page, "ada")
    chosen(page).get_by_role("button", name="Hand in").click()
    expect(dialog(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    # What was asked for before is seen by the page before this is.
    page.evaluate("() => fetch('../health')")
    assert not sent


def test_nothing_is_done_to_nobody(page: Page, room: Room) -> None:
    sent = asked(page, "/complete")
    chosen(page).get_by_role("button", name="Hand in").click(force=True)
    page.evaluate("() => fetch('../health')")
    expect(dialog(page)).to_have_count(0)
    assert not sent
