"""A page of another origin takes an attempt, with nothing but `fetch`."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Error, Page

from tests.harness.launch import DevelopmentServer
from tests.harness.locks import row_held

from .conftest import NEEDS_CHROMIUM
from .pages import Script

pytestmark = NEEDS_CHROMIUM

NOBODYS = "/sessions/11111111-2222-4333-8444-555555555555"
ANSWER = {"question_id": 0, "answer": "A"}
AUTOSAVE = {**ANSWER, "autosave": True}


def test_a_start_that_is_sent_again_finds_its_session(script: Script) -> None:
    body, headers = {"user_id": "again", "quiz_id": "quiz1"}, {"X-Client-Id": "tab1", "Idempotency-Key": "1"}
    first, second = (script.fetch("POST", "/sessions/start", body, headers) for _ in range(2))
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]


def test_an_autosave_is_buffered(script: Script) -> None:
    reply = script.fetch("PATCH", f"{script.start()}/progress", AUTOSAVE, {"X-Client-Id": "tab1"})
    assert (reply.status, reply.json["durability"]) == (200, "buffered")


def test_an_answer_is_committed_where_the_page_knows_the_session(script: Script) -> None:
    path = script.start()
    headers = {"X-Client-Id": "tab1", "If-Match": script.fetch("GET", path).headers["etag"]}
    reply = script.fetch("PATCH", f"{path}/progress", ANSWER, headers)
    assert (reply.status, reply.json["durability"]) == (200, "committed")
    assert reply.headers["etag"] == script.fetch("GET", path).headers["etag"]


def test_a_page_that_knows_the_session_is_not_sent_it_again(script: Script) -> None:
    path = script.start()
    tag = script.fetch("GET", path).headers["etag"]
    reply = script.fetch("GET", path, None, {"If-None-Match": tag})
    assert (reply.status, reply.text) == (304, "")


def test_the_conflict_with_another_tab_is_readable(script: Script) -> None:
    path = script.start()
    script.fetch("PATCH", f"{path}/progress", AUTOSAVE, {"X-Client-Id": "tab1"})
    body = {"answers": {"0": "B"}, "based_on": {"0": None}}
    reply = script.fetch("PATCH", f"{path}/progress", body, {"X-Client-Id": "tab2"})
    assert (reply.status, reply.json["code"], reply.json["conflicts"]["0"]["answer"]) == (
        409,
        "answer_conflict",
        "A",
    )


def test_a_page_reads_what_it_wrote(script: Script) -> None:
    path = script.start()
    script.fetch("PATCH", f"{path}/progress", AUTOSAVE)
    assert script.fetch("GET", path).json["answers"] == {"0": "A"}


def test_a_page_hands_in(script: Script) -> None:
    path = script.start()
    tag = script.fetch("GET", path).headers["etag"]
    reply = script.fetch("POST", f"{path}/complete", {"answers": {"1": "B"}}, {"If-Match": tag})
    assert (reply.status, reply.json["status"], reply.json["answers"]) == (200, "completed", {"1": "B"})


def test_a_read_from_the_cache_alone_is_readable(script: Script, service: DevelopmentServer) -> None:
    path = script.start()
    service.stores.query(
        "DELETE FROM quiz_attempts WHERE id = %s RETURNING id", path.removeprefix("/sessions/")
    )
    assert script.fetch("GET", path).status == 200


def test_head_shows_the_entity_tag(script: Script) -> None:
    path = script.start()
    reply = script.fetch("HEAD", path)
    assert (reply.status, reply.headers["etag"], reply.text) == (
        200,
        script.fetch("GET", path).headers["etag"],
        "",
    )


# Headers of replies


@pytest.mark.parametrize("header", ["date", "etag", "location", "x-request-id"])
def test_a_start_shows_the_page_its_headers(script: Script, header: str) -> None:
    reply = script.fetch("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})
    assert reply.headers[header]


def test_a_page_follows_the_location_of_a_start(script: Script) -> None:
    started = script.fetch("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"})
    location = urlsplit(urljoin(started.url, started.headers["location"]))
    assert script.fetch("GET", location.path).json["id"] == started.json["id"]


def test_a_page_names_its_request(script: Script) -> None:
    assert script.fetch("GET", NOBODYS, headers={"X-Request-Id": "mine"}).headers["x-request-id"] == "mine"


def test_a_page_that_is_to_wait_knows_how_long(script: Script, service: DevelopmentServer) -> None:
    path = script.start()
    with row_held(service.stores, path.removeprefix("/sessions/")):
        reply = script.fetch("POST", f"{path}/complete")
    assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "session_busy", "2")


# Problems


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**ANSWER, "version": 7}, 409, "version_conflict"),
        ({**ANSWER, "answer": "A" * 70_000}, 413, "content_too_large"),
        ({}, 422, "invalid_input"),
    ],
    ids=["409", "413", "422"],
)
def test_a_problem_with_a_body_is_readable(
    script: Script, body: dict[str, object], status: int, code: str
) -> None:
    reply = script.fetch("PATCH", f"{script.start()}/progress", body)
    assert (reply.status, reply.json["code"]) == (status, code)


def test_a_problem_with_a_body_that_is_no_json_is_readable(script: Script) -> None:
    reply = script.fetch("PATCH", f"{script.start()}/progress", text="{")
    assert (reply.status, reply.json["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("DELETE", 405)])
def test_a_problem_with_an_address_is_readable(script: Script, method: str, status: int) -> None:
    reply = script.fetch(method, NOBODYS)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")


# Preflights


def test_one_preflight_is_enough_for_the_autosaves_of_a_session(script: Script, page: Page) -> None:
    path = script.start()
    sent: list[str] = []
    # Pages and Playwright's own events do not know of preflights.
    developer_tools = page.context.new_cdp_session(page)
    developer_tools.on("Network.requestWillBeSent", lambda event: sent.append(event["request"]["method"]))
    developer_tools.send("Network.enable")
    for _ in range(2):
        script.fetch("PATCH", f"{path}/progress", AUTOSAVE, {"X-Client-Id": "tab1"})
    developer_tools.detach()
    assert sorted(sent) == ["OPTIONS", "PATCH", "PATCH"]


def test_a_header_that_the_service_does_not_know_is_not_sent(script: Script) -> None:
    with pytest.raises(Error, match="Failed to fetch"):
        script.fetch("GET", "/health", headers={"X-Surprise": "1"})
