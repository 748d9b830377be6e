"""What the endpoints have in common: how replies are written, and how the documentation shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.responses import Response
from pydantic import BaseModel

from quiz_sessions.models import Session, dump_json
from quiz_sessions.wiring import Services

from .cached_reads import session_content
from .gateway import PROBLEM_JSON
from .schemas import Conflict, InvalidInput, Problem, SessionReply

Responses = dict[int | str, dict[str, Any]]


def json_reply(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A reply that no cache keeps."""
    return Response(
        dump_json(content), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json"
    )


def session_reply(
    services: Services,
    session: Session,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A session, its version as the entity tag, and when to autosave next."""
    return json_reply(
        {**session_content(session, services.cached.load), **more},
        status,
        {"ETag": f'"{session.version}"', **(headers or {})},
    )


def documented(
    status: int, description: str, *problems: int, model: type[BaseModel] = SessionReply
) -> Responses:
    """A success and the problems that there may be instead."""
    responses: Responses = {status: {"model": model, "description": description}}
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
