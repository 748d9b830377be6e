"""One student at the console: what was answered, what happened, and what is done about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .rooms import RULES, SOON_MS, Room, a_room, dialog, watch
from .screens import looked_at
from .students import call, eventually
from .taking import QUESTIONS as KINDS
from .taking import rules

pytestmark = NEEDS_CHROMIUM
NewVisitor = Callable[[], Page]


def part(page: Page, name: str) -> Locator:
    """A card of the student's page."""
    return page.get_by_role("region", name=name, exact=True)


def act(page: Page, name: str) -> None:
    page.get_by_role("group", name="What can be done").get_by_role("button", name=name).click()


def say(page: Page, reason: str, does: str) -> None:
    """Give the reason, and do it."""
    dialog(page).get_by_label("Reason").fill(reason)
    dialog(page).get_by_role("button", name=does, exact=True).click()


def at(page: Page, room: Room, name: str) -> Page:
    watch(page, room, room.sessions[name])
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    return page


def test_it_shows_what_was_asked_answered_and_done(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    room.answers("ada", {"0": "B"})
    room.answers("ada", {"essay": "It was the best of times"}, autosave=True)
    room.incident("ada", type="blur", detail={"seconds": 12})
    room.incident("ada", type="focus", detail={"seconds": 13})
    room.acts("extend", seconds=300, reason="came late")
    room.acts("notices", text="Five more minutes.")
    page = at(new_visitor(), room, "ada")
    answers = part(page, "Answers").get_by_role("listitem")
    expect(answers.nth(0)).to_contain_text("How heavy is it?")
    expect(answers.nth(0)).to_contain_text("Saved")
    expect(answers.nth(1)).to_contain_text("No answer")
    expect(answers.nth(2)).to_contain_text("It was the best of times")
    expect(answers.nth(2)).to_contain_text(re.compile("Draft: has arrived, not saved for good yet|Saved"))
    expect(part(page, "Incidents")).to_contain_text("The page was left for 12 s")
    expect(part(page, "Incidents")).to_contain_text("The page was gone back to, after 13 s")
    expect(part(page, "Notices")).to_contain_text("Five more minutes.")
    expect(part(page, "Notices")).to_contain_text("not read yet")
    expect(part(page, "The deadline")).to_contain_text("Given or taken by proctors+ 5 min")
    trail = part(page, "What happened")
    for words in ("Started, attempt 1", "Answered: 0", "Time was given: 5 min", "“came late”"):
        expect(trail).to_contain_text(words)
    trail.get_by_role("button", name="Is the record intact?").click()
    expect(trail.get_by_role("status")).to_contain_text("Intact: all")
    looked_at(page, "student-panel")


def test_answers_are_read_in_the_words_of_the_questions(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(
        service.address, "ada", rules=rules({each: KINDS[each] for each in ("order", "match", "essay")})
    )
    room.answers("ada", {"order": ["v", "Mars", "Earth"], "match": {"a": "Voltage", "Ohm": "Resistance"}})
    room.answers("ada", {"essay": ""})
    page = at(new_visitor(), room, "ada")
    answers = part(page, "Answers").get_by_role("listitem")
    expect(answers.nth(0).locator(".said")).to_have_text("1. Venus\n2. Mars\n3. Earth")
    expect(answers.nth(1).locator(".said")).to_have_text("Ohm: Resistance\nAmpere: Voltage")
    expect(answers.nth(1)).to_contain_text("Saved")
    expect(answers.nth(2)).to_contain_text("No answer")
    expect(answers.nth(2)).not_to_contain_text("Saved")
    looked_at(page, "student-words")


def test_incidents_of_any_content_are_listed(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada")
    details: list[object] = [
        {"seconds": {"toString": 1}},
        {"seconds": "12"},
        [12],
        "12",
        {"since": {"valueOf": 1}},
    ]
    for detail in details:
        room.incident("ada", type="online", detail=detail)
    page = at(new_visitor(), room, "ada")
    incidents = part(page, "Incidents").get_by_role("listitem")
    expect(incidents).to_have_count(len(details))
    expect(incidents.filter(has_text="The network was back")).to_have_count(len(details))
    expect(incidents.filter(has_text="after")).to_have_count(0)


def test_what_the_student_does_meanwhile_is_seen(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada")
    page = at(new_visitor(), room, "ada")
    room.answers("ada", {"1": "A"})
    expect(part(page, "Answers").get_by_role("listitem").nth(1)).to_contain_text("Saved", timeout=SOON_MS)
    expect(part(page, "What happened")).to_contain_text("Answered: 1")


def test_a_long_trail_comes_by_pages(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada")
    for number in range(60):
        room.incident("ada", type="copy", detail=number)
    page = at(new_visitor(), room, "ada")
    trail = part(page, "What happened")
    expect(trail.get_by_role("listitem")).to_have_count(50)
    trail.get_by_role("button", name="Show more").click()
    expect(trail.get_by_role("listitem")).to_have_count(61)
    expect(trail.get_by_role("button", name="Show more")).to_have_count(0)
    trail.get_by_text("Details").last.click()
    expect(trail.get_by_role("listitem").last).to_contain_text('"detail":59')


def test_one_is_paused_resumed_and_handed_in(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada", "ben")
    page = at(new_visitor(), room, "ada")
    act(page, "Pause")
    say(page, "taken ill", "Stop the clock")
    dialog(page).get_by_role("button", name="Close").click()
    act(page, "Resume")
    say(page, "back again", "Let the clock run")
    dialog(page).get_by_role("button", name="Close").click()
    act(page, "Hand in")
    dialog(page).get_by_label("Yes, hand it in").check()
    say(page, "went home", "Hand in")
    dialog(page).get_by_role("button", name="Close").click()
    expect(page.get_by_role("group", name="What can be done").get_by_role("button")).to_have_text(
        ["Reopen", "Group and label"], timeout=SOON_MS
    )
    assert [room.session(name)["status"] for name in ("ada", "ben")] == ["completed", "started"]


def test_a_late_answer_is_accepted(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada", rules=rules({"match": KINDS["match"]}))
    call(
        room.address,
        "POST",
        f"/sessions/{room.sessions['ada']}/complete",
        {"on_behalf": True, "reason": "closed"},
    )
    # What the gateway receives in the two seconds after counts by itself.
    ended = datetime.fromisoformat(room.session("ada")["completed_at"])
    eventually(lambda: datetime.now(UTC) > ended + timedelta(seconds=2.1))
    room.hands_in("ada", answers={"match": {"a": "Current"}})
    page = at(new_visitor(), room, "ada")
    late = part(page, "Late answers")
    expect(late).to_contain_text("Ampere: Current")
    late.get_by_role("button", name="Accept").click()
    looked_at(page, "student-late-answer")
    say(page, "the network was down", "Accept")
    expect(dialog(page)).to_contain_text("Accepted.")
    dialog(page).get_by_role("button", name="Close").click()
    expect(late).to_contain_text("Accepted")
    assert room.session("ada")["answers"] == {"match": {"a": "Current"}}


def test_who_handed_in_by_mistake_is_let_in_again(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    room.hands_in("ada")
    page = at(new_visitor(), room, "ada")
    act(page, "Reopen")
    expect(dialog(page)).to_contain_text("The student was not shown any results.")
    looked_at(page, "student-reopen")
    dialog(page).get_by_label("minutes").fill("15")
    say(page, "by mistake", "Reopen")
    expect(dialog(page)).to_contain_text("Open again, until")
    assert room.session("ada")["status"] == "in_progress"


def test_results_that_were_seen_are_said_before_a_reopening(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    room.hands_in("ada")
    page = new_visitor()
    event = {"revision": 9, "version": 1, "type": "results_read", "at": "2027-01-15T08:10:00Z", "changes": {}}
    page.route("**/events*", lambda route: route.fulfill(json={"events": [event], "next_after": None}))
    at(page, room, "ada")
    act(page, "Reopen")
    expect(dialog(page)).to_contain_text("The student was shown results on")
    looked_at(page, "student-reopen-seen")


def test_another_device_is_let_in(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada", rules={**RULES, "one_device": "proctor"})
    page = at(new_visitor(), room, "ada")
    act(page, "Let another device in")
    looked_at(page, "student-device")
    say(page, "her laptop broke", "Let it in")
    expect(dialog(page)).to_contain_text("The next device that comes may go on")
    dialog(page).get_by_role("button", name="Close").click()
    expect(part(page, "What happened")).to_contain_text("The next device was let in", timeout=SOON_MS)


def test_extra_time_is_given_and_taken_back(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "zoe/ä")
    page = at(new_visitor(), room, "zoe/ä")
    extra = part(page, "Extra time")
    extra.get_by_role("button", name="at this quiz").click()
    dialog(page).get_by_label("Minutes more").fill("15")
    say(page, "as agreed", "Give")
    expect(dialog(page)).to_contain_text("Open sessions have it from now on.")
    dialog(page).get_by_role("button", name="Close").click()
    expect(extra).to_contain_text("15 min more")
    extra.get_by_role("button", name="at every quiz").click()
    dialog(page).get_by_label("multiplied").fill("1.25")
    looked_at(page, "student-extra-time")
    say(page, "as agreed", "Give")
    dialog(page).get_by_role("button", name="Close").click()
    expect(extra).to_contain_text("time × 1.25")
    expect(part(page, "The deadline")).to_contain_text("Extra time of the student+ 30 min", timeout=SOON_MS)
    extra.get_by_role("button", name="Take back extra time, at this quiz").click()
    dialog(page).get_by_role("button", name="Take back", exact=True).click()
    expect(dialog(page)).to_contain_text("Taken back")
    dialog(page).get_by_role("button", name="Close").click()
    expect(part(page, "The deadline")).to_contain_text("Extra time of the student+ 15 min", timeout=SOON_MS)


def test_group_and_label_are_written(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address, "ada")
    page = at(new_visitor(), room, "ada")
    act(page, "Group and label")
    dialog(page).get_by_label("Group").fill("Room 13")
    looked_at(page, "student-label")
    dialog(page).get_by_role("button", name="Save").click()
    expect(dialog(page)).to_have_count(0)
    expect(part(page, "The session")).to_contain_text("Room 13")
    assert room.session("ada")["group"] == "Room 13"


def test_a_quiz_without_a_paper_shows_answers_by_their_ids(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada", rules={"time_limit_seconds": 60})
    room.answers("ada", {"essay": {"text": "It was"}, "1": None, "constructor": "<b>bold</b>" * 100})
    page = at(new_visitor(), room, "ada")
    answers = part(page, "Answers").get_by_role("listitem")
    expect(answers.filter(has_text="essay")).to_contain_text('{"text":"It was"}')
    expect(answers.filter(has_text="constructor")).to_contain_text("<b>bold</b>")
    looked_at(page, "student-without-paper")


def test_a_session_that_is_not_there_is_said(new_visitor: NewVisitor, service: DevelopmentServer) -> None:
    room = a_room(service.address)
    page = watch(new_visitor(), room, "01a21efd-7682-7f48-9ffc-7b44e5548e13")
    expect(page.get_by_role("alert")).to_contain_text("The session can't be shown.")
    looked_at(page, "student-missing")
    page.get_by_role("link", name="Back to everybody").click()
    expect(page.get_by_text("Nobody has started this quiz.")).to_be_visible()


def test_what_is_long_is_drawn_once_it_is_opened_and_not_to_its_end(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    room.answers("ada", {"essay": "no end " * 8_000})
    page = at(new_visitor(), room, "ada")
    event = part(page, "What happened").get_by_role("listitem").filter(has_text="Answered: essay")
    expect(event).not_to_contain_text("no end")
    event.get_by_text("Details").click()
    expect(event).to_contain_text("the first 20,000 of")
    answer = part(page, "Answers").get_by_role("listitem").filter(has_text="Why does it fall?")
    assert len(answer.text_content() or "") < 1000
    answer.locator("summary").click()
    expect(answer).to_contain_text("the first 20,000 of 55,6")
    looked_at(page, "student-long-answer")


def test_a_list_of_long_entries_is_read_in_parts_and_by_one_request_at_a_time(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    asked: list[str] = []
    waiting: list[Route] = []

    def reply(route: Route) -> None:
        event = {
            "revision": len(asked),
            "version": 1,
            "type": "answered",
            "at": "2027-01-15T08:10:00Z",
            "changes": {"answers": {"essay": "x" * 600_000}},
        }
        route.fulfill(json={"events": [event], "next_after": len(asked)})

    def hold_the_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            waiting.append(route)
        else:
            reply(route)

    page = new_visitor()
    page.route("**/events?*", hold_the_first)
    at(page, room, "ada")
    trail = part(page, "What happened")
    eventually(lambda: page.evaluate("1") and waiting)
    room.acts("extend", seconds=300, reason="came late")
    expect(part(page, "The deadline")).to_contain_text("+ 5 min", timeout=SOON_MS)
    assert len(asked) == 1
    reply(waiting[0])
    # One page more of the first reading, and two of that after the change.
    eventually(lambda: page.evaluate("1") and len(asked) == 4)
    expect(trail.get_by_role("listitem")).to_have_count(2)
    trail.get_by_role("button", name="Show more").click()
    expect(trail.get_by_role("listitem")).to_have_count(4)


def test_the_verdict_on_the_record_says_of_when_it_is(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    page = at(new_visitor(), room, "ada")
    trail = part(page, "What happened")
    trail.get_by_role("button", name="Is the record intact?").click()
    expect(trail.get_by_role("status")).to_contain_text(
        re.compile(r"Intact: all \d+ entries that there were at \d+:\d\d:\d\d")
    )


def test_extra_time_that_others_give_meanwhile_is_seen(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    page = at(new_visitor(), room, "ada")
    extra = part(page, "Extra time")
    expect(extra).to_contain_text("No extra time")
    path = f"/quizzes/{room.quiz_id}/accommodations/ada"
    call(room.address, "PUT", path, {"extra_seconds": 600, "reason": "as agreed"})
    expect(extra).to_contain_text("10 min more", timeout=SOON_MS)
    # No change of the session follows this one.
    room.hands_in("ada")
    expect(part(page, "The session")).to_contain_text("Handed in", timeout=SOON_MS)
    call(room.address, "PUT", path, {"extra_seconds": 1200, "reason": "as agreed"})
    extra.get_by_role("button", name="at this quiz").first.click()
    expect(dialog(page).get_by_label("Minutes more")).to_have_value("20")


def test_extra_time_is_that_of_the_quiz_of_the_session(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    other = a_room(service.address, "ben")
    path = f"/quizzes/{room.quiz_id}/accommodations/ada"
    call(room.address, "PUT", path, {"extra_seconds": 600, "reason": "as agreed"})
    page = watch(new_visitor(), other, room.sessions["ada"])
    expect(page.get_by_text("This session belongs to another quiz")).to_be_visible()
    expect(part(page, "Extra time")).to_contain_text("10 min more")


def test_a_name_that_is_no_part_of_an_address_is_not_asked_for(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "..")
    page = new_visitor()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    at(page, room, "..")
    expect(part(page, "Extra time")).to_contain_text("It can’t be shown or given here")
    assert not [url for url in asked if url.endswith(f"/quizzes/{room.quiz_id}/")]
    assert not [url for url in asked if "/accommodations" in url and "/pages/" not in url]
    expect(part(page, "Extra time").get_by_role("button")).to_have_count(0)


def test_every_request_is_told_with_those_that_were_refused(
    new_visitor: NewVisitor, service: DevelopmentServer
) -> None:
    room = a_room(service.address, "ada")
    room.answers("ada", {"essay": "It was the best of times"}, autosave=True)
    for _ in range(2):
        room.hands_in("ada", version=77)
    room.acts("extend", seconds=300, reason="came late")
    eventually(lambda: "refused" in [each["kind"] for each in room.timeline("ada")], seconds=60)
    page = at(new_visitor(), room, "ada")
    told = part(page, "Every request")
    expect(told.get_by_role("listitem")).to_have_count(0)
    told.get_by_role("button", name="Show").click()
    expect(told.get_by_role("button", name="Hide")).to_have_attribute("aria-expanded", "true")
    refused = told.get_by_role("listitem").filter(has_text="The hand-in was refused (409 version_conflict)")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("2 times")
    expect(told.get_by_role("listitem").filter(has_text="Autosaved: essay")).to_have_count(1)
    expect(told.get_by_role("listitem").filter(has_text="Time was given: 5 min")).to_contain_text("came late")
    expect(told).not_to_contain_text("It was the best of times")
    looked_at(page, "student-timeline")
    told.get_by_role("button", name="Hide").click()
    expect(told.get_by_role("listitem")).to_have_count(0)
