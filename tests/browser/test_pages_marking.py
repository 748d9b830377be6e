"""The console's tab for marking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .results import ESSAY, RULES, console, essays, refused, taken
from .screens import looked_at
from .students import call, eventually, new_quiz
from .taking import QUESTIONS as KINDS
from .taking import rules

pytestmark = NEEDS_CHROMIUM
FIRST = "The light is bent where it leaves the water."
SECOND = "Because of refraction.\n\nLight is slower in water."
THIRD = "I do not know."
QUARTER_OF_AN_HOUR = 15 * 60 * 1000
DOWN: dict[str, Any] = {"status": 503, "code": "store_unavailable"}


class Marker:
    """Who marks, at a page of their own."""

    def __init__(self, page: Page, service: DevelopmentServer, quiz_id: str, name: str = "Ada") -> None:
        self.page = console(page, service.address, quiz_id, "marking", name)
        self.quiz_id = quiz_id
        self.answer: Locator = page.locator("[data-part=answer]")
        self.points: Locator = page.get_by_label("Points")
        self.comment: Locator = page.get_by_label("Comment")
        self.status: Locator = page.locator("[data-part=said]")
        self.next: Locator = page.get_by_role("button", name="Save and next")

    def marks(self, question: str) -> Marker:
        self.page.get_by_role("button", name=f"Mark {question}", exact=True).click()
        return self

    def reads(self, answer: str) -> None:
        expect(self.answer).to_contain_text(answer)

    def trouble(self, kind: str) -> Locator:
        return self.page.locator(f"[data-trouble={kind}]")


def result(address: str, session_id: str, question: str = "essay") -> dict[str, Any]:
    found: dict[str, Any] = call(address, "GET", f"/sessions/{session_id}/results")["questions"][question]
    return found


def claim(address: str, quiz_id: str, marker: str, **asked: str | bool) -> dict[str, Any] | None:
    """The answer that `marker` is given."""
    path = f"{address}/quizzes/{quiz_id}/grading/next"
    reply = httpx.post(path, json=asked, headers={"X-Client-Id": marker}).raise_for_status()
    item: dict[str, Any] | None = reply.json()["item"]
    return item


def holders(address: str, quiz_id: str) -> list[str | None]:
    """Who holds each of the answers that wait."""
    return [item["held_by"] for item in call(address, "GET", f"/quizzes/{quiz_id}/grading")["items"]]


@pytest.fixture
def arrive(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> Callable[..., tuple[Marker, list[str]]]:
    """A marker, and the sessions of a new quiz in which the essay was answered so."""

    def arrived(*answers: str, name: str = "Ada") -> tuple[Marker, list[str]]:
        quiz_id, sessions = essays(service.address, *answers)
        return Marker(new_visitor(), service, quiz_id, name), sessions

    return arrived


def test_a_queue_is_marked_by_keyboard_alone(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST, SECOND, THIRD)
    keys = marker.page.keyboard
    marker.page.get_by_role("button", name="Mark all").focus()
    keys.press("Enter")
    marker.reads(FIRST)
    expect(marker.page.get_by_role("heading", name="essay")).to_be_focused()
    keys.type("3.5")
    keys.press("Enter")
    marker.reads("Because of refraction.")
    expect(marker.page.get_by_role("heading", name="essay")).to_be_focused()
    expect(marker.status).to_have_text("Saved: 3.5 of 5 points. 2 answers wait, with this one.")
    keys.press("f")
    keys.press("c")
    expect(marker.comment).to_be_focused()
    keys.type("Fine, for a start")
    keys.press("Control+Enter")
    marker.reads(THIRD)
    keys.press("z")
    expect(marker.points).to_have_value("0")
    keys.press("n")
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_focused()
    given = [result(service.address, session) for session in sessions]
    assert [each["points"] for each in given] == [3.5, 5, 0]
    assert [each["comment"] for each in given] == [None, "Fine, for a start", None]


def test_answers_are_read_in_the_words_of_the_questions(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    asked = {name: {"points": 2, "content": KINDS[name]["content"]} for name in ("match", "order")}
    quiz_id = new_quiz(service.address, rules(asked))
    answers = {"match": {"a": "Voltage", "Ohm": "Resistance"}, "order": ["v", "Mars", "Earth"]}
    taken(service.address, quiz_id, answers)
    marker = Marker(new_visitor(), service, quiz_id).marks("match")
    expect(marker.answer).to_have_text("Ohm: Resistance\nAmpere: Voltage")
    expect(marker.page.get_by_role("list", name="What is matched").get_by_role("listitem")).to_have_text(
        ["Ohm", "Ampere"]
    )
    expect(marker.page.get_by_role("list", name="With what").get_by_role("listitem")).to_have_count(3)
    looked_at(marker.page, "console-marking-match")
    marker.page.keyboard.press("f")
    marker.next.click()
    marker.page.get_by_role("button", name="Back to the overview").click()
    expect(
        marker.page.get_by_role("cell", name="Ohm: Resistance, Ampere: Voltage", exact=True)
    ).to_be_visible()
    marker.page.get_by_role("button", name="Change match").click()
    dialog = marker.page.get_by_role("dialog", name="Change the mark of match")
    expect(dialog.get_by_role("region", name="Answer")).to_have_text("Ohm: Resistance\nAmpere: Voltage")
    dialog.get_by_role("button", name="Cancel").click()
    marker.marks("order")
    expect(marker.answer).to_have_text("1. Venus\n2. Mars\n3. Earth")


def test_letters_that_are_typed_in_a_field_are_no_shortcuts(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    marker, _ = arrive(FIRST, SECOND)
    marker.marks("essay").reads(FIRST)
    marker.comment.click()
    marker.page.keyboard.type("nsfzu?")
    marker.reads(FIRST)
    expect(marker.comment).to_have_value("nsfzu?")
    expect(marker.points).to_have_value("")
    marker.page.keyboard.press("Escape")
    marker.page.keyboard.press("f")
    expect(marker.points).to_have_value("5")


def test_single_keys_are_listed_and_can_be_turned_off_for_good(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    marker, _ = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.page.keyboard.press("?")
    dialog = marker.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog.get_by_role("row", name="F Full points")).to_be_visible()
    looked_at(marker.page, "console-marking-shortcuts")
    dialog.get_by_label("Use single keys").press(" ")
    marker.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    marker.page.keyboard.press("f")
    marker.page.keyboard.press("?")
    expect(marker.points).to_have_value("")
    expect(dialog).to_be_hidden()
    marker.page.reload()
    marker.marks("essay").reads(FIRST)
    marker.page.keyboard.press("z")
    expect(marker.points).to_have_value("")
    marker.page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog.get_by_label("Use single keys")).not_to_be_checked()


def test_the_answers_to_one_question_can_be_marked_alone(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id = new_quiz(service.address, RULES)
    for n in range(3):
        answers = {"essay": f"essay {n}", "weight": "A"} | ({"proof": f"proof {n}"} if n else {})
        taken(service.address, quiz_id, answers)
    marker = Marker(new_visitor(), service, quiz_id)
    expect(marker.page.get_by_role("listitem")).to_contain_text(["Mark all", "3 waiting", "2 waiting"])
    looked_at(marker.page, "console-marking-overview")
    marker.marks("proof").reads("proof 1")
    expect(marker.status).to_have_text("2 answers wait, with this one.")
    looked_at(marker.page, "console-marking-answer")


def test_what_the_student_read_is_shown_and_not_who_it_was(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(SECOND)
    marker.marks("essay").reads("Because of refraction.")
    expect(marker.page.locator("[data-part=question]")).to_contain_text(ESSAY)
    user_id = call(service.address, "GET", f"/sessions/{sessions[0]}")["user_id"]
    assert user_id not in marker.page.content()


def test_markup_in_an_answer_is_shown_as_it_was_written(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    markup = "<img src=x onerror=\"document.title='got in'\"><b>bold</b>"
    marker, _ = arrive(markup)
    marker.marks("essay").reads(markup)
    expect(marker.answer.locator("img, b")).to_have_count(0)
    expect(marker.page).not_to_have_title("got in")


@pytest.mark.parametrize("typed", ["6", "-1", "3 of 5", "1e0", ""])
def test_points_out_of_range_are_refused_beside_their_field(
    typed: str, service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill(typed)
    marker.next.click()
    expect(marker.page.get_by_role("alert")).to_have_text(
        "Points go from 0 to 5." if typed else "Type the points first."
    )
    expect(marker.points).to_be_focused()
    assert result(service.address, sessions[0])["marked_by"] is None
    if typed == "6":
        looked_at(marker.page, "console-marking-wrong-points")


def test_decimals_may_follow_a_comma(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("2,25")
    marker.points.press("Enter")
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    assert result(service.address, sessions[0])["points"] == 2.25


def test_two_markers_are_given_different_answers(
    service: DevelopmentServer,
    new_visitor: Callable[[], Page],
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    ada, _ = arrive(FIRST, SECOND)
    ada.marks("essay").reads(FIRST)
    zoe = Marker(new_visitor(), service, ada.quiz_id, "Zoë Q.").marks("essay")
    zoe.reads("Because of refraction.")
    carl = Marker(new_visitor(), service, ada.quiz_id, "Carl").marks("essay")
    expect(carl.page.get_by_role("heading", name="Others mark the rest")).to_be_visible()
    expect(carl.page.get_by_role("listitem")).to_contain_text(["Ada: essay", "Zoë Q.: essay"])
    looked_at(carl.page, "console-marking-others")


def test_an_answer_that_is_left_is_free_at_once(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, _ = arrive(FIRST)
    leaves: list[Callable[[], None]] = [
        lambda: marker.page.get_by_role("button", name="Stop marking").click(),
        lambda: marker.page.get_by_role("link", name="Statistics").click(),
        marker.page.close,
    ]
    for leave in leaves:
        if "marking" not in marker.page.url:
            marker.page.get_by_role("link", name="Marking").click()
        marker.marks("essay").reads(FIRST)
        assert holders(service.address, marker.quiz_id) == ["Ada"]
        leave()
        eventually(lambda: holders(service.address, marker.quiz_id) == [None])


def test_a_skipped_answer_comes_again_from_the_first(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    marker, _ = arrive(FIRST, SECOND)
    marker.marks("essay").reads(FIRST)
    marker.comment.fill("not sure")
    marker.page.get_by_role("button", name="Skip").click()
    marker.reads("Because of refraction.")
    expect(marker.comment).to_have_value("")
    marker.page.get_by_role("button", name="Skip").click()
    expect(marker.page.get_by_role("heading", name="End of the queue")).to_be_focused()
    looked_at(marker.page, "console-marking-end")
    marker.page.get_by_role("button", name="Start again from the first").click()
    marker.reads(FIRST)
    expect(marker.comment).to_have_value("not sure")


def test_what_another_holds_by_now_is_not_marked_unless_it_is_meant_so(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("2")
    marker.comment.fill("so far")
    assert claim(service.address, marker.quiz_id, "Ada", release=True) is None
    assert claim(service.address, marker.quiz_id, "Bob")
    marker.next.click()
    expect(marker.trouble("held")).to_contain_text("Bob is about to mark this answer")
    expect(marker.comment).to_have_value("so far")
    assert result(service.address, sessions[0])["marked_by"] is None
    looked_at(marker.page, "console-marking-held")
    marker.page.get_by_role("button", name="Save my mark all the same").click()
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    assert result(service.address, sessions[0])["comment"] == "so far"


def test_a_mark_that_was_made_meanwhile_stands_until_it_is_replaced(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST, SECOND)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("5")
    theirs = {"essay": {"points": 1, "comment": "too short"}}
    call(service.address, "PUT", f"/sessions/{sessions[0]}/grades?held=take", theirs)
    marker.next.click()
    expect(marker.trouble("marked")).to_contain_text("1 point, “too short”")
    marker.reads(FIRST)
    expect(marker.points).to_have_value("5")
    looked_at(marker.page, "console-marking-marked-meanwhile")
    assert result(service.address, sessions[0])["points"] == 1
    marker.page.get_by_role("button", name="Put my mark in its place").click()
    marker.reads("Because of refraction.")
    assert result(service.address, sessions[0])["points"] == 5


def test_an_answer_that_changed_meanwhile_is_read_again_before_it_is_marked(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, (session_id,) = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("4")
    address = service.address
    call(address, "POST", f"/sessions/{session_id}/reopen", {"seconds": 600, "reason": "fire alarm"})
    marker.next.click()
    expect(marker.page.get_by_role("alert")).to_contain_text("opened again")
    call(address, "POST", f"/sessions/{session_id}/complete", {"answers": {"essay": THIRD}})
    marker.next.click()
    expect(marker.trouble("changed")).to_be_visible()
    marker.reads(THIRD)
    expect(marker.points).to_have_value("4")
    looked_at(marker.page, "console-marking-changed")
    marker.points.fill("0")
    marker.next.click()
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    assert result(address, session_id)["points"] == 0


def test_a_mark_of_another_question_of_the_session_is_in_nobodys_way(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id = new_quiz(service.address, RULES)
    session_id = taken(service.address, quiz_id, {"essay": FIRST, "proof": SECOND})
    marker = Marker(new_visitor(), service, quiz_id).marks("essay")
    marker.reads(FIRST)
    marker.points.fill("4")
    call(service.address, "PUT", f"/sessions/{session_id}/grades", {"proof": {"points": 2}})
    marker.next.click()
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    assert result(service.address, session_id)["points"] == 4


def test_an_answer_that_is_not_held_any_more_says_so(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id, _ = essays(service.address, FIRST)
    page = new_visitor()
    page.clock.install()
    marker = Marker(page, service, quiz_id).marks("essay")
    marker.reads(FIRST)
    marker.comment.fill("half a")
    page.clock.fast_forward(QUARTER_OF_AN_HOUR)
    expect(marker.trouble("lapsed")).to_be_visible()
    expect(marker.comment).to_have_value("half a")
    looked_at(page, "console-marking-lapsed")
    page.get_by_role("button", name="Hold it again").click()
    expect(marker.trouble("lapsed")).to_be_hidden()
    expect(page.get_by_role("heading", name="essay")).to_be_focused()
    assert holders(service.address, quiz_id) == ["Ada"]


def test_whoever_goes_on_typing_goes_on_holding(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id, _ = essays(service.address, FIRST)
    page = new_visitor()
    page.clock.install()
    marker = Marker(page, service, quiz_id).marks("essay")
    marker.reads(FIRST)
    page.clock.fast_forward(QUARTER_OF_AN_HOUR // 2)

    def later(route: Route) -> None:
        reply = route.fetch()
        item = reply.json()["item"]
        route.fulfill(json={"item": {**item, "held_until": "2027-01-15T09:15:00Z"}})

    page.route("**/grading/next", later)
    marker.comment.press_sequentially("a")
    expect(page.get_by_text("Held for you until 9:15:00 AM.")).to_be_visible()
    page.clock.fast_forward(QUARTER_OF_AN_HOUR * 3 // 4)
    expect(marker.comment).to_have_value("a")
    expect(marker.trouble("lapsed")).to_be_hidden()


def test_what_was_typed_survives_a_failure_and_a_reload(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST, SECOND)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("3")
    marker.comment.fill("Well argued.")
    refused(marker.page, "**/grades*", **DOWN)
    marker.next.click()
    failure = marker.page.get_by_role("alert")
    expect(failure).to_contain_text("Your mark was not saved; what you typed is kept here.")
    expect(failure).to_contain_text("The service can’t reach its database at the moment.")
    looked_at(marker.page, "console-marking-not-saved")
    marker.page.reload()
    marker.marks("essay").reads(FIRST)
    expect(marker.points).to_have_value("3")
    expect(marker.comment).to_have_value("Well argued.")
    marker.page.unroute("**/grades*")
    marker.next.click()
    marker.reads("Because of refraction.")
    assert result(service.address, sessions[0])["comment"] == "Well argued."


def test_a_mark_that_is_tried_again_is_the_one_that_is_typed_by_then(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, (session_id,) = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("3")
    refused(marker.page, "**/grades*", **DOWN)
    marker.next.click()
    again = marker.page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    marker.page.unroute("**/grades*")
    marker.points.fill("4")
    again.click()
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    assert result(service.address, session_id)["points"] == 4


def test_a_mark_is_said_to_be_saved_where_no_next_answer_can_be_had(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST, SECOND)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("3")
    refused(marker.page, "**/grading/next", **DOWN)
    marker.next.click()
    failure = marker.page.get_by_role("alert")
    expect(failure).to_contain_text("Your mark is saved. The next answer could not be had.")
    assert result(service.address, sessions[0])["points"] == 3
    looked_at(marker.page, "console-marking-no-next")
    marker.page.unroute("**/grading/next")
    marker.page.get_by_role("button", name="Try again").click()
    marker.reads("Because of refraction.")


def test_a_mark_whose_reply_is_lost_is_made_once(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, (session_id,) = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("3")

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    marker.page.route("**/grades*", lost)
    marker.next.click()
    expect(marker.page.get_by_role("alert")).to_contain_text("The service can’t be reached.")
    marker.page.unroute("**/grades*")
    marker.page.get_by_role("button", name="Try again").click()
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    events = call(service.address, "GET", f"/sessions/{session_id}/events")["events"]
    assert [event["type"] for event in events].count("marked") == 1


def test_a_saved_mark_can_be_changed(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, (session_id,) = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.page.keyboard.press("f")
    marker.page.keyboard.press("n")
    expect(marker.page.get_by_role("heading", name="Nothing to mark")).to_be_visible()
    marker.page.keyboard.press("u")
    dialog = marker.page.get_by_role("dialog", name="Change the mark of essay")
    expect(dialog.get_by_label("Points")).to_have_value("5")
    looked_at(marker.page, "console-marking-change")
    dialog.get_by_label("Points").fill("4")
    dialog.get_by_label("Reason").fill("counted twice")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert result(service.address, session_id)["points"] == 4
    marked = [
        event["changes"]["reason"]
        for event in call(service.address, "GET", f"/sessions/{session_id}/events")["events"]
        if event["type"] == "marked"
    ]
    assert marked == [None, "counted twice"]


def test_a_mark_that_is_taken_back_waits_again_and_is_remembered(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, (session_id,) = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("2")
    marker.comment.fill("Hm.")
    marker.next.click()
    marker.page.get_by_role("button", name="Back to the overview").click()
    expect(marker.page.locator("[data-part=nothing]")).to_be_visible()
    looked_at(marker.page, "console-marking-nothing")
    marker.page.get_by_role("button", name="Change essay").click()
    marker.page.get_by_role("button", name="Take the mark back").click()
    marker.marks("essay").reads(FIRST)
    expect(marker.page.locator("[data-part=past]")).to_contain_text("2 points")
    looked_at(marker.page, "console-marking-before")
    assert result(service.address, session_id)["marked_by"] is None


def test_a_corrected_key_grades_again_after_it_was_confirmed(
    service: DevelopmentServer, arrive: Callable[..., tuple[Marker, list[str]]]
) -> None:
    marker, sessions = arrive(FIRST, SECOND)
    questions = RULES["questions"] | {"weight": RULES["questions"]["weight"] | {"key": "C"}}
    call(service.address, "PUT", f"/quizzes/{marker.quiz_id}", {**RULES, "questions": questions})
    marker.page.get_by_role("button", name="Grade again …").click()
    dialog = marker.page.get_by_role("dialog", name="Grade again by the corrected key")
    expect(dialog.locator("[data-part=concerned]")).to_have_text("2 sessions")
    looked_at(marker.page, "console-marking-regrade")
    dialog.get_by_role("button", name="Grade again").click()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_label("Reason").fill("C is right")
    dialog.get_by_role("button", name="Grade again").click()
    expect(dialog.get_by_text("2 sessions graded again, 2 scores changed.")).to_be_visible()
    looked_at(marker.page, "console-marking-regraded")
    assert result(service.address, sessions[0], "weight")["points"] == 0
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "problem", "words"),
    [
        ("down", DOWN, "The service can’t reach its database at the moment."),
        (
            "forbidden",
            {"status": 403, "code": "forbidden", "detail": "This needs the scope sessions:grade."},
            "You are not allowed to do this. This needs the scope sessions:grade.",
        ),
    ],
)
def test_a_queue_that_can_not_be_shown_says_why(
    name: str,
    problem: dict[str, Any],
    words: str,
    service: DevelopmentServer,
    new_visitor: Callable[[], Page],
) -> None:
    quiz_id, _ = essays(service.address, FIRST)
    page = new_visitor()
    refused(page, "**/grading?*", **problem)
    marker = Marker(page, service, quiz_id)
    expect(page.get_by_role("alert")).to_contain_text(words)
    looked_at(page, f"console-marking-{name}")
    page.unroute("**/grading?*")
    # Who may not is not asked to try it again; the page looks again by itself.
    if problem is DOWN:
        page.get_by_role("button", name="Try again").click()
    marker.marks("essay").reads(FIRST)


def test_a_thousand_with_a_separator_is_not_taken_for_one(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id = new_quiz(service.address, {"questions": {"essay": {"points": 1000}}})
    session = taken(service.address, quiz_id, {"essay": FIRST})
    marker = Marker(new_visitor(), service, quiz_id).marks("essay")
    marker.reads(FIRST)
    marker.points.fill("1,000")
    marker.next.click()
    expect(marker.page.get_by_role("alert")).to_contain_text("Type thousands without a separator")
    marker.points.fill("1000")
    marker.next.click()
    expect(marker.status).to_contain_text("Saved: 1,000 of 1,000 points.")
    assert result(service.address, session)["points"] == 1000


def test_what_one_marker_typed_is_not_shown_to_the_next(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    marker, _ = arrive(FIRST)
    marker.marks("essay").comment.fill("Ada's own words")
    page = marker.page
    page.get_by_role("button", name="Stop marking").click()
    expect(page.get_by_role("button", name="Mark essay", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your name").fill("Ben")
    page.get_by_role("button", name="Go on").click()
    marker.marks("essay").reads(FIRST)
    expect(marker.comment).to_have_value("")


def test_what_was_asked_is_shown_before_a_long_past_is_read(
    service: DevelopmentServer, new_visitor: Callable[[], Page]
) -> None:
    quiz_id, _ = essays(service.address, FIRST)
    page = new_visitor()
    asked: list[str] = []
    waiting: list[Route] = []

    def endless(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            waiting.append(route)
        else:
            route.fulfill(json={"events": [], "next_after": len(asked)})

    page.route("**/events?*", endless)
    marker = Marker(page, service, quiz_id).marks("essay")
    expect(page.locator("[data-part=question]")).to_contain_text(ESSAY)
    marker.reads(FIRST)
    eventually(lambda: page.evaluate("1") and waiting)
    waiting[0].fulfill(json={"events": [], "next_after": 1})
    expect(page.locator("[data-part=more]")).to_contain_text("There is more on record")
    assert len(asked) == 20
    looked_at(page, "marking-long-past")


def test_a_refusal_on_the_way_is_not_called_a_missing_network(
    arrive: Callable[..., tuple[Marker, list[str]]],
) -> None:
    marker, _ = arrive(FIRST)
    marker.marks("essay").reads(FIRST)
    marker.points.fill("3")
    marker.next.click()
    marker.page.get_by_role("button", name="Back to the overview").click()
    marker.page.get_by_role("button", name="Change essay").click()
    marker.page.route(
        "**/grades?*", lambda route: route.fulfill(status=403, body="<h1>No</h1>", content_type="text/html")
    )
    dialog = marker.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("select * from marks; --")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "Something between here and the service refused it (status 403)."
    )
