"""The page in docs/client.md, as somebody uses it who takes a quiz."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.harness.launch import ROOT, DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .network import Network
from .pages import served_folder
from .students import TEXT, call, client_site, new_quiz

pytestmark = NEEDS_CHROMIUM

MAX_LINES = 60
RULES = {
    "questions": {"a": {"content": {"text": "What were they?"}}, "b": {"content": {"text": "And then?"}}},
    "paper": {"sections": [{"questions": ["a", "b"]}]},
}


@pytest.fixture(scope="module")
def source() -> str:
    (block,) = re.findall(r"^```html\n(.*?)^```$", (ROOT / "docs/client.md").read_text(), re.M | re.S)
    return str(block)


@pytest.fixture(scope="module")
def exam(source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page."""
    folder: Path = client_site(tmp_path_factory.mktemp("exam"))
    (folder / "exam.html").write_text(source)
    with served_folder(folder) as origin:
        yield f"{origin}/exam.html"


@pytest.fixture
def quiz_id(service: DevelopmentServer) -> str:
    return new_quiz(service.address, RULES)


@pytest.fixture
def opened(chromium: Browser, exam: str, quiz_id: str, network: Network) -> Iterator[Page]:
    with chromium.new_page() as page:
        page.goto(f"{exam}?base={network.address}&quiz={quiz_id}&user=ada")
        yield page


def answers(service: DevelopmentServer, quiz_id: str) -> object:
    session = call(service.address, "GET", f"/sessions/current?quiz_id={quiz_id}&user_id=ada")
    return session["answers"]


def test_it_is_short(source: str) -> None:
    assert len(source.splitlines()) <= MAX_LINES


def test_it_saves_survives_a_reload_and_hands_in(
    opened: Page, quiz_id: str, service: DevelopmentServer
) -> None:
    opened.get_by_label("What were they?").fill(TEXT)
    expect(opened.get_by_role("status")).to_have_text("All answers have arrived.")
    assert answers(service, quiz_id) == {"a": TEXT}
    opened.reload()
    expect(opened.get_by_label("What were they?")).to_have_value(TEXT)
    expect(opened.get_by_role("timer")).to_have_text("30 minutes left")
    opened.get_by_role("button", name="Hand in").click()
    expect(opened.get_by_role("status")).to_have_text("You have handed in.")
    expect(opened.get_by_role("timer")).to_have_text("0 minutes left")


def test_it_says_what_is_on_the_device_only(opened: Page, network: Network) -> None:
    opened.get_by_label("And then?").wait_for()
    network.down = True
    opened.get_by_label("And then?").fill(TEXT)
    expect(opened.get_by_role("status")).to_have_text("Some answers are kept on this device only.")
    network.heal()
    expect(opened.get_by_role("status")).to_have_text("All answers have arrived.", timeout=30_000)


def test_it_asks_which_of_two_texts_is_to_stand(
    opened: Page, quiz_id: str, service: DevelopmentServer
) -> None:
    opened.get_by_label("And then?").wait_for()
    session = call(service.address, "GET", f"/sessions/current?quiz_id={quiz_id}&user_id=ada")
    call(service.address, "PATCH", f"/sessions/{session['id']}/progress", {"answers": {"a": "by phone"}})
    opened.get_by_label("What were they?").fill(TEXT)
    opened.get_by_role("button", name="Keep mine").click()
    expect(opened.get_by_role("status")).to_have_text("All answers have arrived.", timeout=20_000)
    assert answers(service, quiz_id) == {"a": TEXT}


def test_it_says_why_it_can_not_be_taken(
    opened: Page, exam: str, network: Network, service: DevelopmentServer
) -> None:
    closed = new_quiz(
        service.address, {"opens_at": "2020-01-01T00:00:00Z", "closes_at": "2020-01-02T00:00:00Z"}
    )
    opened.goto(f"{exam}?base={network.address}&quiz={closed}&user=ada")
    expect(opened.get_by_role("status")).to_contain_text("closed")
