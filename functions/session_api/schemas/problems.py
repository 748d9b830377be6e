"""Problems (RFC 9457): the replies to requests that could not be served."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from .sessions import SessionState


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="about:blank: the code says more.")
    title: str = Field(description="What the status means.")
    status: int
    detail: str = Field(description="What to do about it, for people.")
    code: str = Field(description="Stable: what a program may look at.")
    request_id: str = Field(description="As in X-Request-Id, and in the service's log.")


class FieldError(BaseModel):
    """What is wrong with one member of a request."""

    location: str = Field(description="Where it stands, such as body.answers.")
    message: str


class InvalidInput(Problem):
    """What was wrong with the request."""

    errors: list[FieldError] | None = Field(None, description="Member by member, at most twenty.")
    question_id: str | None = Field(None, description="The question at fault, if it is one question's.")


class TooLarge(Problem):
    """Which limit in bytes the request would pass."""

    question_id: str | None = Field(None, description="The question at fault, if it is one question's.")


class Conflict(Problem):
    """The session as it is now; with `version_conflict` also what has changed since."""

    current_version: int | None = None
    changed_questions: list[str] | None = None
    session: SessionState | None = None
    session_id: UUID | None = Field(None, description="With attempt_active: the open attempt.")
    opens_at: datetime | None = Field(None, description="With quiz_not_open.")
    closes_at: datetime | None = Field(None, description="With quiz_closed.")


class GatewayMessage(BaseModel):
    """What API Gateway says by itself, in front of the service."""

    message: str


_BASES: Mapping[int, type[Problem]] = {409: Conflict, 413: TooLarge, 422: InvalidInput}


def problem_model(status: int, codes: tuple[str, ...]) -> type[Problem]:
    """The problem of one status, with the codes that it may have."""
    base = _BASES.get(status, Problem)
    fields: dict[str, Any] = {
        "status": (Literal[status], ...),
        "code": (Literal[codes], Field(description="Stable: what a program may look at.")),
    }
    return create_model(f"Problem{status}", __base__=base, __doc__=base.__doc__, **fields)
