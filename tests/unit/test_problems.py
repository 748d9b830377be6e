"""Errors of the package as HTTP: each kind raised behind a real endpoint, no store involved."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import httpx
import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain import errors
from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.drafts import Drafts
from quiz_sessions.domain.refusals import Refusal
from quiz_sessions.domain.sessions import view
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.runtime.scope_rules import BY_SCOPE
from quiz_sessions.runtime.settings import SettingsError
from quiz_sessions.runtime.telemetry import Telemetry
from quiz_sessions.services.backpressure import Backpressure
from session_api import problem_kinds
from session_api.app import create_app
from session_api.problems import problem
from tests.harness.builders import START, attempt

SESSION = view(attempt(status=Status.COMPLETED, version=4, answers={"1": "A"}), Drafts(), START)
SHOWN = {**SESSION.to_dict(), "next_autosave_after_ms": None}
OPEN = view(attempt(), Drafts(), START)
PATH = f"/sessions/{SESSION.id}"
MOMENT = from_micros(START)


@dataclass
class Log:
    """What was logged, in place of the real telemetry."""

    failures: list[BaseException | None] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)

    def failed(self, message: str, error: BaseException | None, **fields: Any) -> None:
        self.failures.append(error)

    def refused(self, status: int, code: str | None, **fields: Any) -> None:
        self.requests.append({**fields, "status": status, **({"code": code} if code else {})})

    def count(self, name: str) -> None:
        self.counted.append(name)


@dataclass(frozen=True)
class Failing:
    """A manager whose every use case raises the same error."""

    error: Exception

    async def get_session(self, *_: object, **__: object) -> NoReturn:
        raise self.error


class Forgetting:
    """In the place of where refusals are noted."""

    async def note(self, refusal: Refusal) -> None:
        pass


@pytest.fixture
def log() -> Log:
    return Log()


Ask = Callable[[Exception], Awaitable[httpx.Response]]


@pytest.fixture
def ask(log: Log) -> Ask:
    """Reads a session where that raises the given error."""

    async def ask(error: Exception) -> httpx.Response:
        backpressure = Backpressure(jitter=lambda: 0.5)
        cached = SimpleNamespace(backpressure=backpressure)
        built = SimpleNamespace(
            sessions=Failing(error), cached=cached, refusals=Forgetting(), jwt=False, scope_rules=BY_SCOPE
        )
        services = cast(Services, built)
        transport = httpx.ASGITransport(create_app(lambda: services, lambda: cast(Telemetry, log)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.get(PATH)

    return ask


KINDS = [
    (errors.InvalidInputError("Change this."), 422, "invalid_input"),
    (errors.ContentTooLargeError("Too large."), 413, "content_too_large"),
    (errors.IdempotencyKeyReusedError(), 422, "idempotency_key_reused"),
    (errors.ExportNotFoundError(), 404, "export_not_found"),
    (errors.ExportFileGoneError(), 404, "export_file_gone"),
    (errors.ExportsOffError(), 404, "exports_off"),
    (errors.ExportFilesUnavailableError(), 503, "store_unavailable"),
    (errors.UnauthenticatedError(), 401, "unauthenticated"),
    (errors.InvalidSubjectError(), 401, "unauthenticated"),
    (errors.ForbiddenError("This needs the scope sessions:grade."), 403, "forbidden"),
    (errors.ResultsHiddenError(), 403, "results_hidden"),
    (errors.PasswordRequiredError(), 403, "password_required"),
    (errors.PasswordWrongError(), 403, "password_wrong"),
    (errors.NetworkRefusedError(), 403, "network_refused"),
    (errors.SafeExamBrowserRequiredError(), 403, "safe_exam_browser_required"),
    (errors.SafeExamBrowserRefusedError(), 403, "safe_exam_browser_refused"),
    (errors.OtherDeviceError(OPEN, takeover=True), 409, "other_device"),
    (errors.QuestionLockedError(OPEN, "q1"), 409, "question_locked"),
    (errors.SectionExpiredError(OPEN, "q1"), 410, "section_expired"),
    (errors.NoPaperError(), 404, "no_paper"),
    (errors.QuestionHeldError("q1", "teacher2", OPEN.server_time), 409, "question_held"),
    (errors.SectionNotFoundError(), 404, "section_not_found"),
    (errors.SessionNotFoundError(), 404, "session_not_found"),
    (errors.QuizNotFoundError(), 404, "quiz_not_found"),
    (errors.AccommodationNotFoundError(), 404, "accommodation_not_found"),
    (errors.LateAnswerNotFoundError(), 404, "late_answer_not_found"),
    (errors.NoticeNotFoundError(), 404, "notice_not_found"),
    (errors.VersionNotFoundError(), 404, "version_not_found"),
    (errors.EventsErasedError(), 410, "events_erased"),
    (errors.AuditLogDamagedError(), 409, "trail_damaged"),
    (errors.QuizNotOpenError(MOMENT, 60), 409, "quiz_not_open"),
    (errors.QuizClosedError(MOMENT), 409, "quiz_closed"),
    (errors.QuizClosesFirstError(MOMENT), 409, "quiz_closes_first"),
    (errors.NoTimeLeftError(), 409, "no_time_left"),
    (errors.QuizInUseError(), 409, "quiz_in_use"),
    (errors.UnknownQuizError(), 404, "unknown_quiz"),
    (errors.AttemptsOpenError(2, ["questions"]), 409, "attempts_open"),
    (errors.AttemptsExhaustedError(None), 409, "attempts_exhausted"),
    (errors.ActiveAttemptError(SESSION.id), 409, "attempt_active"),
    (errors.DeadlineMovedError(SESSION), 409, "deadline_moved"),
    (errors.SessionOpenError(), 409, "session_open"),
    (errors.SessionStateError("Extend it instead."), 409, "session_state"),
    (errors.GradedByKeyError(), 409, "graded_by_key"),
    (errors.NoWebhookError(), 409, "no_webhook"),
    (errors.SessionClosedError(SESSION), 409, "session_closed"),
    (errors.SessionPausedError(SESSION), 409, "session_paused"),
    (errors.QuizPausedError(), 409, "quiz_paused"),
    (errors.VersionConflictError(SESSION, ["1"]), 409, "version_conflict"),
    (errors.AnswerConflictError(SESSION, ["1"]), 409, "answer_conflict"),
    (errors.PreconditionFailedError(SESSION), 412, "precondition_failed"),
    (errors.QuizChangedError(2), 412, "precondition_failed"),
    (errors.SessionExpiredError(), 410, "session_expired"),
    (errors.TooManyRequestsError(), 429, "too_many_requests"),
    (errors.BusyError(), 503, "session_busy"),
    (errors.DatabaseUnavailableError(), 503, "store_unavailable"),
    (errors.StatementFailedError(), 503, "store_unavailable"),
    (errors.CacheUnavailableError(), 503, "store_unavailable"),
    (errors.SecretUnavailableError(), 503, "secret_unavailable"),
    (errors.UnknownQuestionError("q"), 422, "unknown_question"),
    (errors.PoisonedError(), 422, "invalid_input"),
]
each_kind = pytest.mark.parametrize(
    ("error", "status", "code"), KINDS, ids=[type(error).__name__ for error, *_ in KINDS]
)


def test_every_error_of_a_use_case_is_among_these() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds - {type(error) for error, *_ in KINDS} == {
        # Only their subclasses are raised.
        errors.QuizSessionsError,
        errors.StartRefusedError,
        errors.AccessRefusedError,
        # No request meets them: they are degraded operation.
        errors.EventBusUnavailableError,
        errors.ExportTakenOverError,
        errors.WebhookRefusedError,
    }


@each_kind
async def test_its_status_and_code(ask: Ask, error: Exception, status: int, code: str) -> None:
    reply = await ask(error)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


OF_A_SESSION = [error for error, *_ in KINDS if hasattr(error, "session")]


@pytest.mark.parametrize("error", OF_A_SESSION, ids=lambda error: type(error).__name__)
async def test_one_that_knows_the_session_shows_it(ask: Ask, error: Exception) -> None:
    assert (await ask(error)).json()["session"]["id"] == str(SESSION.id)


@each_kind
async def test_it_is_a_problem_of_rfc_9457(ask: Ask, error: Exception, status: int, code: str) -> None:
    reply = await ask(error)
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert body["type"] == f"/docs/problems#{code}"
    assert body["status"] == status
    assert body["title"] == problem_kinds.KINDS[code].title
    assert body["detail"] == str(error)
    assert body["request_id"]


WAITED_FOR = {"quiz_not_open", "quiz_paused", "session_paused"}


@each_kind
async def test_retry_after_stands_where_trying_again_may_help(
    ask: Ask, error: Exception, status: int, code: str
) -> None:
    reply = await ask(error)
    assert ("retry-after" in reply.headers) is (status in (429, 503) or code in WAITED_FOR)


async def test_retry_after_is_a_number_of_seconds(ask: Ask) -> None:
    assert int((await ask(errors.BusyError())).headers["retry-after"]) > 0


async def test_a_version_conflict_tells_what_has_changed(ask: Ask) -> None:
    body = (await ask(errors.VersionConflictError(SESSION, ["1", "b"]))).json()
    assert body["current_version"] == 4
    assert body["changed_questions"] == ["1", "b"]
    assert body["session"] == SHOWN


USUAL = {"type", "title", "status", "detail", "code", "request_id"}


@pytest.mark.parametrize(
    ("error", "members"),
    [
        (errors.SessionClosedError(SESSION), {"session": SHOWN}),
        (errors.DeadlineMovedError(SESSION), {"session": SHOWN}),
        (
            errors.PreconditionFailedError(OPEN),
            {"session": {**OPEN.to_dict(), "next_autosave_after_ms": 10_000}},
        ),
        (errors.ActiveAttemptError(SESSION.id), {"session_id": str(SESSION.id)}),
        (errors.ActiveAttemptError(None), {}),
        (errors.AttemptsExhaustedError(SESSION.id), {"session_id": str(SESSION.id)}),
        (errors.AttemptsExhaustedError(None), {}),
        (errors.QuizNotOpenError(MOMENT, 60), {"opens_at": "2027-01-15T08:00:00Z"}),
        (errors.QuizClosedError(MOMENT), {"closes_at": "2027-01-15T08:00:00Z"}),
        (errors.QuizClosedError(None), {"closes_at": None}),
        (errors.QuizClosesFirstError(MOMENT), {"closes_at": "2027-01-15T08:00:00Z"}),
        (errors.SessionOpenError(), {}),
    ],
)
async def test_a_refusal_tells_what_helps_and_nothing_else(
    ask: Ask, error: Exception, members: dict[str, Any]
) -> None:
    body = (await ask(error)).json()
    assert {name: body[name] for name in set(body) - USUAL} == members


@each_kind
async def test_only_a_401_asks_for_a_token(ask: Ask, error: Exception, status: int, code: str) -> None:
    reply = await ask(error)
    assert ("www-authenticate" in reply.headers) == (status == 401)


async def test_a_401_names_an_error_only_where_there_is_a_token(ask: Ask) -> None:
    none = await ask(errors.UnauthenticatedError())
    assert none.headers["www-authenticate"] == 'Bearer realm="quiz-sessions"'
    nobodys = await ask(errors.InvalidSubjectError())
    detail = nobodys.json()["detail"]
    assert nobodys.headers["www-authenticate"] == (
        f'Bearer realm="quiz-sessions", error="invalid_token", error_description="{detail}"'
    )


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret answer"), ValueError("secret answer"), SettingsError("secret answer")],
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
    response = problem(404, "session_not_found", "No session has this id.", "r1", root_path="/exams")
    assert json.loads(bytes(response.body)) == {
        "type": "/exams/docs/problems#session_not_found",
        "title": "No such session",
        "status": 404,
        "detail": "No session has this id.",
        "code": "session_not_found",
        "request_id": "r1",
    }


def test_a_problem_takes_further_members_and_headers() -> None:
    response = problem(
        405, "method_not_allowed", "d", "r1", root_path="", headers={"Allow": "GET"}, extra={"more": [1]}
    )
    assert json.loads(bytes(response.body))["more"] == [1]
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("status", [429, 503])
def test_who_may_try_again_is_told_when(status: int) -> None:
    assert int(problem(status, "session_busy", "d", "r1", root_path="").headers["retry-after"]) > 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_of_its_own_is_kept(status: int) -> None:
    response = problem(status, "session_busy", "d", "r1", root_path="", headers={"Retry-After": "30"})
    assert response.headers["retry-after"] == "30"


async def test_a_missing_setting_is_a_problem_as_well(log: Log) -> None:
    def unset() -> Services:
        raise SettingsError("Set DATABASE_URL.")

    transport = httpx.ASGITransport(create_app(unset, lambda: cast(Telemetry, log)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        reply = await http.get(PATH)
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert [type(error) for error in log.failures] == [SettingsError]


@each_kind
async def test_who_is_not_let_in_is_counted_and_wrong_passwords_by_themselves(
    ask: Ask, log: Log, error: Exception, status: int, code: str
) -> None:
    await ask(error)
    counted = ["PasswordsRefused" if code.startswith("password") else "AccessRefused"]
    assert log.counted == (counted if isinstance(error, errors.AccessRefusedError) else [])


async def test_the_log_says_why_a_request_was_refused(ask: Ask, log: Log) -> None:
    await ask(errors.NetworkRefusedError())
    assert [fields["code"] for fields in log.requests] == ["network_refused"]
