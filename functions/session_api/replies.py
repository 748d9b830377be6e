"""Replies: how endpoints write and document them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.json_values import dump_record, shown_fields
from quiz_sessions.domain.sessions import Session

from .cached_reads import session_content
from .entity_tags import is_unchanged
from .gateway import PROBLEM_JSON
from .schemas.problems import GATEWAY_STATUSES
from .schemas.sessions import SessionReply

FILE = "application/octet-stream"
"""In the document; a reply says of what kind its file is."""
Responses = dict[int | str, dict[str, Any]]
_Record = TypeVar("_Record")


def pick(reply: type[_Record], source: object, **more: object) -> _Record:
    """Build a reply from the fields of `source` with its names, and from `more`."""
    fields: Any = reply
    names = (name for name in shown_fields(fields) if name not in more)
    return reply(**{name: getattr(source, name) for name in names}, **more)


def json_reply(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply with a record as its JSON body, which no HTTP cache may keep."""
    return Response(
        dump_record(content), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def session_reply(
    services: Services,
    session: Session,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """A reply with a session, the time of its next autosave, and its entity tag."""
    return json_reply(
        {**session_content(session, services.cached.backpressure), **more},
        status,
        {"ETag": f'"{session.etag}"', **(headers or {})},
    )


def session_read(request: Request, services: Services, session: Session) -> Response:
    """The reply to a read of a session: 304 if If-None-Match has its entity tag."""
    if is_unchanged(request.scope, str(session.etag)):
        headers = {"ETag": f'"{session.etag}"', "Cache-Control": "no-store"}
        return Response(status_code=304, headers=headers)
    return session_reply(services, session)


def documented(
    status: int,
    description: str,
    *problems: int,
    model: type[object] | None = SessionReply,
    headers: Mapping[str, Any] | None = None,
    token: bool = True,
) -> Responses:
    """Document a success (without a body, if `model` is None) and the problems that are possible instead.

    Without `token`, nobody is asked for one.
    What takes a body, of which one can be too large (413), can also find it unreadable (400, 415).
    """
    responses: Responses = {status: {"description": description, "headers": {**_ALWAYS, **(headers or {})}}}
    if model is not None:
        responses[status]["model"] = model
        if issubclass(model, SessionReply):
            responses[status]["headers"]["ETag"] = _ETAG
    unreadable = (400, 415) if 413 in problems else ()
    for code in sorted({*problems, *unreadable, *([401] if token else []), 429, 500, 503} - {status}):
        responses[code] = documented_problem(code)
    return responses


def documented_file(status: int, description: str, *problems: int) -> Responses:
    """The same where the success is a file, whose link needs no token beside its own."""
    responses = documented(status, description, *problems, model=None, token=False)
    responses[status]["content"] = {FILE: {"schema": {"type": "string", "format": "binary"}}}
    return responses


def documented_problem(status: int) -> dict[str, Any]:
    """A problem in the API's document."""
    schema = {"schema": {"$ref": f"#/components/schemas/Problem{status}"}}
    content = {PROBLEM_JSON: schema}
    if status in GATEWAY_STATUSES:
        # One schema for both: most generators know one type for each status.
        content["application/json"] = schema
    headers = dict(_ALWAYS)
    if status in (429, 503):
        headers["Retry-After"] = _header("Seconds to wait at least.", "integer")
    if status == 409:
        headers["Retry-After"] = _header(
            "Seconds: with quiz_not_open to the start, with quiz_paused and session_paused to the next look.",
            "integer",
        )
    if status == 401:
        headers["WWW-Authenticate"] = _header(
            "A challenge as RFC 6750 has it; with an error where a token was sent."
        )
    return {"description": _DESCRIPTIONS[status], "content": content, "headers": headers}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_ETAG = _header("Of the session as it is shown, for If-Match and If-None-Match.")


def location(what: str) -> dict[str, Any]:
    """The header that says where what was made is."""
    return {"Location": _header(f"{what}, relative to the request's address.")}


LOCATION = location("The session")
_ALWAYS = {"X-Request-Id": _header("The request's id, as in the service's log.")}
NOT_MODIFIED: Responses = {
    304: {"description": "Still as the ETag says that was sent", "headers": {**_ALWAYS, "ETag": _ETAG}}
}
ETAG_OF_VIEW = {"ETag": _header("Of what is shown, but for time that passes, for If-None-Match.")}
ETAG_OF_QUIZ = {"ETag": _header("Of its rules, for If-Match: their revision.")}
UNCHANGED_VIEW: Responses = {
    304: {"description": "The same would be shown", "headers": {**_ALWAYS, **ETAG_OF_VIEW}}
}

_DESCRIPTIONS = {
    400: "Not readable as a request",
    401: "Without a token, where one is asked for",
    403: "Not with this token",
    404: "No such thing",
    409: "Not in this state",
    410: "Its time is over",
    412: "Not as If-Match says",
    413: "Over a limit in bytes",
    415: "Not in this encoding, or not JSON",
    422: "To be changed as the problem says",
    429: "Too many requests; later",
    500: "A fault of the service",
    503: "Try again",
}
