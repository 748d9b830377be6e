"""Every operation of the API as a good request, for tests to spoil, and what a refusal has to be."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import httpx

JSON_TYPE = {"Content-Type": "application/json"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MAX_REFUSAL_BYTES = 16 * 1024
"""A refusal without a session in it; what is sent must not come back many times over."""


@dataclass(frozen=True)
class Operation:
    """One operation with what makes it a good request.

    Attributes:
        path: with its parameters in braces, as the OpenAPI document has it.
    """

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, **parameters: str) -> Operation:
        """The same with these values in its path."""
        return replace(self, parameters={**self.parameters, **parameters})

    def of(self, session: Mapping[str, Any]) -> Operation:
        """The same on this session."""
        return self.at(session_id=session["id"]) if "session_id" in self.parameters else self

    @property
    def url(self) -> str:
        return self.path.format(**{name: quote(value, safe="") for name, value in self.parameters.items()})

    async def send(self, http: httpx.AsyncClient) -> httpx.Response:
        # Not httpx's own way with str, which refuses what is not ASCII.
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        body = {} if self.body is None else {"json": self.body}
        return await http.request(self.method, self.url, params=self.query, headers=headers, **body)

    def with_each_string(self, text: str) -> Iterator[Operation]:
        """The operation with one of its strings replaced by `text`, for each of them in turn."""
        for name in self.parameters:
            yield self.at(**{name: text})
        for name in self.query:
            yield replace(self, query={**self.query, name: text})
        for name in self.headers:
            yield replace(self, headers={**self.headers, name: text})
        for body in _with_each_string(self.body, text):
            yield replace(self, body=body)


def _with_each_string(value: Any, text: str) -> Iterator[Any]:
    if isinstance(value, str):
        yield text
    elif isinstance(value, dict):
        for key, child in value.items():
            others = {name: copy.deepcopy(other) for name, other in value.items() if name != key}
            yield {**others, text: child}
            for changed in _with_each_string(child, text):
                yield {**others, key: changed}
    elif isinstance(value, list):
        for position, child in enumerate(value):
            for changed in _with_each_string(child, text):
                yield [*value[:position], changed, *value[position + 1 :]]


_QUIZ = {
    "time_limit_seconds": 1800,
    "opens_at": "2020-01-01T00:00:00Z",
    "closes_at": "2100-01-01T00:00:00Z",
    "when_active": "new",
    "show_results": "after_end",
    "questions": {
        "0": {"points": 1, "grading": "exact", "key": {"k": ["v"]}},
        "1": {"points": 2},
    },
    "unknown_questions": "accept",
    "access": {"networks": ["0.0.0.0/0", "::/0"]},
    "one_device": "off",
}
_PAPER = {
    "questions": {"0": {"points": 1, "content": {"text": "t"}}, "1": {"points": 2}},
    "paper": {"sections": [{"title": "t", "questions": ["0", "1"], "navigation": "free"}]},
}
_KEY = {"Idempotency-Key": "key1"}
_SESSION = {"session_id": UNKNOWN}
_OF_QUIZ = {"quiz_id": "quiz1"}
_OF_USER = {"quiz_id": "quiz1", "user_id": "user1"}
_WHY = {"reason": "why"}
_LATER = {"seconds": 60, "reason": "why"}

OPERATIONS = [
    Operation("POST", "/sessions/start", {"user_id": "user1", "quiz_id": "quiz1"}, headers=_KEY),
    Operation("GET", "/sessions", query={"user_id": "user1", "quiz_id": "quiz1", "status": "started"}),
    Operation("GET", "/sessions", query={"user_id": "user1", "cursor": "MDow", "limit": "2"}),
    Operation("GET", "/sessions/{session_id}", query={"at_version": "0"}, parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/deadline", parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/results", parameters=_SESSION),
    Operation(
        "PATCH",
        "/sessions/{session_id}/progress",
        {"question_id": "q", "answer": {"k": ["v"]}},
        headers={"If-Match": "*"},
        parameters=_SESSION,
    ),
    Operation(
        "PATCH",
        "/sessions/{session_id}/progress",
        {"answers": {"q": "v"}, "autosave": True},
        parameters=_SESSION,
    ),
    Operation("POST", "/sessions/{session_id}/extend", _LATER, headers=_KEY, parameters=_SESSION),
    Operation("POST", "/sessions/{session_id}/pause", _WHY, headers=_KEY, parameters=_SESSION),
    Operation("POST", "/sessions/{session_id}/resume", _WHY, headers=_KEY, parameters=_SESSION),
    Operation("POST", "/sessions/{session_id}/reopen", _LATER, headers=_KEY, parameters=_SESSION),
    Operation("POST", "/sessions/{session_id}/notices", {"text": "why"}, headers=_KEY, parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/notices", query={"after": "-1"}, parameters=_SESSION),
    Operation("POST", "/sessions/{session_id}/notices/{notice}/read", parameters={**_SESSION, "notice": "1"}),
    Operation("POST", "/quizzes/{quiz_id}/notices", {"text": "why"}, headers=_KEY, parameters=_OF_QUIZ),
    Operation("GET", "/quizzes/{quiz_id}/notices", query={"after": "0"}, parameters=_OF_QUIZ),
    Operation(
        "POST",
        "/sessions/{session_id}/incidents",
        {"type": "blur", "detail": {"k": ["v"]}},
        parameters=_SESSION,
    ),
    Operation("GET", "/sessions/{session_id}/incidents", query={"after": "-1"}, parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/late-answers", parameters=_SESSION),
    Operation(
        "POST",
        "/sessions/{session_id}/late-answers/{event}/accept",
        _WHY,
        parameters={**_SESSION, "event": "1"},
    ),
    Operation("GET", "/sessions/{session_id}/events", query={"after": "-1"}, parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/timeline", query={"after": "-1"}, parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/verify", parameters=_SESSION),
    Operation(
        "POST",
        "/sessions/{session_id}/complete",
        {"answers": {"q": "v"}, "expires_at": "2100-01-01T00:00:00Z"},
        headers={"If-Match": "*"},
        parameters=_SESSION,
    ),
    Operation("POST", "/sessions/{session_id}/abandon", parameters=_SESSION),
    Operation("GET", "/sessions/{session_id}/paper", parameters=_SESSION),
    Operation(
        "POST", "/sessions/{session_id}/sections/{section}/enter", parameters={**_SESSION, "section": "0"}
    ),
    Operation("POST", "/sessions/{session_id}/device", _WHY, headers=_KEY, parameters=_SESSION),
    Operation(
        "POST",
        "/sessions/{session_id}/score",
        {"score": 1, "max_score": 2, "reason": "why"},
        parameters=_SESSION,
    ),
    Operation(
        "PUT",
        "/sessions/{session_id}/grades",
        {"1": {"points": 1, "comment": "why"}},
        query={"reason": "why"},
        headers=_KEY,
        parameters=_SESSION,
    ),
    Operation("POST", "/receipts/verify", {"receipt": "e30.e30.e30", "answers": {"q": "v"}}),
    Operation("PUT", "/quizzes/{quiz_id}", _QUIZ, parameters=_OF_QUIZ),
    Operation("PUT", "/quizzes/{quiz_id}", _PAPER, parameters={"quiz_id": "paper1"}),
    Operation(
        "PATCH",
        "/quizzes/{quiz_id}",
        {"when_active": "new", "questions": {"0": {"key": {"k": ["v"]}}}},
        query={"dry_run": "false"},
        headers={"If-Match": "*"},
        parameters=_OF_QUIZ,
    ),
    Operation("GET", "/quizzes/{quiz_id}", parameters=_OF_QUIZ),
    Operation("POST", "/quizzes/{quiz_id}/extend", _LATER, headers=_KEY, parameters=_OF_QUIZ),
    Operation("POST", "/quizzes/{quiz_id}/pause", _WHY, headers=_KEY, parameters=_OF_QUIZ),
    Operation("POST", "/quizzes/{quiz_id}/resume", _WHY, headers=_KEY, parameters=_OF_QUIZ),
    Operation("POST", "/quizzes/{quiz_id}/complete", _WHY, headers=_KEY, parameters=_OF_QUIZ),
    Operation("GET", "/quizzes/{quiz_id}/live", query={"after": "MCAw", "group": "g"}, parameters=_OF_QUIZ),
    Operation(
        "GET",
        "/quizzes/{quiz_id}/grading",
        query={"question": "1", "after": "MDowMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDpx"},
        parameters=_OF_QUIZ,
    ),
    Operation(
        "POST",
        "/quizzes/{quiz_id}/grading/next",
        {"question": "1", "after": "MDowMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDpx"},
        headers={"X-Client-Id": "marker"},
        parameters=_OF_QUIZ,
    ),
    Operation(
        "POST",
        "/quizzes/{quiz_id}/exports",
        {"format": "csv", "what": ["attempts", "trail"]},
        headers=_KEY,
        parameters=_OF_QUIZ,
    ),
    Operation("GET", "/exports/{export_id}", parameters={"export_id": UNKNOWN}),
    Operation("GET", "/exports/{export_id}/file", query={"token": "none"}, parameters={"export_id": UNKNOWN}),
    Operation("GET", "/quizzes/{quiz_id}/statistics", query={"group": "g"}, parameters=_OF_QUIZ),
    Operation("POST", "/quizzes/{quiz_id}/regrade", _WHY, parameters=_OF_QUIZ),
    Operation(
        "PUT",
        "/quizzes/{quiz_id}/accommodations/{user_id}",
        {"extra_seconds": 60, "reason": "why"},
        parameters=_OF_USER,
    ),
    Operation("GET", "/quizzes/{quiz_id}/accommodations/{user_id}", parameters=_OF_USER),
    Operation("DELETE", "/quizzes/{quiz_id}/accommodations/{user_id}", parameters=_OF_USER),
    Operation("DELETE", "/quizzes/{quiz_id}", parameters=_OF_QUIZ),
    Operation(
        "POST",
        "/sessions/start",
        {"user_id": "user1", "quiz_id": "quiz1", "label": "l", "metadata": {"k": ["v"]}},
    ),
    Operation(
        "PATCH",
        "/sessions/{session_id}",
        {"group": "g", "label": "l", "metadata": {"k": ["v"]}, "reason": "why"},
        headers=_KEY,
        parameters=_SESSION,
    ),
    Operation(
        "PUT",
        "/users/{user_id}/accommodations",
        {"time_factor": 1.5, "extra_seconds": 60, "closes_later_seconds": 60, "reason": "why"},
        parameters={"user_id": "user1"},
    ),
    Operation("GET", "/users/{user_id}/accommodations", parameters={"user_id": "user1"}),
    Operation("DELETE", "/users/{user_id}/accommodations", parameters={"user_id": "user1"}),
    Operation("GET", "/accommodations", query={"after": "user0", "limit": "2"}),
    Operation("GET", "/quizzes", query={"prefix": "quiz", "after": "quiz0", "limit": "2"}),
    Operation("GET", "/webhooks"),
    Operation("POST", "/webhooks/retry", _WHY),
    Operation("GET", "/.well-known/jwks.json"),
    Operation("GET", "/health"),
    Operation("GET", "/health/ready"),
    Operation("GET", "/status"),
]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]


def find(path: str) -> Operation:
    """The first operation of a path."""
    return next(operation for operation in OPERATIONS if operation.path == path)


PROGRESS = find("/sessions/{session_id}/progress")


def assert_sound(reply: httpx.Response, said: str = "") -> None:
    """Not a fault of the service's; and if it is a refusal, a problem document."""
    assert reply.status_code < 500, (said, reply.text[:500])
    if reply.status_code >= 400:
        assert reply.headers["content-type"] == "application/problem+json", (said, reply.text[:500])
        problem = reply.json()
        assert (problem["status"], bool(problem["code"]), bool(problem["request_id"])) == (
            reply.status_code,
            True,
            True,
        )
        if "session" not in problem:
            assert len(reply.content) <= MAX_REFUSAL_BYTES, (said, len(reply.content))


def assert_refused(reply: httpx.Response, said: str = "") -> None:
    assert_sound(reply, said)
    assert reply.status_code >= 400, (said, reply.text[:500])
