"""`sam build`, `sam local invoke` and `sam local start-api`, as docs/deploy.md has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.harness.runtime import request_event, sample
from tests.sam_local.conftest import SamLocal


@pytest.fixture(scope="module")
def api(sam: SamLocal) -> Iterator[httpx.Client]:
    with sam.api() as http:
        yield http


def is_now(text: str) -> bool:
    # The containers of Docker Desktop have a clock of their own.
    return abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(seconds=5)


def session_of(reply: httpx.Response, status_code: int = 200) -> dict[str, Any]:
    assert reply.status_code == status_code, reply.text
    session: dict[str, Any] = reply.json()
    return session


def start(api: httpx.Client) -> dict[str, Any]:
    return session_of(api.post("/sessions/start", json={"user_id": str(uuid4()), "quiz_id": "quiz1"}), 201)


def test_a_session_by_invocations_in_both_payloads(sam: SamLocal) -> None:
    started = sam.invoke("SessionApiFunction", request_event("start"))
    assert started["statusCode"] == 201, started
    session_id = json.loads(started["body"])["id"]
    answered = sam.invoke("SessionApiFunction", request_event("rest_progress", session_id))
    assert (answered["statusCode"], json.loads(answered["body"])["answers"]) == (200, {"0": "A"})


def test_a_session_over_http_with_a_flush_in_between(sam: SamLocal, api: httpx.Client) -> None:
    session = start(api)
    assert is_now(session["started_at"])
    path = f"/sessions/{session['id']}"
    answered = session_of(api.patch(f"{path}/progress", json={"question_id": 0, "answer": "A"}))
    assert (answered["durability"], answered["version"]) == ("committed", 1)
    saved = session_of(
        api.patch(f"{path}/progress", json={"question_id": 1, "answer": "B", "autosave": True})
    )
    assert (saved["durability"], saved["buffered_questions"]) == ("buffered", ["1"])
    report = sam.invoke("FlushFunction", sample("schedule"))
    assert (report["SessionsFlushed"], report["SessionsExpired"], report["FlushFailures"]) == (1, 0, 0)
    read = session_of(api.get(path))
    assert (read["status"], read["answers"]) == ("in_progress", {"0": "A", "1": "B"})
    assert read["buffered_questions"] == []
    ended = session_of(api.post(f"{path}/complete", json={"answers": {"2": "C"}}))
    assert (ended["status"], ended["answers"]) == ("completed", {"0": "A", "1": "B", "2": "C"})
    assert is_now(ended["completed_at"])


def test_of_two_answers_within_a_second_the_later_one_counts(api: httpx.Client) -> None:
    path = f"/sessions/{start(api)['id']}"
    api.patch(f"{path}/progress", json={"question_id": 0, "answer": "A"})
    api.patch(f"{path}/progress", json={"question_id": 0, "answer": "B", "autosave": True})
    assert session_of(api.get(path))["answers"] == {"0": "B"}
    assert session_of(api.post(f"{path}/complete", json={}))["answers"] == {"0": "B"}


def test_refusals_are_problem_documents(api: httpx.Client) -> None:
    path = f"/sessions/{start(api)['id']}"
    session_of(api.post(f"{path}/complete", json={}))
    refused = api.patch(f"{path}/progress", json={"question_id": 0, "answer": "A"})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    missing = api.get(f"/sessions/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "session_not_found")
