"""Replies: how endpoints write and document them."""

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
    """A reply with a session, the time of its next autosave, and its version as the entity tag."""
    return json_reply(
        {**session_content(session, services.cached.backpressure), **more},
        status,
        {"ETag": f'"{session.version}"', **(headers or {})},
    )


def documented(
    status: int, description: str, *problems: int, model: type[object] | None = SessionReply
) -> Responses:
    """Document a success (without a body, if `model` is None) and the problems that are possible instead."""
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
