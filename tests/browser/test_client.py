"""The client library loses nothing, in Chromium, on a page of another origin."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page

from tests.harness.launch import ROOT, DevelopmentServer

from .conftest import COMMAND, NEEDS_CHROMIUM, OPTIONS
from .killed import asleep, frozen_postgres, kill, launched
from .network import Network, network_before
from .pages import served_folder
from .students import Student, call, client_site, eventually, is_safe, put, shown, state, told, types

pytestmark = NEEDS_CHROMIUM

TEXT = "It was the best of times, it was the worst of times."


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """The origin of the pages with the library."""
    with (
        tempfile.TemporaryDirectory() as name,
        client_site(Path(name), ROOT) as folder,
        served_folder(folder) as origin,
    ):
        yield origin


@pytest.fixture
def network(service: DevelopmentServer) -> Iterator[Network]:
    with network_before(service.address) as network:
        yield network


@pytest.fixture
def new_student(
    chromium: Browser, pages: str, service: DevelopmentServer, network: Network
) -> Iterator[Callable[..., Student]]:
    contexts = []

    def made(quiz_id: str | None = None, **more: str) -> Student:
        context = chromium.new_context()
        contexts.append(context)
        if quiz_id is None:
            call(service.address, "PUT", f"/quizzes/{(quiz_id := f'quiz-{uuid4()}')}", {})
        return Student(context, pages, service.address, network.address, quiz_id, **more)

    yield made
    for context in contexts:
        context.close()


@pytest.fixture
def student(new_student: Callable[..., Student]) -> Student:
    return new_student()


# Saving


def test_what_is_typed_is_unsent_then_buffered_then_committed(student: Student) -> None:
    page = student.opens()
    types(page, "essay", TEXT)
    assert state(page) == "unsent"
    eventually(lambda: state(page) == "buffered")
    assert student.held() == {"essay": TEXT}
    assert [each for each in dict.fromkeys(s for s, _ in shown(page, "essay"))] == ["unsent", "buffered"]


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


# Without network


def test_what_is_typed_without_network_is_sent_in_at_most_two_writes(
    student: Student, network: Network
) -> None:
    page = student.opens()
    network.down = True
    for question in "abc":
        types(page, question, TEXT[:20])
    time.sleep(5)
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


def test_a_new_token_is_asked_for_and_it_goes_on(student: Student, network: Network) -> None:
    page = student.opens()
    network.says = (401, None)
    put(page, "essay", TEXT)
    eventually(lambda: told(page, "login"))
    network.heal()
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


# Pages that go


def test_what_was_typed_just_before_a_page_is_closed_is_on_the_server(student: Student) -> None:
    page = student.opens()
    put(page, "essay", TEXT)
    time.sleep(0.2)
    page.close(run_before_unload=False)
    eventually(lambda: student.held() == {"essay": TEXT}, 2)


def test_what_is_too_large_for_a_page_that_closes_is_sent_at_the_next_opening(
    student: Student, network: Network
) -> None:
    page = student.opens()
    long = "x" * 61_000
    network.down = True
    put(page, "essay", long)
    page.close()
    network.heal()
    page = student.opens()
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": long}


def test_a_page_without_network_is_loaded_again_with_what_was_typed(
    student: Student, network: Network
) -> None:
    page = student.opens()
    put(page, "0", "sent before")
    eventually(lambda: is_safe(page))
    network.down = True
    types(page, "essay", TEXT)
    page.reload()
    page.wait_for_function("window.ready")
    student.opens(page)
    assert page.evaluate("[quiz.answer('0'), quiz.answer('essay'), quiz.stateOf('essay')]") == [
        "sent before",
        TEXT,
        "unsent",
    ]
    network.heal()
    eventually(lambda: is_safe(page), 40)
    assert student.held() == {"0": "sent before", "essay": TEXT}


def test_a_browser_that_is_killed_has_kept_what_was_typed(
    chromium: Browser, pages: str, service: DevelopmentServer, network: Network, tmp_path: Path
) -> None:
    executable = shutil.which(COMMAND)
    assert executable
    call(service.address, "PUT", f"/quizzes/{(quiz_id := f'quiz-{uuid4()}')}", {})
    context = launched(chromium, executable, tmp_path, OPTIONS)
    student = Student(context, pages, service.address, network.address, quiz_id)
    page = student.opens()
    network.down = True
    types(page, "essay", TEXT)
    eventually(lambda: kill(tmp_path) == 0)
    network.heal()
    assert student.held() == {}
    student.context = launched(chromium, executable, tmp_path, OPTIONS)
    page = student.opens()
    assert page.evaluate("quiz.answer('essay')") == TEXT
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}
    student.context.close()


# Servers that go


def test_while_postgresql_is_frozen_nothing_is_shown_as_committed(
    student: Student, service: DevelopmentServer
) -> None:
    page = student.opens()
    put(page, "a", "before")
    eventually(lambda: is_safe(page))
    with frozen_postgres(service):
        page.evaluate("void quiz.commit('b', 'meanwhile').then((done) => (window.done = done))")
        put(page, "essay", TEXT)
        eventually(lambda: state(page, "essay") == "buffered")
        assert "committed" not in {each for each, answer in shown(page, "b") if answer == "meanwhile"}
    eventually(lambda: page.evaluate("window.done ?? null"))
    eventually(lambda: student.held() == {"a": "before", "b": "meanwhile", "essay": TEXT})


def test_what_a_killed_valkey_has_lost_is_sent_again(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    types(page, "essay", TEXT)
    eventually(lambda: is_safe(page))
    service.stores.cache().flushall()
    eventually(lambda: student.held() == {"essay": TEXT}, 60)


# The device


@pytest.mark.parametrize("way", ["forbidden", "full"])
def test_where_the_device_keeps_nothing_it_says_so_and_goes_on(student: Student, way: str) -> None:
    broken = {
        "forbidden": "indexedDB.__proto__.open = () => { throw new DOMException('', 'SecurityError') }",
        "full": "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') }",
    }
    page = student.context.new_page()
    page.add_init_script(broken[way])
    page.goto(f"{student.site}/client.html")
    page.wait_for_function("window.ready")
    student.opens(page)
    types(page, "essay", TEXT)
    assert page.evaluate("quiz.isDurable") is False
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


# Tabs and devices


def test_two_tabs_are_one_client_and_one_sends(student: Student, network: Network) -> None:
    first, second = student.opens(), student.opens()
    types(first, "a", "from the first")
    types(second, "b", "from the second")
    for page in (first, second):
        eventually(lambda page=page: page.evaluate("[quiz.answer('a'), quiz.answer('b')]")  # type: ignore[misc]
                   == ["from the first", "from the second"])  # fmt: skip
        eventually(lambda page=page: is_safe(page))  # type: ignore[misc]
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
        eventually(lambda page=page: is_safe(page))  # type: ignore[misc]
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


# Time


def test_fifty_sessions_are_handed_in_by_the_timer(
    new_student: Callable[..., Student], network: Network, service: DevelopmentServer
) -> None:
    seeded = random.Random(20)
    network.uplink = lambda: seeded.uniform(0, 0.3)
    network.downlink = lambda: seeded.uniform(0, 0.3)
    first = new_student()
    call(service.address, "PUT", f"/quizzes/{first.quiz_id}", {"time_limit_seconds": 40})
    # A browser has few connections to a server: ten browsers, as five students on each would not meet.
    pages = [new_student(first.quiz_id).page() for _ in range(10)]
    for number, page in enumerate(pages):
        page.evaluate(
            """async ({ number, baseUrl, quizId }) => {
              window.all = [];
              for (let n = 0; n < 5; n += 1) {
                const userId = `timed-${number}-${n}`;
                const quiz = await client.openQuiz({ baseUrl, quizId, userId, token: () => "", storage: "memory" });
                quiz.set("essay", userId);
                quiz.on("ended", ({ session }) => all.push([session.status, session.late_ms, session.answers]));
              }
            }""",
            {"number": number, "baseUrl": network.address, "quizId": first.quiz_id},
        )
    ended = [each for page in pages for each in eventually(
        lambda page=page: page.evaluate("all.length === 5 && all"), 80)]  # type: ignore[misc]  # fmt: skip
    assert {(status, late) for status, late, _ in ended} == {("completed", 0)}
    completions = [each for each in network.seen if each.path.endswith("/complete")]
    assert [each.status for each in completions] == [200] * 50


@pytest.fixture
def sleeper(
    chromium: Browser, pages: str, service: DevelopmentServer, network: Network, tmp_path: Path
) -> Iterator[Student]:
    """A student on a laptop of their own, with ten seconds to go; its data is in tmp_path."""
    executable = shutil.which(COMMAND)
    assert executable
    call(service.address, "PUT", f"/quizzes/{(quiz_id := f'quiz-{uuid4()}')}", {"time_limit_seconds": 10})
    with launched(chromium, executable, tmp_path, OPTIONS) as context:
        yield Student(context, pages, service.address, network.address, quiz_id)


def test_who_wakes_up_after_the_deadline_goes_on_where_it_was_moved(
    sleeper: Student, service: DevelopmentServer, network: Network, tmp_path: Path
) -> None:
    page = sleeper.opens()
    network.down = True
    types(page, "essay", TEXT)
    with asleep(tmp_path):
        extension = {"seconds": 600, "reason": "the projector"}
        call(service.address, "POST", f"/sessions/{sleeper.session_id}/extend", extension)
        network.heal()
        time.sleep(12)
    eventually(lambda: page.evaluate("quiz.remainingMs") > 500_000, 2)
    eventually(lambda: is_safe(page))
    assert sleeper.held() == {"essay": TEXT}
    assert told(page, "ended") == []


def test_who_wakes_up_after_the_deadline_is_told_what_came_too_late_and_that_it_is_kept(
    sleeper: Student, service: DevelopmentServer, network: Network, tmp_path: Path
) -> None:
    page = sleeper.opens()
    network.down = True
    types(page, "essay", TEXT)
    with asleep(tmp_path):
        network.heal()
        time.sleep(12)
    (ended,) = eventually(lambda: told(page, "ended"))
    assert (ended["session"]["status"], ended["late"]) == ("expired", {"essay": TEXT})
    assert state(page) == "refused"
    late = call(service.address, "GET", f"/sessions/{sleeper.session_id}/late-answers")["late_answers"]
    assert [each["answers"] for each in late] == [{"essay": TEXT}]


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


def test_a_browser_whose_clock_is_wrong_shows_the_time_of_the_server(student: Student) -> None:
    page = student.context.new_page()
    page.add_init_script(
        "const now = Date.now; Date.now = () => now() + 600000;"
        "const D = Date; window.Date = class extends D { constructor(...a) { a.length ? super(...a) : super(D.now()) } };"
    )
    page.goto(f"{student.site}/client.html")
    page.wait_for_function("window.ready")
    student.opens(page)
    left = page.evaluate("quiz.remainingMs") / 1000
    assert abs(left - student.session()["time_remaining"]) < 2


# Manners


def test_an_idle_page_asks_once_in_thirty_seconds(student: Student, network: Network) -> None:
    student.opens()
    time.sleep(1)
    since = time.monotonic()
    time.sleep(62)
    assert len([each for each in network.seen if each.at > since]) <= 2
