"""The client library: the deadline, pauses, notices and warnings."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM, Laptop
from .killed import asleep, frozen_postgres
from .network import Network
from .students import TEXT, Student, call, eventually, is_safe, put, state, told, types

pytestmark = NEEDS_CHROMIUM


# Time


def test_fifty_sessions_are_handed_in_by_the_timer(
    new_student: Callable[..., Student], network: Network, service: DevelopmentServer
) -> None:
    seeded = random.Random(20)
    network.uplink = lambda: seeded.uniform(0, 0.3)
    network.downlink = lambda: seeded.uniform(0, 0.3)
    first = new_student()
    call(service.address, "PUT", f"/quizzes/{first.quiz_id}", {"time_limit_seconds": 25})
    # A browser has few connections to a server: ten browsers, as five students on each would not meet.
    pages = [new_student(first.quiz_id).page() for _ in range(10)]
    for number, page in enumerate(pages):
        page.evaluate(
            """async ({ number, ...options }) => {
              window.all = [];
              Object.assign(options, { token: () => "", storage: "memory" });
              for (let n = 0; n < 5; n += 1) {
                const userId = `timed-${number}-${n}`;
                const quiz = await client.openQuiz({ ...options, userId });
                quiz.set("essay", userId);
                quiz.on("ended", ({ session }) => all.push([session.status, session.late_ms]));
              }
            }""",
            {"number": number, "baseUrl": network.address, "quizId": first.quiz_id},
        )
    ended: list[list[object]] = []
    for page in pages:
        ended += eventually(partial(page.evaluate, "all.length === 5 && all"), 80)
    assert ended == [["completed", 0]] * 50
    completions = [each for each in network.seen if each.path.endswith("/complete")]
    assert [each.status for each in completions] == [200] * 50


@pytest.fixture
def sleeper(laptop: Laptop, service: DevelopmentServer) -> Laptop:
    """A laptop whose student has ten seconds to go."""
    call(service.address, "PUT", f"/quizzes/{laptop.student.quiz_id}", {"time_limit_seconds": 10})
    return laptop


def test_who_wakes_up_after_the_deadline_goes_on_where_it_was_moved(
    sleeper: Laptop, service: DevelopmentServer, network: Network
) -> None:
    student = sleeper.student
    page = student.opens()
    network.down = True
    types(page, "essay", TEXT)
    with asleep(sleeper.profile):
        extension = {"seconds": 600, "reason": "the projector"}
        call(service.address, "POST", f"/sessions/{student.session_id}/extend", extension)
        network.heal()
        time.sleep(12)
    eventually(lambda: page.evaluate("quiz.remainingMs") > 500_000, 2)
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}
    assert told(page, "ended") == []


def test_who_wakes_up_after_the_deadline_is_told_what_came_too_late_and_that_it_is_kept(
    sleeper: Laptop, service: DevelopmentServer, network: Network
) -> None:
    student = sleeper.student
    page = student.opens()
    network.down = True
    types(page, "essay", TEXT)
    with asleep(sleeper.profile):
        network.heal()
        time.sleep(12)
    (ended,) = eventually(lambda: told(page, "ended"))
    assert (ended["session"]["status"], ended["late"]) == ("expired", {"essay": TEXT})
    assert state(page) == "refused"
    assert student.late() == [{"essay": TEXT}]


def test_a_page_that_is_opened_without_network_hands_in_by_no_clock_but_the_server_s(
    student: Student, network: Network
) -> None:
    page = student.opens()
    put(page, "essay", TEXT)
    eventually(lambda: is_safe(page))
    network.down = True
    ahead = student.page("const now = Date.now; Date.now = () => now() + 3_600_000;")
    student.opens(ahead)
    page.close()
    put(ahead, "essay", "went on")
    assert ahead.evaluate("quiz.remainingMs") == 0
    network.heal()
    eventually(lambda: ahead.evaluate("quiz.remainingMs") > 1_700_000, 40)
    eventually(lambda: is_safe(ahead))
    assert (student.session()["status"], student.held()) == ("in_progress", {"essay": "went on"})


def test_a_hand_in_that_waits_at_the_deadline_is_given_up_where_that_was_moved(
    new_student: Callable[..., Student], service: DevelopmentServer, network: Network
) -> None:
    student = new_student(rules={"time_limit_seconds": 8, "grace_seconds": 60})
    page = student.opens()
    network.down = True
    eventually(lambda: page.evaluate("quiz.remainingMs === 0"))
    extension = {"seconds": 600, "reason": "the projector"}
    call(service.address, "POST", f"/sessions/{student.session_id}/extend", extension)
    put(page, "essay", TEXT)
    network.heal()
    eventually(lambda: is_safe(page))
    assert (student.session()["status"], student.held()) == ("in_progress", {"essay": TEXT})


def test_without_postgresql_at_the_deadline_what_was_typed_last_is_buffered_and_counts(
    new_student: Callable[..., Student], service: DevelopmentServer
) -> None:
    student = new_student(rules={"time_limit_seconds": 15, "grace_seconds": 15})
    page = student.opens()
    put(page, "a", "before")
    eventually(lambda: is_safe(page))
    with frozen_postgres(service):
        eventually(lambda: page.evaluate("quiz.remainingMs < 2_000"))
        put(page, "b", "at the end")
        eventually(lambda: state(page, "b") == "buffered")
    eventually(lambda: told(page, "ended"), 60)
    eventually(lambda: student.held() == {"a": "before", "b": "at the end"})


def test_what_does_not_get_through_at_the_deadline_keeps_nothing_else_back(
    new_student: Callable[..., Student], network: Network
) -> None:
    student = new_student(rules={"time_limit_seconds": 15})
    page = student.opens()
    network.blocks = b"DROP TABLE"
    for question, answer in {"a": "first", "b": "'; DROP TABLE students", "c": "last"}.items():
        put(page, question, answer)
    (ended,) = eventually(lambda: told(page, "ended"), 60)
    assert (ended["session"]["status"], student.held()) == ("completed", {"a": "first", "c": "last"})
    assert (state(page, "b"), ended["late"]) == ("refused", {})


def test_a_notice_is_told_once_and_acknowledged(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    notice = {"text": "In question 3 it must read 5 N."}
    sent = call(service.address, "POST", f"/sessions/{student.session_id}/notices", notice)
    put(page, "essay", TEXT)
    (shown_notice,) = eventually(lambda: told(page, "notice"))
    assert (shown_notice["id"], shown_notice["text"]) == (sent["id"], notice["text"])
    page.evaluate("(id) => quiz.acknowledge(id)", sent["id"])
    assert student.session()["unread_notices"] == 0


def test_an_extension_is_told(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    left = page.evaluate("quiz.remainingMs")
    extension = {"seconds": 600, "reason": "the projector"}
    call(service.address, "POST", f"/sessions/{student.session_id}/extend", extension)
    put(page, "essay", TEXT)
    eventually(lambda: [each for each in told(page, "deadline") if each["moved"]])
    assert page.evaluate("quiz.remainingMs") > left + 550_000


def test_there_are_warnings_before_the_end(student: Student, service: DevelopmentServer) -> None:
    call(service.address, "PUT", f"/quizzes/{student.quiz_id}", {"time_limit_seconds": 62})
    page = student.opens()
    eventually(lambda: [each for each in told(page, "deadline") if each.get("minutes") == 1], 10)


def test_a_pause_stops_the_clock_and_the_answers_wait(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    call(service.address, "POST", f"/sessions/{student.session_id}/pause", {"reason": "the fire alarm"})
    put(page, "essay", TEXT)
    eventually(lambda: page.evaluate("quiz.session.paused"))
    left = page.evaluate("quiz.remainingMs")
    time.sleep(1)
    assert page.evaluate("quiz.remainingMs") == left
    assert state(page) == "unsent"
    call(service.address, "POST", f"/sessions/{student.session_id}/resume", {"reason": "over"})
    eventually(lambda: is_safe(page), 40)
    assert student.held() == {"essay": TEXT}
    assert [each["paused"] for each in told(page, "paused")] == [True, False]


@pytest.mark.parametrize("ahead", [600_000, -600_000])
def test_a_browser_whose_clock_is_wrong_shows_the_time_of_the_server(student: Student, ahead: int) -> None:
    page = student.page(
        f"""
        const Right = Date;
        window.Date = class extends Right {{
          constructor(...given) {{ given.length ? super(...given) : super(Date.now()); }}
          static now() {{ return Right.now() + {ahead}; }}
        }};"""
    )
    student.opens(page)
    left = page.evaluate("quiz.remainingMs") / 1000
    assert abs(left - student.session()["time_remaining"]) < 2
