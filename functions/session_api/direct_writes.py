"""A direct path for the writes that students send most (docs/decisions/0016). It imports nothing slow."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard
from uuid import UUID

from quiz_sessions.domain.errors import ForbiddenError
from quiz_sessions.domain.json_values import Json
from quiz_sessions.domain.labels import NO_LABELS, Labels
from quiz_sessions.domain.validation import MAX_ANSWERS, MAX_ID_CHARACTERS, MAX_INTEGER

from .cached_reads import UUID_PATTERN, Shown, send_session
from .gateway import is_time_refused, path_of
from .identity import GRADE, PROCTOR, authenticate
from .refusals import WRITTEN
from .request_source import source_of
from .strict_json import MAX_BODY_BYTES, loads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from quiz_sessions.bootstrap import Services
    from quiz_sessions.services.sessions import WriteOptions

_PROGRESS = re.compile(rf"/sessions/({UUID_PATTERN})/progress")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLAIN_HEADERS = {
    b"content-type": re.compile(r"application/json(?:; ?charset=utf-8)?", re.IGNORECASE),
    b"x-client-id": _CLIENT_ID,
    b"idempotency-key": re.compile(rf"[!-~]{{1,{MAX_ID_CHARACTERS}}}"),
}
_OTHER_HEADERS = frozenset({b"content-encoding", b"if-match"})
_FAILURE = "failure_of_the_direct_path"


Write: TypeAlias = "Callable[[Services, Scope], Awaitable[Shown]]"


class DirectWrites:
    """Serves starts and writes of answers that are plain; passes everything else to the app.

    It refuses nothing itself: the app decides what is wrong with a request, and answers every error.
    """

    def __init__(self, services: Callable[[], Services], app: Callable[[], ASGIApp]) -> None:
        """`services` and `app` are called at the first request that needs them."""
        self._services = services
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received: list[Message] = []
        write = await _read(scope, receive, received)
        if write is not None:
            try:
                services = self._services()
                shown = await write(services, scope)
            except Exception as error:
                # The route raises it in the place of doing the same again.
                scope["state"][_FAILURE] = error
            else:
                await send_session(scope, send, shown, services.cached.backpressure)
                return

        async def replay() -> Message:
            return received.pop(0) if received else await receive()

        await self._app()(scope, replay, send)


def raise_failure(scope: Scope) -> None:
    """Raise what the direct path failed with."""
    failure: Exception | None = scope["state"].pop(_FAILURE, None)
    if failure is not None:
        raise failure


async def start(
    services: Services,
    scope: Scope,
    quiz_id: str,
    user_id: str | None,
    *,
    idempotency_key: str | None,
    client_id: str | None,
    password: str | None = None,
    page_url: str | None = None,
    labels: Labels = NO_LABELS,
) -> Shown:
    """Start an attempt for the caller, or for the user whom a proctor names.

    Raises:
        ForbiddenError: a student names a group.
        also whatever `authenticate`, `Caller.user` and `SessionManager.create_session` raise.
    """
    caller = authenticate(scope, jwt=services.jwt, rules=services.scope_rules)
    user_id = caller.user(user_id, PROCTOR)
    # rule: a student does not choose the room to be watched in
    if labels.group is not None and not caller.may(PROCTOR):
        raise ForbiddenError("The group is for staff to set; leave it out.")
    session = await services.sessions.create_session(
        user_id,
        quiz_id,
        labels=labels,
        idempotency_key=idempotency_key,
        by=None if caller.subject == user_id else caller.subject,
        owner=caller.owner(PROCTOR, GRADE),
        client_id=client_id,
        password=password,
        page_url=page_url,
        source=source_of(scope, services.settings.origin_secrets),
        at=scope["state"]["at"],
    )
    status = 200 if session.replayed or session.resumed else 201
    return Shown(session, status, {"location": str(session.id)}, {"resumed": session.resumed})


async def save(
    services: Services,
    scope: Scope,
    session_id: UUID,
    answers: dict[str, Json] | tuple[int | str, Json],
    options: WriteOptions,
) -> Shown:
    """Keep answers, or one question and its answer.

    Raises:
        whatever `authenticate` and `SessionManager.update_answers` raise.
    """
    scope["state"][WRITTEN] = answers
    options["owner"] = authenticate(scope, jwt=services.jwt, rules=services.scope_rules).subject
    options["source"] = source_of(scope, services.settings.origin_secrets)
    options["at"] = scope["state"]["at"]
    if isinstance(answers, tuple):
        return Shown(await services.sessions.update_answer(session_id, *answers, **options))
    return Shown(await services.sessions.update_answers(session_id, answers, **options))


async def _read(scope: Scope, receive: Receive, received: list[Message]) -> Write | None:
    """The write that a request asks for; None if it is not a plain one. What is read of it is `received`."""
    if scope["type"] != "http" or scope["query_string"] or is_time_refused(scope):
        return None
    path = path_of(scope)
    is_start = scope["method"] == "POST" and path == "/sessions/start"
    progress = _PROGRESS.fullmatch(path) if scope["method"] == "PATCH" else None
    headers = _headers(scope) if is_start or progress else None
    if headers is None:
        return None
    body = await _body(receive, received)
    if body is None:
        return None
    if progress is None:
        return _start_of(body, headers)
    return _save_of(UUID(progress[1]), body, headers)


def _headers(scope: Scope) -> dict[bytes, str] | None:
    """The headers that a write depends on; None if one of them is not plain, or is there twice."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _PLAIN_HEADERS:
            text = value.decode("latin-1")
            if name in found or not _PLAIN_HEADERS[name].fullmatch(text):
                return None
            found[name] = text
        elif name in _OTHER_HEADERS:
            return None
    return found if b"content-type" in found else None


async def _body(receive: Receive, received: list[Message]) -> dict[str, Any] | None:
    """The object in the body; None if there is none."""
    size, more = 0, True
    while more and size <= MAX_BODY_BYTES:
        message = await receive()
        received.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if size > MAX_BODY_BYTES:
        return None
    try:
        body = loads(b"".join(message.get("body", b"") for message in received))
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _start_of(body: dict[str, Any], headers: dict[bytes, str]) -> Write | None:
    quiz_id, user_id = body.get("quiz_id"), body.get("user_id")
    is_plain = body.keys() <= {"quiz_id", "user_id"} and (user_id is None or _is_id(user_id))
    if not is_plain or not _is_id(quiz_id):
        return None
    key, client_id = headers.get(b"idempotency-key"), headers.get(b"x-client-id")
    return lambda services, scope: start(
        services, scope, quiz_id, user_id, idempotency_key=key, client_id=client_id
    )


def _save_of(session_id: UUID, body: dict[str, Any], headers: dict[bytes, str]) -> Write | None:
    answers = body.pop("answers", None)
    if answers is None and "answer" in body:
        answers = body.pop("question_id", None), body.pop("answer")
    is_plain = (
        body.keys() <= {"version", "current_question", "autosave", "based_on"}
        and (_is_one(answers) or _is_by_question(answers))
        and all(body.get(name) is None or _is_count(body[name]) for name in ("version", "current_question"))
        and isinstance(body.get("autosave", False), bool)
        and (body.get("based_on") is None or _are_tags(body["based_on"]))
    )
    if not is_plain:
        return None
    options: WriteOptions = {
        **body,  # type: ignore[typeddict-item]  # the members were looked at
        "client_id": headers.get(b"x-client-id"),
        "idempotency_key": headers.get(b"idempotency-key"),
    }
    return lambda services, scope: save(services, scope, session_id, answers, options)


def _is_id(value: Json) -> TypeGuard[str]:
    # What is not ASCII may be no text at all (half of a surrogate pair).
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and value.isascii()


def _is_count(value: Json) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _is_one(value: object) -> bool:
    return isinstance(value, tuple) and (_is_id(value[0]) or _is_count(value[0]))


def _is_by_question(value: Json) -> bool:
    return isinstance(value, dict) and len(value) <= MAX_ANSWERS and all(map(_is_id, value))


def _are_tags(value: Json) -> bool:
    texts = value.values() if isinstance(value, dict) else ()
    return _is_by_question(value) and all(each is None or _is_id(each) for each in texts)
