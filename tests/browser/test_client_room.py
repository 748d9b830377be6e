"""The client library: a proctor watches a room, and acts on one, some or all."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .network import Network
from .students import Student, call, eventually

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def room(student: Student, service: DevelopmentServer) -> tuple[Page, list[str]]:
    """A page that watches a quiz, and the sessions of three who take it."""
    sessions = [
        call(service.address, "POST", "/sessions/start", {"user_id": name, "quiz_id": student.quiz_id})["id"]
        for name in ("ada", "ben", "cem")
    ]
    page = student.page()
    page.evaluate(
        """({ baseUrl, quizId }) => {
          window.room = client.watchQuiz({ baseUrl, quizId, token: () => "" });
          room.on("change", (change) => told.push(["change", change]));
        }""",
        student.options,
    )
    eventually(lambda: page.evaluate("room.rows.size") == 3)
    return page, sessions


def row(page: Page, session_id: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("(id) => room.rows.get(id)", session_id)
    return found


def test_the_rows_follow_who_takes_the_quiz(
    room: tuple[Page, list[str]], student: Student, service: DevelopmentServer
) -> None:
    page, (first, *_) = room
    assert page.evaluate("[room.totals.open, room.presence, room.problem]") == [3, True, None]
    call(service.address, "PATCH", f"/sessions/{first}/progress", {"answers": {"a": 1}})
    eventually(lambda: row(page, first)["answered"] == 1, 10)


def test_acts_are_on_one_some_or_all(room: tuple[Page, list[str]]) -> None:
    page, (first, second, third) = room
    page.evaluate("(ids) => room.extend(ids, 600, 'came late')", [first])
    eventually(lambda: row(page, first)["extra_seconds"] == 600, 10)
    assert row(page, second)["extra_seconds"] == 0
    assert page.evaluate("room.pause('all', 'the fire alarm')")["paused"] == 3
    eventually(lambda: page.evaluate("room.totals.paused") == 3, 10)
    assert page.evaluate("room.resume('all', 'it is over')")["resumed"] == 3
    assert page.evaluate("(ids) => room.notify(ids, 'Five more minutes.')", [first, second])["notified"] == 2
    assert page.evaluate("(ids) => room.handIn(ids, 'taken ill')", [third])["completed"] == 1
    eventually(lambda: row(page, third)["status"] == "completed", 10)
    assert row(page, first)["status"] != "completed"


def test_an_act_whose_reply_is_lost_is_done_once(room: tuple[Page, list[str]], network: Network) -> None:
    page, (first, *_) = room
    network.loses_reply = True
    page.evaluate(
        "(ids) => void room.extend(ids, 60, 'came late').then((done) => (window.done = done))", [first]
    )
    eventually(lambda: [each for each in network.seen if each.path.endswith("/extend")])
    network.heal()
    eventually(lambda: page.evaluate("window.done ?? null"))
    eventually(lambda: row(page, first)["extra_seconds"] == 60, 15)


def test_who_can_not_see_the_room_is_told_why(room: tuple[Page, list[str]], network: Network) -> None:
    page, _ = room
    network.says = (403, None)
    eventually(lambda: page.evaluate("room.problem?.code") == "from_the_network", 10)
    network.heal()
    eventually(lambda: page.evaluate("room.problem === null"), 20)


@pytest.mark.parametrize("ids", ["undefined", "null", "'one'"])
def test_an_empty_selection_is_not_everybody(room: tuple[Page, list[str]], ids: str) -> None:
    page, sessions = room
    assert page.evaluate(f"room.handIn({ids}, 'x').catch(({{ name }}) => name)") == "TypeError"
    assert {row(page, each)["status"] for each in sessions} == {"started"}


def test_what_is_no_act_is_refused(room: tuple[Page, list[str]]) -> None:
    page, _ = room
    refused = page.evaluate("(id) => room.pause([id], 'x').catch(({ code }) => code)", str(uuid4()))
    assert refused is not None
