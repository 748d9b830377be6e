"""What tests of the HTTP contract use."""

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import redis

from quiz_sessions.domain.timestamps import Micros
from tests.harness import tables
from tests.harness.stores import Stores
from tests.harness.tables import Database

SESSION_FIELDS = {
    "id",
    "user_id",
    "quiz_id",
    "attempt_no",
    "status",
    "current_question",
    "answers",
    "version",
    "server_time",
    "time_remaining",
    "started_at",
    "expires_at",
    "accepts_until",
    "paused",
    "pause_seconds",
    "sections",
    "last_updated",
    "completed_at",
    "group",
    "label",
    "metadata",
    "unread_notices",
    "late_ms",
    "score",
    "max_score",
    "grading",
    "durability",
    "buffered_questions",
    "answer_tags",
    "receipt",
    "next_autosave_after_ms",
}
MOVING = {"server_time", "time_remaining", "next_autosave_after_ms"}
"""What two replies on the same session may say differently."""
PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "request_id"}
JSON_TYPE = {"Content-Type": "application/json"}
TO_START = {"user_id": "user1", "quiz_id": "quiz1"}
ONE: dict[str, Any] = {"question_id": 1, "answer": "A"}
ENTITY_TAG = re.compile('"[0-9]+-[0-9a-f]{16}"')
MIB = 1024 * 1024
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MILLI: Micros = 1000
LIMIT: Micros = 1_800_000 * MILLI
"""The time limit of an attempt."""


class Progress:
    """One session, spoken to over HTTP."""

    def __init__(self, http: httpx.AsyncClient, session: dict[str, Any]) -> None:
        self.http = http
        self.started = session
        self.id: str = session["id"]
        self.path = f"/sessions/{self.id}"

    async def read(self) -> dict[str, Any]:
        reply = await self.http.get(self.path)
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def patch(self, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
        return await self.http.patch(f"{self.path}/progress", json=body, headers=headers)

    async def send(self, text: str | bytes, headers: Mapping[str, str] = JSON_TYPE) -> httpx.Response:
        return await self.http.patch(f"{self.path}/progress", content=text, headers=headers)

    async def answer(self, question: int | str, answer: Any, **more: Any) -> dict[str, Any]:
        reply = await self.patch(question_id=question, answer=answer, **more)
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def complete(self, **body: Any) -> httpx.Response:
        return await self.http.post(f"{self.path}/complete", json=body)

    async def abandon(self) -> httpx.Response:
        return await self.http.post(f"{self.path}/abandon")


async def started(http: httpx.AsyncClient, **fields: str) -> Progress:
    reply = await http.post("/sessions/start", json={**TO_START, **fields})
    assert reply.status_code == 201, reply.text
    session = reply.json()
    assert session.pop("resumed") is False
    return Progress(http, session)


@dataclass(frozen=True)
class Store:
    """What both stores hold beyond the read cache."""

    stores: Stores
    database: Database
    valkey: redis.Redis

    def everything(self) -> dict[str, Any]:
        return self.stores.everything()

    def row(self, session: Progress) -> dict[str, Any]:
        return tables.row(self.database, UUID(session.id))

    def events(self, session: Progress) -> list[tuple[object, Any]]:
        rows = self.database.execute(
            "SELECT type, changes FROM attempt_events WHERE attempt_id = %s ORDER BY revision", [session.id]
        )
        return [(row["type"], row["changes"]) for row in rows]

    def forget_cached(self, session: Progress) -> None:
        assert self.valkey.delete(f"session:{session.id}") == 1


def check_problem(reply: httpx.Response, status: int, code: str, *extra: str) -> dict[str, Any]:
    """That `reply` is this problem, with these members beyond the usual ones."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), (
        reply.text
    )
    body: dict[str, Any] = reply.json()
    assert body["code"] == code, body
    assert set(body) - {"errors", "question_id"} == PROBLEM_FIELDS | set(extra)
    assert body["request_id"] == reply.headers["x-request-id"]
    assert (reply.headers["cache-control"], reply.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )
    assert body["status"] == status
    assert all(isinstance(body[name], str) and body[name] for name in PROBLEM_FIELDS - {"status"})
    return body


def check_session(reply: httpx.Response, status: int = 200, more: Set[str] = frozenset()) -> dict[str, Any]:
    """That `reply` is a session, as every endpoint shows one, with `more` members."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), reply.text
    body: dict[str, Any] = reply.json()
    assert set(body) == SESSION_FIELDS | more
    assert ENTITY_TAG.fullmatch(reply.headers["etag"])
    assert reply.headers["cache-control"] == "no-store"
    return body


def check_start(reply: httpx.Response, status: int = 201) -> dict[str, Any]:
    """That `reply` is a session as a start shows it; returns it as others do."""
    body = check_session(reply, status, {"resumed"})
    assert body.pop("resumed") is False
    return body


def lasting(session: Mapping[str, Any]) -> dict[str, Any]:
    """A session without what moves by itself."""
    return {name: value for name, value in session.items() if name not in MOVING}


def expire(store: Store, session: Progress) -> None:
    """Move the deadline into the past, where neither the row nor the cache says expired yet."""
    store.database.execute(
        "UPDATE quiz_attempts SET expires_at = started_at - interval '1 minute' WHERE id = %s", [session.id]
    )
    store.forget_cached(session)


def text_size(answers: Mapping[str, Any]) -> int:
    """The size of answers as PostgreSQL writes them."""
    return len(json.dumps(answers, ensure_ascii=False).encode())


def session_of(size: int) -> dict[str, Any]:
    """Answers that make a session of `size` bytes."""
    answers = {f"q{n:02}": "ü" * 30_000 for n in range(17)}
    answers["rest"] = ""
    answers["rest"] = "a" * (size - text_size(answers))
    return answers
