"""Problems (RFC 9457): the replies to requests that could not be served."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaMode, SkipJsonSchema, models_json_schema

from ..problem_kinds import ADDRESS, KINDS
from .common import OptionalMembers
from .examples import PROBLEMS, REQUEST_ID
from .sessions import SessionState

# Left out rather than null.
_Absent = SkipJsonSchema[None]


class Problem(OptionalMembers):
    """RFC 9457 problem details."""

    type: str = Field(
        description="Where it says what the code means and what to do, relative to the request's address."
    )
    title: str = Field(description="What the code means, in short.")
    status: int
    code: str = Field(description="Stable: what a program may look at.")
    detail: str = Field(description="What to do about it, for people.")
    request_id: str = Field(description="As in X-Request-Id, and in the service's log.")


class FieldError(BaseModel):
    """What is wrong with one member of a request."""

    location: str = Field(description="Where it stands, such as body.answers.")
    message: str


def _require_nothing(schema: JsonDict) -> None:
    del schema["required"]


class GatewayProblem(Problem):
    """RFC 9457 problem details; or what API Gateway says by itself: `message` alone."""

    model_config = ConfigDict(json_schema_extra=_require_nothing)

    message: str | _Absent = Field(None, description="Where API Gateway replied; then it is the only member.")


class InvalidInput(Problem):
    """What was wrong with the request."""

    errors: list[FieldError] | _Absent = Field(None, description="Member by member, at most twenty.")
    question_id: str | _Absent = Field(None, description="The question at fault, if it is one question's.")


class TooLarge(Problem):
    """Which limit in bytes the request would pass."""

    question_id: str | _Absent = Field(None, description="The question at fault, if it is one question's.")


class ConflictingAnswer(BaseModel):
    """An answer that somebody else gave."""

    answer: Any = Field(description="Any JSON value.")
    at: datetime = Field(description="When it was received.")
    durability: Literal["committed", "buffered"]


class PreconditionFailed(Problem):
    """The session, or the quiz, is not as If-Match says."""

    session: SessionState | _Absent = Field(None, description="The session as it is now.")
    revision: int | None = Field(
        None, description="The quiz's, as it is now; null where none is registered under its id."
    )


class Over(Problem):
    """What is over: the session, a section of its paper, or what was erased."""

    question_id: str | _Absent = Field(None, description="With section_expired: a question of the section.")
    session: SessionState | _Absent = Field(None, description="With section_expired: as it is now.")


class Conflict(Problem):
    """What is in the way, and with some codes the session as it is now."""

    question_id: str | _Absent = Field(
        None, description="With question_locked and question_held: the question."
    )
    held_by: str | _Absent = Field(None, description="With question_held: who is about to mark it.")
    held_until: datetime | _Absent = Field(None, description="With question_held: until when, at the latest.")
    current_version: int | _Absent = Field(None, description="With version_conflict: the session's version.")
    changed_questions: list[str] | _Absent = Field(
        None, description="With version_conflict: the questions answered since the version that was sent."
    )
    conflicts: dict[str, ConflictingAnswer] | _Absent = Field(
        None, description="With answer_conflict: question -> the answer that was not known."
    )
    session: SessionState | _Absent = Field(
        None,
        description="As it is now: with answer_conflict, version_conflict, session_closed, session_paused, "
        "deadline_moved, other_device, question_locked.",
    )
    takeover: bool | _Absent = Field(
        None,
        description="With other_device: whether the student may go on with this one; if not, a proctor lets "
        "it in.",
    )
    session_id: UUID | _Absent = Field(
        None, description="With attempt_active, and attempts_exhausted where there is one: the open attempt."
    )
    opens_at: datetime | None = Field(None, description="With quiz_not_open: when it opens.")
    closes_at: datetime | None = Field(
        None, description="With quiz_closed: when it closed. With quiz_closes_first: when it does."
    )


_BASES: Final[Mapping[int, type[Problem]]] = {
    401: GatewayProblem,
    409: Conflict,
    410: Over,
    412: PreconditionFailed,
    413: TooLarge,
    422: InvalidInput,
    429: GatewayProblem,
}
GATEWAY_STATUSES: Final = frozenset(status for status, base in _BASES.items() if base is GatewayProblem)
"""What API Gateway also replies by itself."""


def problem_schemas(codes: Mapping[int, tuple[str, ...]]) -> dict[str, dict[str, Any]]:
    """The schemas of all problems, and of what they hold, by name."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (problem_model(status, names), "serialization") for status, names in codes.items()
    ]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schemas: dict[str, dict[str, Any]] = found["$defs"]
    for status in codes:
        code = PROBLEMS[status]["code"]
        kind = {"type": f"{ADDRESS}#{code}", "title": KINDS[code].title, "status": status}
        schemas[f"Problem{status}"]["examples"] = [{**kind, **PROBLEMS[status], "request_id": REQUEST_ID}]
    return schemas


def problem_model(status: int, codes: tuple[str, ...]) -> type[Problem]:
    """The problem of one status, with the codes that it may have."""
    base = _BASES.get(status, Problem)
    fields: dict[str, Any] = {
        "status": (Literal[status], ...),
        "code": (Literal[codes], Field(description="Stable: what a program may look at.")),
    }
    return create_model(f"Problem{status}", __base__=base, __doc__=base.__doc__, **fields)
