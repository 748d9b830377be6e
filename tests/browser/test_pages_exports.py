"""The console's tab for exports."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.harness.launch import DevelopmentServer

from .conftest import NEEDS_CHROMIUM
from .results import console, essays, refused
from .screens import looked_at
from .students import call

pytestmark = NEEDS_CHROMIUM
ESSAYS = ("Light is slower in water.", "=1+1", "Ich weiß es nicht.")
LONG_SECONDS = 60


@pytest.fixture
def quiz(service: DevelopmentServer) -> str:
    quiz_id, _ = essays(service.address, *ESSAYS)
    return quiz_id


@pytest.fixture
def page(service: DevelopmentServer, new_visitor: Callable[[], Page], quiz: str) -> Page:
    return console(new_visitor(), service.address, quiz, "exports")


def starts(page: Page) -> Locator:
    """Start an export, and return what is shown of it."""
    page.get_by_role("button", name="Start the export").click()
    return page.get_by_role("article").first


def downloaded(page: Page, export: Locator) -> bytes:
    """The file of an export, which is as its page says."""
    with page.expect_download() as download:
        export.get_by_role("button", name="Download").click()
    content = Path(download.value.path()).read_bytes()
    expect(export.locator("code")).to_have_text(hashlib.sha256(content).hexdigest())
    return content


def exported(**changed: Any) -> dict[str, Any]:
    """An export as the service shows it."""
    return {
        "id": "0f2b8f9e-6f0c-4a55-9d0e-0d4f6c1b7a11",
        "quiz_id": "physics",
        "format": "csv",
        "what": ["attempts", "answers"],
        "status": "running",
        "rows": 0,
        "requested_at": "2027-01-15T10:02:11Z",
        "taken_at": None,
        "finished_at": None,
        "bytes": None,
        "sha256": None,
        "url": None,
        **changed,
    }


DONE: dict[str, Any] = {
    "status": "done",
    "rows": 61_230,
    "taken_at": "2027-01-15T10:02:24Z",
    "finished_at": "2027-01-15T10:02:30Z",
    "bytes": 1_830_422,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


def shown_as(page: Page, *states: dict[str, Any]) -> None:
    """Let the service tell these states of any export, one after the other, the last one for ever."""
    left = list(states)

    def tell(route: Route) -> None:
        state = left.pop(0) if len(left) > 1 else left[0]
        route.fulfill(json=exported(**state))

    page.route("**/exports/*", tell)


def test_an_export_as_ndjson_is_downloaded_and_read(page: Page, quiz: str) -> None:
    looked_at(page, "console-exports")
    page.get_by_label("NDJSON").check()
    page.get_by_label("Audit logs").check()
    export = starts(page)
    expect(export).to_contain_text("NDJSON: Attempts, Answers, Results, Audit logs")
    expect(export).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    looked_at(page, "console-exports-done")
    records = [json.loads(line) for line in gzip.decompress(downloaded(page, export)).splitlines()]
    assert {record["record"] for record in records} == {"attempt", "answer", "result", "event"}
    assert {record["quiz_id"] for record in records} == {quiz}
    answers = [record for record in records if record["record"] == "answer"]
    assert {each["answer"] for each in answers if each["question"] == "essay"} == set(ESSAYS)
    expect(export).to_contain_text(f"{len(records)} records")
    expect(export.get_by_text("The download has been started.")).to_be_visible()


def test_an_export_is_started_and_downloaded_by_keyboard_alone(page: Page) -> None:
    keys = page.keyboard
    page.get_by_label("CSV").focus()
    expect(page.get_by_label("CSV")).to_be_checked()
    for label in ("Attempts", "Answers", "Results", "Audit logs"):
        keys.press("Tab")
        expect(page.get_by_label(label)).to_be_focused()
        if label in ("Answers", "Results"):
            keys.press(" ")
    keys.press("Tab")
    keys.press("Enter")
    export = page.get_by_role("article", name="CSV: Attempts")
    expect(export).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    keys.press("Tab")
    expect(export.get_by_role("button", name="Download")).to_be_focused()
    with page.expect_download() as download:
        keys.press("Enter")
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert [Path(name).stem for name in archive.namelist()] == ["attempts"]
    keys.press("Tab")
    keys.press("Enter")
    expect(export).to_be_hidden()
    expect(page.get_by_role("heading", name="Asked for in this browser tab")).to_be_focused()


def test_each_download_asks_for_a_link_of_its_own(page: Page) -> None:
    export = starts(page)
    expect(export).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    for _ in range(2):
        with page.expect_response("**/exports/*") as reply, page.expect_download() as download:
            export.get_by_role("button", name="Download").click()
        assert download.value.url.endswith(reply.value.json()["url"])


def test_exports_are_still_listed_after_a_reload_and_in_no_other_tab(
    page: Page, service: DevelopmentServer, quiz: str
) -> None:
    expect(starts(page)).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    page.get_by_role("link", name="Marking").click()
    page.get_by_role("link", name="Exports").click()
    expect(page.get_by_role("article")).to_contain_text("Done:")
    page.reload()
    expect(page.get_by_role("article")).to_contain_text("Done:")
    other = page.context.new_page()
    console(other, service.address, quiz, "exports")
    expect(other.locator("[data-state=none]")).to_be_visible()


def test_nothing_is_exported_unless_something_is_chosen(page: Page) -> None:
    for label in ("Attempts", "Answers", "Results"):
        page.get_by_label(label).uncheck()
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one of them.")
    expect(page.get_by_role("article")).to_have_count(0)


def test_a_running_export_tells_how_far_it_is(page: Page) -> None:
    under_way = {"rows": 12_000, "taken_at": "2027-01-15T10:02:24Z"}
    shown_as(page, under_way)
    export = starts(page)
    expect(export).to_contain_text("Under way: 12,000 records so far.")
    looked_at(page, "console-exports-running")
    # The route that was made last wins: in between the service itself is never asked.
    shown_as(page, {"rows": 40_000, "taken_at": "2027-01-15T10:02:24Z"}, {**DONE, "url": "0f2b/file"})
    expect(export).to_contain_text("Under way: 40,000 records so far.")
    expect(export).to_contain_text("Done: 61,230 records, 1.8 MB.")


def test_an_export_that_failed_says_so(page: Page) -> None:
    shown_as(page, {"status": "failed", "finished_at": "2027-01-15T10:20:00Z"})
    export = starts(page)
    expect(export).to_contain_text("It failed")
    expect(export.get_by_role("button", name="Download")).to_have_count(0)
    looked_at(page, "console-exports-failed")


def test_a_file_that_was_removed_is_not_promised(page: Page) -> None:
    shown_as(page, {**DONE, "url": "0f2b/file"}, {**DONE, "url": None})
    export = starts(page)
    export.get_by_role("button", name="Download").click()
    expect(export.get_by_text("The file was removed; files are kept for a week.")).to_be_visible()
    expect(export.get_by_role("button", name="Download")).to_have_count(0)
    looked_at(page, "console-exports-removed")


def test_an_export_whose_reply_is_lost_is_begun_once(
    page: Page, service: DevelopmentServer, quiz: str
) -> None:
    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/quizzes/*/exports", lost)
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_role("alert")).to_contain_text("No export was started. The service can’t be reached.")
    page.unroute("**/quizzes/*/exports")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("article")).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    actions = call(service.address, "GET", f"/staff-actions?quiz_id={quiz}")["actions"]
    assert [action["action"] for action in actions].count("export") == 1


@pytest.mark.parametrize(
    ("name", "status", "code", "words"),
    [
        ("too-many", 429, "too_many_requests", "Three exports that you asked for are running already."),
        ("off", 404, "exports_off", "This service has no place for the files of exports."),
        ("forbidden", 403, "forbidden", "You are not allowed to do this."),
        ("down", 503, "store_unavailable", "The service can’t reach its database at the moment."),
    ],
)
def test_an_export_that_is_not_started_says_why_and_keeps_what_was_chosen(
    name: str, status: int, code: str, words: str, page: Page
) -> None:
    page.get_by_label("NDJSON").check()
    page.get_by_label("Answers").uncheck()
    refused(page, "**/quizzes/*/exports", status, code)
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_label("NDJSON")).to_be_checked()
    expect(page.get_by_label("Answers")).not_to_be_checked()
    looked_at(page, f"console-exports-{name}")
    page.unroute("**/quizzes/*/exports")
    starts(page)
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_while_the_database_is_away_an_export_is_looked_up_again(page: Page) -> None:
    refused(page, "**/exports/*", 503, "store_unavailable")
    export = starts(page)
    expect(export.get_by_role("alert")).to_contain_text("How far it is can’t be told.")
    page.unroute("**/exports/*")
    expect(export).to_contain_text("Done:", timeout=LONG_SECONDS * 1000)
    expect(export.get_by_role("alert")).to_have_count(0)
