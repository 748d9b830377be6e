"""The client library: tabs of one browser are one client, devices are several."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .network import Network
from .students import TEXT, Student, call, eventually, is_safe, put, state, told, types

pytestmark = NEEDS_CHROMIUM


# Tabs and devices


def test_two_tabs_are_one_client_and_one_sends(student: Student, network: Network) -> None:
    first, second = student.opens(), student.opens()
    types(first, "a", "from the first")
    types(second, "b", "from the second")
    for page in (first, second):
        eventually(partial(page.evaluate, "quiz.answer('a') === 'from the first'"))
        eventually(partial(page.evaluate, "quiz.answer('b') === 'from the second'"))
        eventually(partial(is_safe, page))
    clients = {each.body for each in network.writes() if each.method == "PATCH"}
    assert student.held() == {"a": "from the first", "b": "from the second"}
    assert len(clients) <= 3
    assert told(first, "conflict") == told(second, "conflict") == []


def test_what_one_tab_hands_in_the_other_shows_within_a_second(student: Student) -> None:
    first, second = student.opens(), student.opens()
    types(first, "essay", TEXT)
    assert second.evaluate("quiz.handIn().then((session) => session.status)") == "completed"
    eventually(lambda: told(first, "ended"), 1)
    assert student.held() == {"essay": TEXT}


def test_two_devices_at_different_questions_do_not_conflict(new_student: Callable[..., Student]) -> None:
    laptop = new_student()
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, other = laptop.opens(), phone.opens()
    put(one, "a", "laptop")
    put(other, "b", "phone")
    for page in (one, other):
        eventually(partial(is_safe, page))
    assert laptop.held() == {"a": "laptop", "b": "phone"}


@pytest.mark.parametrize(("choice", "kept"), [("mine", "phone"), ("theirs", "laptop"), ("both", "both")])
def test_two_devices_at_one_question_show_both_texts_and_ask(
    new_student: Callable[..., Student], choice: str, kept: str
) -> None:
    laptop = new_student()
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, other = laptop.opens(), phone.opens()
    put(one, "a", "laptop")
    eventually(lambda: is_safe(one))
    put(other, "a", "phone")
    eventually(lambda: state(other) == "conflict")
    assert other.evaluate("quiz.conflicts") == {"a": {"mine": "phone", "theirs": "laptop"}}
    other.evaluate("(choice) => quiz.resolve('a', choice)", choice)
    eventually(lambda: is_safe(other))
    assert laptop.held() == {"a": kept}
    assert other.evaluate("quiz.answer('a')") == kept


def test_a_conflict_is_asked_about_in_both_tabs_and_after_a_reload(
    new_student: Callable[..., Student],
) -> None:
    laptop = new_student()
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, first, second = laptop.opens(), phone.opens(), phone.opens()
    put(one, "a", "laptop")
    eventually(lambda: is_safe(one))
    put(second, "a", "phone")
    for page in (first, second):
        eventually(partial(told, page, "conflict"))
    second.reload()
    second.wait_for_function("window.ready")
    phone.opens(second)
    eventually(lambda: told(second, "conflict"))
    second.evaluate("quiz.resolve('a', 'mine')")
    for page in (first, second):
        eventually(partial(is_safe, page))
    assert (laptop.held(), first.evaluate("quiz.conflicts")) == ({"a": "phone"}, {})


def test_where_one_device_is_allowed_the_other_asks_to_go_on_there(
    new_student: Callable[..., Student],
) -> None:
    laptop = new_student(rules={"one_device": "takeover"})
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, other = laptop.opens(), phone.opens()
    put(one, "a", "laptop")
    eventually(lambda: is_safe(one))
    put(other, "b", "phone")
    eventually(lambda: other.evaluate("quiz.problem?.code") == "other_device")
    assert state(other, "b") == "unsent"
    other.evaluate("quiz.takeOver()")
    eventually(lambda: is_safe(other))
    assert laptop.held() == {"a": "laptop", "b": "phone"}
    put(one, "c", "laptop")
    eventually(lambda: one.evaluate("quiz.problem?.code") == "other_device")
    assert state(one, "c") == "unsent"


def test_what_is_typed_after_a_hand_in_elsewhere_is_kept_for_staff(
    new_student: Callable[..., Student], service: DevelopmentServer, network: Network
) -> None:
    laptop = new_student()
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, other = laptop.opens(), phone.opens()
    network.down = True
    put(one, "a", "laptop")
    network.heal()
    other.evaluate("quiz.handIn()")
    (ended,) = eventually(lambda: told(one, "ended"), 40)
    assert (ended["session"]["status"], ended["late"]) == ("completed", {"a": "laptop"})
    assert laptop.late() == [{"a": "laptop"}]


def test_what_was_typed_before_the_end_is_sent_late_once_by_two_tabs_that_are_opened_after_it(
    student: Student, service: DevelopmentServer, network: Network
) -> None:
    student.types_offline_and_closes(network)
    student.is_handed_in_by_staff()
    # For two seconds what is on its way counts.
    time.sleep(3)
    first, second = student.page(), student.page()
    for page in (first, second):
        page.evaluate("(options) => void open_(options)", student.options)
    for page in (first, second):
        (ended,) = eventually(partial(told, page, "ended"))
        assert (ended["session"]["id"], ended["late"]) == (student.session_id, {"essay": TEXT})
    assert student.late() == [{"essay": TEXT}]


def test_what_arrives_in_the_moment_after_a_hand_in_by_staff_counts_and_is_not_called_late(
    student: Student, service: DevelopmentServer, network: Network
) -> None:
    student.types_offline_and_closes(network)
    student.is_handed_in_by_staff()
    page = student.page()
    page.evaluate("(options) => void open_(options)", student.options)
    (ended,) = eventually(lambda: told(page, "ended"))
    assert (ended["late"], state(page, "essay"), student.held()) == ({}, "committed", {"essay": TEXT})


def test_a_notice_is_told_in_each_tab(student: Student, service: DevelopmentServer) -> None:
    first, second = student.opens(), student.opens()
    notice = {"text": "In question 3 it must read 5 N."}
    call(service.address, "POST", f"/sessions/{student.session_id}/notices", notice)
    put(second, "essay", TEXT)
    for page in (first, second):
        (found,) = eventually(partial(told, page, "notice"))
        assert found["text"] == notice["text"]


def test_two_tabs_that_open_at_once_are_at_one_session(student: Student) -> None:
    first, second = student.page(), student.page()
    for page in (first, second):
        page.evaluate("(options) => void open_(options)", student.options)
    ids = {eventually(partial(page.evaluate, "window.quiz?.session.id")) for page in (first, second)}
    assert len(ids) == 1


def test_a_reply_that_comes_late_is_not_about_what_was_typed_since(
    student: Student, network: Network
) -> None:
    first, second = student.opens(), student.opens()
    slow = threading.Event()
    network.keeps = (b'"old"', slow)
    put(first, "essay", "old")
    eventually(lambda: student.held() == {"essay": "old"})
    network.keeps = None
    # The other tab sends it once more, and has its reply first.
    put(second, "other", "x")
    eventually(partial(is_safe, second))
    network.down = True
    put(second, "essay", "new")
    slow.set()
    time.sleep(2)
    assert [state(page, "essay") for page in (first, second)] == ["unsent", "unsent"]
    network.heal()
    for page in (first, second):
        eventually(partial(is_safe, page))
    assert student.held()["essay"] == "new"


def test_two_tabs_that_keep_nothing_on_the_device_send_what_either_has(
    student: Student, network: Network
) -> None:
    first = student.opens(storage="memory")
    second = student.page()
    # One session: the start is the same, as it is for a student with a token.
    student.opens(second, storage="memory")
    put(second, "a", "second")
    put(first, "b", "first")
    for page in (first, second):
        eventually(partial(is_safe, page))
    before = len(network.writes())
    time.sleep(12)
    assert len(network.writes()) == before
    assert student.held() == {"a": "second", "b": "first"}


def test_what_was_refused_is_in_the_way_of_no_other_attempt(new_student: Callable[..., Student]) -> None:
    student = new_student(rules={"questions": {"a": {}}})
    page = student.opens()
    put(page, "nowhere", "x")
    eventually(lambda: state(page, "nowhere") == "refused")
    page.evaluate("quiz.handIn()")
    first = student.session_id
    student.opens(page, again=True)
    assert student.session_id != first


def test_a_hand_in_waits_for_the_network_also_where_another_tab_is_looked_at(
    student: Student, network: Network
) -> None:
    first, second = student.opens(), student.opens()
    network.down = True
    second.evaluate("void quiz.handIn().then((session) => (window.handed = session.status))")
    put(first, "essay", TEXT)
    time.sleep(1)
    network.heal()
    assert eventually(lambda: second.evaluate("window.handed ?? null"), 40) == "completed"
    assert student.held() == {"essay": TEXT}


def test_what_came_too_late_is_sent_again_where_staff_have_reopened_the_session(
    student: Student, service: DevelopmentServer, network: Network
) -> None:
    page = student.opens()
    page.evaluate("quiz.commit('essay', 'begun')")
    network.down = True
    put(page, "essay", TEXT)
    student.is_handed_in_by_staff()
    time.sleep(3)
    network.heal()
    eventually(lambda: told(page, "ended"), 40)
    reopened = {"seconds": 600, "reason": "by mistake"}
    call(service.address, "POST", f"/sessions/{student.session_id}/reopen", reopened)
    page.reload()
    page.wait_for_function("window.ready")
    student.opens(page)
    assert page.evaluate("quiz.answer('essay')") == TEXT
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


def test_the_other_text_of_a_conflict_is_the_latest(new_student: Callable[..., Student]) -> None:
    laptop = new_student()
    phone = new_student(laptop.quiz_id, user_id=laptop.user_id)
    one, other = laptop.opens(), phone.opens()
    one.evaluate("quiz.commit('a', 'laptop')")
    put(other, "a", "phone")
    eventually(lambda: state(other, "a") == "conflict")
    one.evaluate("quiz.commit('a', 'laptop 2')")
    eventually(lambda: other.evaluate("quiz.conflicts.a.theirs") == "laptop 2", 40)


def test_a_late_answer_that_staff_have_accepted_is_no_longer_called_late(
    new_student: Callable[..., Student], service: DevelopmentServer, network: Network
) -> None:
    student = new_student()
    page = student.opens()
    network.down = True
    put(page, "essay", TEXT)
    student.is_handed_in_by_staff()
    time.sleep(3)
    network.heal()
    eventually(lambda: told(page, "ended"), 40)
    assert page.evaluate("quiz.late") == {"essay": TEXT}
    (late,) = call(service.address, "GET", f"/sessions/{student.session_id}/late-answers")["late_answers"]
    accept = {"reason": "the network was down"}
    path = f"/sessions/{student.session_id}/late-answers/{late['event']}/accept"
    call(service.address, "POST", path, accept)
    page = student.opens()
    eventually(lambda: told(page, "ended"))
    assert (page.evaluate("quiz.late"), state(page, "essay")) == ({}, "committed")


def test_a_reload_after_the_hand_in_shows_the_end_and_the_next_attempt_is_asked_for(student: Student) -> None:
    page = student.opens()
    put(page, "essay", TEXT)
    page.evaluate("quiz.handIn()")
    first = student.session_id
    page.reload()
    page.wait_for_function("window.ready")
    student.opens(page)
    eventually(lambda: told(page, "ended"))
    assert (student.session_id, page.evaluate("quiz.answer('essay')")) == (first, TEXT)
    student.opens(page, again=True)
    assert student.session_id != first
    assert page.evaluate("quiz.answer('essay') ?? null") is None


def test_a_hand_in_that_is_asked_for_twice_is_one(student: Student, network: Network) -> None:
    page = student.opens()
    put(page, "essay", TEXT)
    script = "Promise.all([quiz.handIn(), quiz.handIn()]).then((all) => all.map(({ status }) => status))"
    assert page.evaluate(script) == ["completed", "completed"]
    assert len([each for each in network.seen if each.path.endswith("/complete")]) == 1


def test_a_hand_in_whose_reply_is_lost_is_no_late_one(student: Student, network: Network) -> None:
    page = student.opens()
    network.loses_reply = True
    put(page, "essay", TEXT)
    page.evaluate("void quiz.handIn()")
    eventually(lambda: student.session()["status"] == "completed")
    network.heal()
    (ended,) = eventually(lambda: told(page, "ended"))
    assert (ended["late"], state(page), student.held()) == ({}, "committed", {"essay": TEXT})
