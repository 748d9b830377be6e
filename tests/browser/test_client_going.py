"""The client library: pages, browsers and servers go, and no answer with them."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from development_server import processes
from tests.harness.launch import DevelopmentServer, development_server

from .conftest import NEEDS_CHROMIUM, Laptop
from .killed import frozen_postgres, kill
from .network import Network, network_before
from .students import TEXT, Student, eventually, is_safe, new_quiz, put, shown, state, told, types

pytestmark = NEEDS_CHROMIUM


# Pages that go


def test_what_was_typed_just_before_a_page_is_closed_is_on_the_server(student: Student) -> None:
    page = student.opens()
    put(page, "essay", TEXT)
    time.sleep(0.2)
    page.close(run_before_unload=False)
    eventually(lambda: student.held() == {"essay": TEXT}, 2)


def test_without_keepalive_a_page_that_is_closed_sends_a_beacon(student: Student, network: Network) -> None:
    page = student.page("delete Request.prototype.keepalive")
    student.opens(page)
    put(page, "essay", TEXT)
    time.sleep(0.2)
    page.close()
    eventually(lambda: student.held() == {"essay": TEXT}, 2)
    eventually(lambda: [each.status for each in network.seen if each.path.endswith("/beacon")] == [204])


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


def test_a_browser_that_is_killed_has_kept_what_was_typed(laptop: Laptop, network: Network) -> None:
    student = laptop.student
    page = student.opens()
    network.down = True
    types(page, "essay", TEXT)
    eventually(lambda: kill(laptop.profile) == 0)
    network.heal()
    assert student.held() == {}
    laptop.starts()
    page = student.opens()
    assert page.evaluate("quiz.answer('essay')") == TEXT
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


def test_a_browser_that_is_killed_before_it_hears_of_its_write_sends_it_again(
    laptop: Laptop, network: Network
) -> None:
    student = laptop.student
    page = student.opens()
    network.downlink = lambda: 5.0
    put(page, "essay", TEXT)
    eventually(lambda: student.held() == {"essay": TEXT})
    eventually(lambda: kill(laptop.profile) == 0)
    network.heal()
    laptop.starts()
    page = student.opens()
    eventually(lambda: is_safe(page))
    assert (student.held(), told(page, "conflict")) == ({"essay": TEXT}, [])


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.1, 0.3, 0.8])
def test_whenever_a_browser_is_killed_what_the_device_took_is_there(laptop: Laptop, pause: float) -> None:
    student = laptop.student
    page = student.opens()
    types(page, "essay", TEXT, pause=0)
    time.sleep(pause)
    eventually(lambda: kill(laptop.profile) == 0)
    laptop.starts()
    page = student.opens()
    assert page.evaluate("quiz.answer('essay')") == TEXT
    eventually(lambda: is_safe(page))
    assert student.held() == {"essay": TEXT}


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


def test_a_valkey_that_is_killed_loses_nothing(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    put(page, "a", "before")
    eventually(lambda: is_safe(page))
    processes.send(service.stores.cache().info("server")["process_id"], signal.SIGKILL)
    put(page, "b", "meanwhile")
    eventually(lambda: student.held() == {"a": "before", "b": "meanwhile"}, 60)
    eventually(lambda: is_safe(page))


def test_a_service_that_is_killed_is_waited_for(chromium: Browser, pages: str, folder: Path) -> None:
    with (
        chromium.new_context() as context,
        development_server(folder) as first,
        network_before(first.address) as network,
    ):
        student = Student(context, pages, first.address, network.address, new_quiz(first.address))
        page = student.opens()
        put(page, "a", "before")
        eventually(lambda: is_safe(page))
        first.process.kill()
        types(page, "b", "meanwhile")
        first.process.ends()
        with development_server(folder, environment={"PORT": str(first.port)}):
            eventually(lambda: state(page, "b") == "buffered", 60)
            assert student.held() == {"a": "before", "b": "meanwhile"}
            eventually(lambda: is_safe(page))


def test_what_a_valkey_has_lost_is_sent_again(student: Student, service: DevelopmentServer) -> None:
    page = student.opens()
    types(page, "essay", TEXT)
    eventually(lambda: is_safe(page))
    service.stores.cache().flushall()
    eventually(lambda: student.held() == {"essay": TEXT}, 60)
