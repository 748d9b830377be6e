"""What the endpoints have in common: how replies are written, and how the documentation shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi.responses import Response

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.json_values import dump_record, shown_fields
from quiz_sessions.domain.sessions import Session

from .cached_reads import session_content
from .gateway import PROBLEM_JSON
from .schemas.problems import Conflict, InvalidInput, Problem
from .schemas.sessions import SessionReply

Responses = dict[int | str, dict[str, Any]]
_Record = TypeVar("_Record")


def pick(reply: type[_Record], source: object, **more: object) -> _Record:
    """A reply made of the fields of `source` that have its names, and of `more`."""
    fields: Any = reply
    names = (name for name in shown_fields(fields) if name not in more)
    return reply(**{name: getattr(source, name) for name in names}, **more)


def json_reply(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A record as a reply that no cache keeps."""
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
    """A session, its version as the entity tag, and when to autosave next."""
    return json_reply(
        {**session_content(session, services.cached.backpressure), **more},
        status,
        {"ETag": f'"{session.version}"', **(headers or {})},
    )


def documented(
    status: int, description: str, *problems: int, model: type[object] | None = SessionReply
) -> Responses:
    """A success (without a body, where `model` is None) and the problems that there may be instead."""
    responses: Responses = {status: {"description": description}}
    if model is not None:
        responses[status]["model"] = model
    models = {409: Conflict, 422: InvalidInput}
    for code in (*problems, 401, 503):
        schema = {"$ref": f"#/components/schemas/{models.get(code, Problem).__name__}"}
        responses[code] = {
            "description": _DESCRIPTIONS[code],
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
    return responses


_DESCRIPTIONS = {
    401: "Without a token, where one is asked for",
    403: "Not with this token",
    404: "No such thing",
    409: "Not in this state",
    410: "Its time is over",
    413: "Over a limit in bytes",
    422: "To be changed as the problem says",
    503: "Try again",
}
