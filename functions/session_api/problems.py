"""Maps errors to problem details (RFC 9457); nothing else maps errors to HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain import errors
from quiz_sessions.domain.json_values import dump_record
from quiz_sessions.domain.timestamps import from_micros
from quiz_sessions.domain.validation import MAX_ID_CHARACTERS

from .cached_reads import session_content
from .challenges import CHALLENGE, invalid_token
from .gateway import PROBLEM_JSON, path_of
from .problem_kinds import ADDRESS, KINDS
from .wording import names_at, nearest, suggestion, wording

RETRY_AFTER_SECONDS = 2
MAX_ERRORS = 20
MAX_LOCATION_CHARACTERS = 200

_STATUS_AND_CODE: dict[type[errors.QuizSessionsError], tuple[int, str]] = {
    errors.UnauthenticatedError: (401, "unauthenticated"),
    errors.InvalidSubjectError: (401, "unauthenticated"),
    errors.ForbiddenError: (403, "forbidden"),
    errors.ResultsHiddenError: (403, "results_hidden"),
    errors.PasswordRequiredError: (403, "password_required"),
    errors.PasswordWrongError: (403, "password_wrong"),
    errors.NetworkRefusedError: (403, "network_refused"),
    errors.SafeExamBrowserRequiredError: (403, "safe_exam_browser_required"),
    errors.SafeExamBrowserRefusedError: (403, "safe_exam_browser_refused"),
    errors.SessionNotFoundError: (404, "session_not_found"),
    errors.QuizNotFoundError: (404, "quiz_not_found"),
    errors.UnknownQuizError: (404, "unknown_quiz"),
    errors.AccommodationNotFoundError: (404, "accommodation_not_found"),
    errors.LateAnswerNotFoundError: (404, "late_answer_not_found"),
    errors.NoticeNotFoundError: (404, "notice_not_found"),
    errors.VersionNotFoundError: (404, "version_not_found"),
    errors.ExportNotFoundError: (404, "export_not_found"),
    errors.ExportFileGoneError: (404, "export_file_gone"),
    errors.ExportsOffError: (404, "exports_off"),
    errors.NoPaperError: (404, "no_paper"),
    errors.SectionNotFoundError: (404, "section_not_found"),
    errors.AttemptsExhaustedError: (409, "attempts_exhausted"),
    errors.ActiveAttemptError: (409, "attempt_active"),
    errors.QuizNotOpenError: (409, "quiz_not_open"),
    errors.QuizClosedError: (409, "quiz_closed"),
    errors.QuizPausedError: (409, "quiz_paused"),
    errors.SessionPausedError: (409, "session_paused"),
    errors.OtherDeviceError: (409, "other_device"),
    errors.QuestionLockedError: (409, "question_locked"),
    errors.QuestionHeldError: (409, "question_held"),
    errors.QuizClosesFirstError: (409, "quiz_closes_first"),
    errors.NoTimeLeftError: (409, "no_time_left"),
    errors.QuizInUseError: (409, "quiz_in_use"),
    errors.AttemptsOpenError: (409, "attempts_open"),
    errors.DeadlineMovedError: (409, "deadline_moved"),
    errors.SessionOpenError: (409, "session_open"),
    errors.SessionStateError: (409, "session_state"),
    errors.AuditLogDamagedError: (409, "trail_damaged"),
    errors.GradedByKeyError: (409, "graded_by_key"),
    errors.NoWebhookError: (409, "no_webhook"),
    errors.VersionConflictError: (409, "version_conflict"),
    errors.AnswerConflictError: (409, "answer_conflict"),
    errors.PreconditionFailedError: (412, "precondition_failed"),
    errors.QuizChangedError: (412, "precondition_failed"),
    errors.SessionClosedError: (409, "session_closed"),
    errors.SessionExpiredError: (410, "session_expired"),
    errors.SectionExpiredError: (410, "section_expired"),
    errors.EventsErasedError: (410, "events_erased"),
    errors.ContentTooLargeError: (413, "content_too_large"),
    errors.InvalidInputError: (422, "invalid_input"),
    errors.UnknownQuestionError: (422, "unknown_question"),
    errors.IdempotencyKeyReusedError: (422, "idempotency_key_reused"),
    errors.PoisonedError: (422, "invalid_input"),
    errors.TooManyRequestsError: (429, "too_many_requests"),
    errors.BusyError: (503, "session_busy"),
    errors.DatabaseUnavailableError: (503, "store_unavailable"),
    errors.StatementFailedError: (503, "store_unavailable"),
    errors.CacheUnavailableError: (503, "store_unavailable"),
    errors.ExportFilesUnavailableError: (503, "store_unavailable"),
    errors.SecretUnavailableError: (503, "secret_unavailable"),
}


_BY_QUESTION = frozenset({"answers", "based_on", "questions"})
"""Members of bodies that have something for each question."""

_OF_THE_SESSION = frozenset({"session", "conflicts", "current_version", "changed_questions"})
"""Members of problems that tell what a session holds."""

_TOLD: dict[type[errors.QuizSessionsError], tuple[str, ...]] = {
    errors.AttemptsOpenError: ("attempts", "rules"),
    errors.QuizChangedError: ("revision",),
}
"""What errors about a quiz say as they have it."""

_OTHER_CODES = {
    400: ("bad_request", "invalid_json"),
    404: ("not_found",),
    405: ("method_not_allowed",),
    415: ("unsupported_media_type",),
    500: ("internal_error",),
}
"""Of what no use case raises."""


def codes() -> dict[int, tuple[str, ...]]:
    """Status -> the codes of its problems."""
    found: dict[int, set[str]] = {status: set(names) for status, names in _OTHER_CODES.items()}
    for status, code in _STATUS_AND_CODE.values():
        found.setdefault(status, set()).add(code)
    return {status: tuple(sorted(names)) for status, names in sorted(found.items())}


def install(app: FastAPI, services: Callable[[], Services]) -> None:
    """Make `app` reply to every error with a problem."""

    async def domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.QuizSessionsError)
        return _domain(request, error, services)

    app.add_exception_handler(errors.QuizSessionsError, domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)


def problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    *,
    root_path: str,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """The reply that says so. `root_path` stands in front of the API, as ASGI has it."""
    body = {
        "type": f"{root_path}{ADDRESS}#{code}",
        "title": KINDS[code].title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **(extra or {}),
    }
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), **(headers or {})}
    return Response(dump_record(body), status, {"Cache-Control": "no-store", **(headers or {})}, PROBLEM_JSON)


def internal_error(request_id: str, root_path: str) -> Response:
    detail = "Something went wrong on our side."
    return problem(500, "internal_error", detail, request_id, root_path=root_path)


def _refused(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    request.state.code = code
    return problem(
        status,
        code,
        detail,
        request.state.request_id,
        root_path=request.scope.get("root_path", ""),
        headers=headers,
        extra=extra,
    )


def _domain(request: Request, error: errors.QuizSessionsError, services: Callable[[], Services]) -> Response:
    if type(error) not in _STATUS_AND_CODE:
        raise error
    status, code = _STATUS_AND_CODE[type(error)]
    if status == HTTPStatus.UNAUTHORIZED:
        request.state.reason = str(error)
    extra = _members(request, error)
    session = getattr(error, "session", None)
    if session is not None:
        extra["session"] = session_content(session, services().cached.backpressure)
    if request.scope["route"].name == "send_beacon":
        # The page is closed: who reads this may have found its token, which is good for a write alone.
        extra = {name: value for name, value in extra.items() if name not in _OF_THE_SESSION}
    return _refused(request, status, code, _said(error), headers=_headers(error, status), extra=extra)


def _said(error: errors.QuizSessionsError) -> str:
    """What an error says, and what may have been meant."""
    if isinstance(error, errors.UnknownQuestionError) and error.question is not None:
        return str(error) + suggestion(error.question, error.known)
    return str(error)


def _members(request: Request, error: errors.QuizSessionsError) -> dict[str, Any]:
    """What the problem says beside its code, but for the session."""
    extra: dict[str, Any] = {}
    match error:
        case errors.VersionConflictError():
            extra |= {
                "current_version": error.session.version,
                "changed_questions": error.changed_questions,
            }
        case errors.AnswerConflictError():
            extra["conflicts"] = _conflicts(error)
        case errors.QuestionLockedError() | errors.SectionExpiredError():
            extra["question_id"] = error.question
        case errors.QuestionHeldError():
            extra |= {"question_id": error.question, "held_by": error.held_by, "held_until": error.held_until}
        case errors.OtherDeviceError():
            extra["takeover"] = error.takeover
        case errors.ActiveAttemptError() | errors.AttemptsExhaustedError():
            extra |= {} if error.session_id is None else {"session_id": error.session_id}
        case errors.IdempotencyKeyReusedError():
            extra["errors"] = [_field_error(_place(request, error.member), str(error))]
        case errors.InvalidInputError() | errors.ContentTooLargeError():
            if isinstance(error, errors.InvalidInputError) and error.member is not None:
                inside = f".{error.question}" if error.question and error.member in _BY_QUESTION else ""
                extra["errors"] = [_field_error(_place(request, error.member) + inside, _said(error))]
            extra |= {} if error.question is None else {"question_id": error.question}
        case errors.AttemptsOpenError() | errors.QuizChangedError():
            extra |= {name: getattr(error, name) for name in _TOLD[type(error)]}
        case errors.QuizNotOpenError():
            extra["opens_at"] = error.opens_at
        case errors.QuizClosedError() | errors.QuizClosesFirstError():
            extra["closes_at"] = error.closes_at
    return extra


def _headers(error: errors.QuizSessionsError, status: int) -> dict[str, str]:
    if isinstance(error, (errors.QuizNotOpenError, errors.QuizPausedError, errors.SessionPausedError)):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.InvalidSubjectError):
        return {"WWW-Authenticate": invalid_token(str(error))}
    # RFC 9110, 11.6.1.
    return {"WWW-Authenticate": CHALLENGE} if status == HTTPStatus.UNAUTHORIZED else {}


def _conflicts(error: errors.AnswerConflictError) -> dict[str, Any]:
    shown = error.session
    return {
        question: {
            "answer": shown.answers.get(question),
            "at": from_micros(int(shown.answer_tags[question].partition(".")[0])),
            "durability": "buffered" if question in shown.buffered_questions else "committed",
        }
        for question in error.questions
        # What was seen by the statement may have gone since.
        if question in shown.answer_tags
    }


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    for each in error.errors():
        if each["type"] == "json_invalid":
            reason = each["ctx"]["error"] + _position(error, each["loc"][-1])
            detail = f"The body is not a JSON text: {reason}."
            return _refused(request, 400, "invalid_json", detail)
    # The problem does not quote the input. It is bounded, because there may be an error for each member of
    # the body, each with a key of megabytes, and a reply of more than 6 MB is lost.
    by_place: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    for each in error.errors()[: 3 * MAX_ERRORS]:
        path = tuple(_path(each["loc"], error.body, is_missing=each["type"] == "missing"))
        if path in by_place or len(by_place) < MAX_ERRORS:
            by_place.setdefault(path, []).append(each)
    paths = [list(path) for path in by_place]
    found = [
        _field_error(".".join(map(str, path)), wording(found, _known(request, path)))
        for path, found in by_place.items()
    ]
    detail = " ".join(f"{e['location']}: {e['message']}" for e in found[:3])
    extra: dict[str, Any] = {"errors": found}
    questions = {_question(request, path) for path in paths}
    if len(questions) == 1 and (question := questions.pop()) is not None:
        extra["question_id"] = question
    return _refused(request, 422, "invalid_input", detail, extra=extra)


def _position(error: RequestValidationError, character: int) -> str:
    """Where a text is no JSON; nothing where what is wrong has no place."""
    if not isinstance(error.body, str) or not error.body:
        return ""
    before = error.body[:character]
    return f" (line {before.count(chr(10)) + 1}, column {character - before.rfind(chr(10))})"


def _known(request: Request, path: Sequence[str | int]) -> list[str]:
    """The names that the members beside the one at `path` may have."""
    bodies = request.scope["route"].dependant.body_params
    return names_at(bodies[0].field_info.annotation, path[1:-1]) if bodies and path[0] == "body" else []


def _field_error(location: str, message: str) -> dict[str, str]:
    return {"location": location[:MAX_LOCATION_CHARACTERS], "message": message}


def _place(request: Request, member: str) -> str:
    """Where a member of the request stands: in its path, its query, its headers, or else its body."""
    expected = request.scope["route"].dependant
    for place, fields in (
        ("path", expected.path_params),
        ("query", expected.query_params),
        ("header", expected.header_params),
    ):
        for known in fields:
            if known.alias.lower() == member.lower():
                return f"{place}.{known.alias}"
    return f"body.{member}"


def _path(location: Sequence[str | int], body: Any, *, is_missing: bool) -> list[str | int]:
    """The part of Pydantic's location that leads through the request.

    Pydantic also names the types that it has tried, such as constrained-int.
    """
    place, *parts = location
    if place != "body":
        return [place, *parts[:1], *(part for part in parts[1:] if isinstance(part, int))]
    path: list[str | int] = [place]
    inside = body
    for position, part in enumerate(parts):
        match inside, part:
            case dict(), _ if part in inside:
                inside = inside[part]
            case list(), int() if part < len(inside):
                inside = inside[part]
            case dict(), _ if is_missing and position == len(parts) - 1:
                pass
            case _:
                continue
        path.append(part)
    return path


def _question(request: Request, path: Sequence[str | int]) -> str | None:
    """The question that a path leads into, if it does."""
    # The body of marks has the questions themselves as its members.
    in_questions = 1 if request.scope["route"].name == "set_grades" else 2
    if path[0] != "body" or len(path) <= in_questions or (in_questions == 2 and path[1] not in _BY_QUESTION):
        return None
    question = str(path[in_questions])
    return question if 0 < len(question) <= MAX_ID_CHARACTERS else None


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {413: "content_too_large"}.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        # From the router: none of its paths is this one.
        meant = nearest(path_of(request.scope), request.app.openapi()["paths"])
        detail = "There is no such path." + (f" Did you mean {meant}?" if meant else "")
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names only the methods of the first route with this path.
        path = getattr(request.scope.get("route"), "path_format", None)
        documented = request.app.openapi()["paths"].get(path, {})
        methods = {method.upper() for method in documented} or set(headers.get("allow", "").split(", "))
        # The service answers HEAD where it answers GET.
        headers["allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        detail = f"This path has no {request.method}, but {headers['allow']}."
    return _refused(request, error.status_code, code, detail, headers=headers)
