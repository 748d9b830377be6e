"""Chromium, a page, and the service, each on an origin of its own.

Playwright's synchronous interface keeps the thread's event loop to itself until `chromium` is closed, with
the last test of this folder: no test here is async.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.harness.launch import DevelopmentServer, development_server
from tests.harness.needs import needs

from .killed import launched
from .network import Network, network_before
from .pages import Script, served_folder
from .students import Student, client_site, new_quiz

SITE = Path(__file__).with_name("site")
COMMAND = "chromium"
MISSING = "no Chromium here: `make chromium` installs it"
NEEDS_CHROMIUM = needs(shutil.which(COMMAND) is not None, MISSING)
NAME = "exam.example.org"
OPTIONS = [
    "--disable-gpu",
    "--disable-quic",
    # A name for this machine; no other leads anywhere.
    f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    executable = shutil.which(COMMAND)
    assert executable, MISSING
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=OPTIONS) as browser,
    ):
        yield browser


@pytest.fixture(scope="package")
def service() -> Iterator[DevelopmentServer]:
    """The service as `make run` starts it, with stores of its own."""
    with tempfile.TemporaryDirectory() as name, development_server(Path(name)) as server:
        yield server


@pytest.fixture(scope="package")
def guarded(site: str) -> Iterator[DevelopmentServer]:
    """Another one: it asks for tokens, lets pages of `site` in and no others, and may lie behind a path."""
    environment = {
        "AUTH_MODE": "jwt",
        "ALLOWED_ORIGINS": site,
        "BASE_PATH": "/exams",
        "UNKNOWN_QUIZZES": "accept",
    }
    with (
        tempfile.TemporaryDirectory() as name,
        development_server(Path(name), environment=environment) as server,
    ):
        yield server


@pytest.fixture(scope="package")
def site() -> Iterator[str]:
    """The origin of the page."""
    with served_folder(SITE) as origin:
        yield origin


@pytest.fixture(scope="package")
def page(chromium: Browser, site: str) -> Iterator[Page]:
    """A page of `site`, for scripts that leave nothing in it; others get one by `chromium.new_page()`."""
    with chromium.new_page() as page:
        page.goto(site)
        yield page


@pytest.fixture
def new_visitor(chromium: Browser) -> Iterator[Callable[[], Page]]:
    """Pages, each in a browser of its own; an error that a script leaves uncaught fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def made() -> Page:
        contexts.append(context := chromium.new_context(locale="en-US", timezone_id="UTC"))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        # What the policy for its content forbids is said there alone.
        page.on("console", lambda said: errors.append(said.text) if "Security Policy" in said.text else None)
        return page

    yield made
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def script(page: Page, service: DevelopmentServer) -> Script:
    """That of the page, which calls the service."""
    return Script(page, service.address)


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """The origin of the pages with the client library."""
    with tempfile.TemporaryDirectory() as name, served_folder(client_site(Path(name))) as origin:
        yield origin


@pytest.fixture
def network(service: DevelopmentServer) -> Iterator[Network]:
    """What lies between those pages and the service."""
    with network_before(service.address) as network:
        yield network


@pytest.fixture
def new_student(
    chromium: Browser, pages: str, service: DevelopmentServer, network: Network
) -> Iterator[Callable[..., Student]]:
    """Students with a device of their own, at a quiz of their own if none is named."""
    contexts = []

    def made(quiz_id: str | None = None, rules: object = None, **more: str) -> Student:
        context = chromium.new_context()
        contexts.append(context)
        quiz_id = quiz_id or new_quiz(service.address, rules)
        return Student(context, pages, service.address, network.address, quiz_id, **more)

    yield made
    for context in contexts:
        context.close()


@pytest.fixture
def student(new_student: Callable[..., Student]) -> Student:
    return new_student()


@dataclass
class Laptop:
    """A browser of its own, which can be killed, or put to sleep, and started again with its data."""

    chromium: Browser
    profile: Path
    student: Student

    def starts(self) -> None:
        self.student.context = _started(self.chromium, self.profile)


def _started(chromium: Browser, profile: Path) -> BrowserContext:
    executable = shutil.which(COMMAND)
    assert executable
    return launched(chromium, executable, profile, OPTIONS)


@pytest.fixture
def laptop(
    chromium: Browser, pages: str, service: DevelopmentServer, network: Network, tmp_path: Path
) -> Iterator[Laptop]:
    """Its student is at a quiz of their own."""
    quiz_id = new_quiz(service.address)
    context = _started(chromium, tmp_path)
    laptop = Laptop(chromium, tmp_path, Student(context, pages, service.address, network.address, quiz_id))
    yield laptop
    laptop.student.context.close()
