"""The client library: what is typed reaches the server, whatever the network does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .network import Network
from .students import TEXT, Student, call, eventually, is_safe, put, shown, state, told, types

pytestmark = NEEDS_CHROMIUM


# Saving


def test_what_is_typed_is_unsent_then_buffered_then_committed(student: Student) -> None:
    page = student.opens()
    types(page, "essay", TEXT)
    assert state(page) == "unsent"
    eventually(lambda: state(page) == "buffered")
    assert student.held() == {"essay": TEXT}
    assert list(dict.fromkeys(s for s, _ in shown(page, "essay"))) == ["unsent", "buffered"]


def test_a_choice_is_committed_with_a_receipt_that_verifies_offline(student: Student) -> None:
    page = student.opens()
    done = page.evaluate("quiz.commit('0', 'B')")
    assert done["durability"] == "committed"
    jwks = call(student.service, "GET", "/.well-known/jwks.json")
    verified = page.evaluate(
        "(jwks) => client.verifyReceipt(quiz.receipts[0].receipt, quiz.receipts[0].answers, jwks)", jwks
    )
    assert (verified["genuine"], verified["answersMatch"], verified["sessionId"]) == (
        True,
        True,
        student.session_id,
    )


def test_typing_is_coalesced(student: Student, network: Network) -> None:
    page = student.opens()
    types(page, "essay", TEXT, pause=0.05)
    eventually(lambda: is_safe(page))
    assert len([each for each in network.seen if each.method == "PATCH"]) == 1


def refusal(page: Page, question: str, value: object) -> str:
    """The code of what a commit is refused for."""
    script = "([id, value]) => quiz.commit(id, value).then(() => '', (error) => error.code ?? String(error))"
    return str(page.evaluate(script, [question, value]))


PAPER: dict[str, Any] = {
    "questions": {"a": {}, "b": {}, "c": {}},
    "paper": {"sections": [{"questions": ["a", "b"], "navigation": "forward"}, {"questions": ["c"]}]},
}


def test_an_answer_that_is_not_accepted_says_so_and_holds_up_no_other(
    new_student: Callable[..., Student],
) -> None:
    student = new_student(rules=PAPER)
    page = student.opens()
    put(page, "c", "kept")
    assert refusal(page, "nowhere", "x") == "unknown_question"
    assert refusal(page, "a", "x" * 1_100_000) == "content_too_large"
    eventually(lambda: state(page, "c") in ("buffered", "committed"))
    assert (state(page, "nowhere"), state(page, "a"), state(page)) == ("refused", "refused", "refused")
    assert page.evaluate("quiz.commit('a', 'shorter').then(() => quiz.stateOf('a'))") == "committed"
    assert student.held() == {"a": "shorter", "c": "kept"}


def test_questions_may_be_called_anything(student: Student) -> None:
    names = ["constructor", "__proto__", "toString", "hasOwnProperty"]
    page = student.opens()
    for name in names:
        assert page.evaluate("(id) => quiz.answer(id) ?? null", name) is None
        assert (
            page.evaluate("(id) => quiz.commit(id, id).then((done) => done.durability)", name) == "committed"
        )
    assert told(page, "conflict") == []
    page.evaluate("quiz.handIn()")
    assert student.held() == {name: name for name in names}


def test_an_answer_to_a_question_that_is_locked_is_refused(new_student: Callable[..., Student]) -> None:
    student = new_student(rules=PAPER)
    page = student.opens()
    page.evaluate("quiz.commit('a', 1).then(() => quiz.commit('b', 2))")
    assert refusal(page, "a", 3) == "question_locked"
    assert page.evaluate("quiz.answer('a')") == 3
    page.evaluate("quiz.resolve('a', 'theirs')")
    assert (page.evaluate("quiz.answer('a')"), state(page, "a")) == (1, "committed")
    page.evaluate("quiz.commit('c', 3)")
    assert student.held() == {"a": 1, "b": 2, "c": 3}


def test_the_time_of_a_section_begins_with_it_and_what_comes_after_it_is_kept_for_staff(
    new_student: Callable[..., Student],
) -> None:
    sections = [{"questions": ["a", "b"], "time_limit_seconds": 2}, {"questions": ["c"]}]
    questions = {"a": {"content": "What?"}, "b": {}, "c": {}}
    student = new_student(rules={"questions": questions, "paper": {"sections": sections}})
    page = student.opens()
    content = "quiz.paper.sections[0].questions[0].content"
    assert page.evaluate(content) is None
    page.evaluate("quiz.enter(0)")
    assert page.evaluate(content) == "What?"
    page.evaluate("quiz.commit('a', 'in time')")
    time.sleep(2.5)
    assert refusal(page, "b", "too late") == "section_expired"
    put(page, "c", "goes on")
    eventually(lambda: student.held() == {"a": "in time", "c": "goes on"})
    assert (state(page, "b"), page.evaluate("quiz.late")) == ("refused", {"b": "too late"})


def test_what_a_firewall_refuses_holds_up_no_other(student: Student, network: Network) -> None:
    page = student.opens()
    network.blocks = b"DROP TABLE"
    for question, answer in {"a": "first", "b": "'; DROP TABLE students", "c": "last"}.items():
        put(page, question, answer)
    eventually(lambda: student.held() == {"a": "first", "c": "last"}, 60)
    assert state(page, "b") == "unsent"
    network.heal()
    eventually(lambda: is_safe(page), 60)
    assert len(student.held()) == 3


def test_a_request_that_was_held_up_does_not_outdo_what_was_typed_since(
    student: Student, network: Network
) -> None:
    page = student.opens()
    released = threading.Event()
    network.holds = (b"the old text", released)
    put(page, "essay", "the old text")
    # The library gives a request fifteen seconds.
    time.sleep(17)
    put(page, "essay", "the new text")
    eventually(lambda: student.held() == {"essay": "the new text"})
    released.set()
    eventually(lambda: student.held() == {"essay": "the old text"})
    put(page, "other", "so that it hears of it")
    eventually(lambda: student.held().get("essay") == "the new text")
    assert page.evaluate("quiz.answer('essay')") == "the new text"


def test_what_is_no_reply_of_the_service_is_none(student: Student, network: Network) -> None:
    page = student.opens()
    page.evaluate(
        """() => {
          const real = fetch;
          window.fetch = async (url, options) => options.method === "PATCH" && !window.healed
            ? new Response('{"status": "ok"}', { headers: { "Content-Type": "application/json" } })
            : real(url, options);
        }"""
    )
    put(page, "essay", TEXT)
    time.sleep(3)
    assert state(page) == "unsent"
    page.evaluate("window.healed = true")
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


# Without network


def test_what_is_typed_in_thirty_seconds_without_network_is_sent_in_at_most_two_writes(
    student: Student, network: Network
) -> None:
    page = student.opens()
    network.down = True
    for question in "abc":
        types(page, question, TEXT[:20])
    time.sleep(30)
    assert state(page) == "unsent"
    since = time.monotonic()
    network.heal()
    eventually(lambda: is_safe(page), 40)
    assert student.held() == dict.fromkeys("abc", TEXT[:20])
    assert len(network.writes(since)) <= 2


@pytest.mark.parametrize("way", ["loses_reply", "cuts_reply", "html"])
def test_what_was_not_told_to_be_kept_is_sent_again(student: Student, network: Network, way: str) -> None:
    page = student.opens()
    setattr(network, way, True)
    types(page, "essay", TEXT)
    eventually(lambda: len(network.writes()) >= 3)
    assert state(page) == "unsent"
    network.heal()
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retry_after_is_kept_to(student: Student, network: Network, status: int) -> None:
    page = student.opens()
    network.says = (status, "3")
    put(page, "essay", TEXT)
    first = eventually(lambda: [each for each in network.seen if each.status == status])[0].at
    network.heal()
    eventually(lambda: is_safe(page))
    assert min(each.at for each in network.seen if each.method == "PATCH" and each.at > first) >= first + 3
    assert student.held() == {"essay": TEXT}


def test_a_start_whose_reply_is_lost_is_one_start_also_after_a_reload(
    new_student: Callable[..., Student], network: Network, service: DevelopmentServer
) -> None:
    student = new_student(rules={"when_active": "new"})
    page = student.page()
    network.loses_reply = True
    page.evaluate("(options) => void open_(options)", student.options)
    eventually(lambda: [each for each in network.seen if each.path == "/sessions/start"])
    page.reload()
    page.wait_for_function("window.ready")
    network.heal()
    student.opens(page)
    found = call(service.address, "GET", f"/sessions?quiz_id={student.quiz_id}&user_id={student.user_id}")
    assert [each["id"] for each in found["sessions"]] == [student.session_id]


def test_a_token_that_never_comes_is_no_end(student: Student) -> None:
    page = student.opens()
    page.evaluate("void (window.token = () => new Promise(() => {}))")
    put(page, "essay", TEXT)
    eventually(lambda: told(page, "login"), 20)
    page.evaluate("void (window.token = () => '')")
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


def test_a_token_that_can_not_be_had_is_asked_for_again(student: Student) -> None:
    page = student.page()
    student.opens(page)
    page.evaluate("void (window.token = () => { throw new TypeError('Failed to fetch'); })")
    put(page, "essay", TEXT)
    time.sleep(3)
    assert state(page) == "unsent"
    page.evaluate("void (window.token = async () => '')")
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


def test_a_new_token_is_asked_for_and_it_goes_on(student: Student, network: Network) -> None:
    page = student.opens()
    network.says = (401, None)
    put(page, "essay", TEXT)
    eventually(lambda: told(page, "login"))
    network.heal()
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}
