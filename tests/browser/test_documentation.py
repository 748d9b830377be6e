"""/docs as developers see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.harness.launch import DevelopmentServer

from .conftest import NAME, NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM

PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Documentation:
    """/docs in a browser; what the page said, and what it asked for."""

    page: Page
    address: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def visit(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{self.address}/docs")
        self.page.locator(".opblock").first.wait_for()


@pytest.fixture(scope="module", params=["", "/exams"], ids=["", "behind-a-path"])
def docs(
    request: pytest.FixtureRequest, chromium: Browser, guarded: DevelopmentServer
) -> Iterator[Documentation]:
    """Those of a service that asks for no token to show them."""
    with chromium.new_page() as page:
        # By a name: on 127.0.0.1 Swagger UI leaves out what it asks its makers for.
        docs = Documentation(page, f"http://{NAME}:{guarded.port}{request.param}")
        docs.visit()
        yield docs


def test_every_operation_is_drawn(docs: Documentation, guarded: DevelopmentServer) -> None:
    document = httpx.get(f"{guarded.address}/openapi.json").json()
    expected = {each["operationId"] for path in document["paths"].values() for each in path.values()}
    drawn = docs.page.locator(".opblock").evaluate_all("all => all.map(each => each.id)")
    assert {each.rpartition("-")[2] for each in drawn} == expected


def test_nothing_is_asked_of_another_place(docs: Documentation) -> None:
    assert docs.asked
    assert [url for url in docs.asked if not url.startswith(f"{docs.address}/")] == []


def test_an_operation_can_be_tried(docs: Documentation) -> None:
    operation = docs.page.locator("[id=operations-health-getHealth]")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table", has_text='"status": "ok"').wait_for()
    assert docs.asked[-1] == f"{docs.address}/health"


def test_a_token_given_to_it_is_not_kept_by_the_browser(docs: Documentation) -> None:
    docs.page.get_by_role("button", name="Authorize").first.click()
    dialog = docs.page.locator(".dialog-ux")
    dialog.get_by_role("textbox").fill("a.token.of-mine")
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Remove authorization").wait_for()
    assert "of-mine" not in docs.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")


def test_no_other_page_may_frame_it(guarded: DevelopmentServer) -> None:
    headers = httpx.get(f"{guarded.address}/docs").headers
    assert headers["content-security-policy"] == "frame-ancestors 'none'"


def test_the_page_has_no_errors(docs: Documentation) -> None:
    assert docs.said == []
    assert docs.page.locator(".errors-wrapper").count() == 0
