"""Errors of the package as HTTP: each kind raised behind a real endpoint, no store involved."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import httpx
import pytest

from quiz_sessions import errors, rules
from quiz_sessions.models import Drafts, Status
from quiz_sessions.telemetry import Telemetry
from quiz_sessions.wiring import Services
from session_api.app import create_app
from session_api.problems import problem
from tests.builders import START, attempt

SESSION = rules.view(attempt(status=Status.COMPLETED, version=4, answers={"1": "A"}), Drafts(), START)
PATH = f"/sessions/{SESSION.id}"


@dataclass
class Log:
    """What was logged, in place of the real telemetry."""

    failures: list[BaseException | None] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def failed(self, message: str, error: BaseException | None, **fields: Any) -> None:
        self.failures.append(error)

    def info(self, message: str, **fields: Any) -> None:
        self.requests.append(fields)


@dataclass(frozen=True)
class Failing:
    """A manager whose every use case raises the same error."""

    error: Exception

    async def get_session(self, *_: object, **__: object) -> NoReturn:
        raise self.error


@pytest.fixture
def log() -> Log:
    return Log()


Ask = Callable[[Exception], Awaitable[httpx.Response]]


@pytest.fixture
def ask(log: Log) -> Ask:
    """Reads a session where that raises the given error."""

    async def ask(error: Exception) -> httpx.Response:
        services = cast(Services, SimpleNamespace(manager=Failing(error)))
        transport = httpx.ASGITransport(create_app(lambda: services, lambda: cast(Telemetry, log)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.get(PATH)

    return ask


KINDS = [
    (errors.InvalidInputError("Change this."), 422, "invalid_input"),
    (errors.ContentTooLargeError("Too large."), 413, "content_too_large"),
    (errors.IdempotencyKeyReusedError(), 422, "idempotency_key_reused"),
    (errors.SessionNotFoundError(), 404, "session_not_found"),
    (errors.SessionExpiredError(), 410, "session_expired"),
    (errors.SessionClosedError(SESSION), 409, "session_closed"),
    (errors.VersionConflictError(SESSION, ["1"]), 409, "version_conflict"),
    (errors.BusyError(), 503, "session_busy"),
    (errors.DatabaseUnavailableError(), 503, "store_unavailable"),
    (errors.CacheUnavailableError(), 503, "store_unavailable"),
    (errors.PoisonedError(), 422, "invalid_input"),
]
each_kind = pytest.mark.parametrize(
    ("error", "status", "code"), KINDS, ids=[type(error).__name__ for error, *_ in KINDS]
)


def test_every_error_of_a_use_case_is_among_these() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds - {type(error) for error, *_ in KINDS} == {errors.QuizSessionsError, errors.SettingsError}


@each_kind
async def test_its_status_and_code(ask: Ask, error: Exception, status: int, code: str) -> None:
    reply = await ask(error)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


@each_kind
async def test_it_is_a_problem_of_rfc_9457(ask: Ask, error: Exception, status: int, code: str) -> None:
    reply = await ask(error)
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"] == HTTPStatus(status).phrase
    assert body["detail"] == str(error)
    assert body["request_id"]


@each_kind
async def test_retry_after_stands_where_trying_again_may_help(
    ask: Ask, error: Exception, status: int, code: str
) -> None:
    reply = await ask(error)
    assert ("retry-after" in reply.headers) is (status == 503)


async def test_retry_after_is_a_number_of_seconds(ask: Ask) -> None:
    assert int((await ask(errors.BusyError())).headers["retry-after"]) > 0


async def test_a_version_conflict_tells_what_has_changed(ask: Ask) -> None:
    body = (await ask(errors.VersionConflictError(SESSION, ["1", "b"]))).json()
    assert body["current_version"] == 4
    assert body["changed_questions"] == ["1", "b"]
    assert body["session"] == SESSION.to_dict()


async def test_a_closed_session_is_shown(ask: Ask) -> None:
    body = (await ask(errors.SessionClosedError(SESSION))).json()
    assert body["session"] == SESSION.to_dict()
    assert not {"current_version", "changed_questions"} & set(body)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret answer"), ValueError("secret answer"), errors.SettingsError("secret answer")],
)
async def test_a_surprise_is_a_problem_that_tells_nothing(ask: Ask, error: Exception) -> None:
    reply = await ask(error)
    assert reply.status_code == 500
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "internal_error"
    assert "secret" not in reply.text


async def test_a_surprise_is_logged(ask: Ask, log: Log) -> None:
    error = RuntimeError("surprise")
    await ask(error)
    assert log.failures == [error]


async def test_each_failure_is_logged_once_with_the_id_it_shows(ask: Ask, log: Log) -> None:
    reply = await ask(errors.SessionNotFoundError())
    assert [(entry["status"], entry["request_id"]) for entry in log.requests] == [
        (404, reply.json()["request_id"])
    ]


async def test_each_request_has_an_id_of_its_own(ask: Ask) -> None:
    first, second = [(await ask(errors.BusyError())).json()["request_id"] for _ in range(2)]
    assert first != second


# The response itself


def test_a_problem_has_its_members() -> None:
    response = problem(404, "session_not_found", "No session has this id.", "r1")
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No session has this id.",
        "code": "session_not_found",
        "request_id": "r1",
    }


def test_a_problem_takes_further_members_and_headers() -> None:
    response = problem(405, "c", "d", "r1", headers={"Allow": "GET"}, extra={"more": [1]})
    assert json.loads(bytes(response.body))["more"] == [1]
    assert response.headers["allow"] == "GET"


def test_a_503_keeps_a_retry_after_of_its_own() -> None:
    response = problem(503, "c", "d", "r1", headers={"Retry-After": "30"})
    assert response.headers["retry-after"] == "30"


async def test_a_missing_setting_is_a_problem_as_well(log: Log) -> None:
    def unset() -> Services:
        raise errors.SettingsError("Set DATABASE_URL.")

    transport = httpx.ASGITransport(create_app(unset, lambda: cast(Telemetry, log)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        reply = await http.get(PATH)
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert [type(error) for error in log.failures] == [errors.SettingsError]
