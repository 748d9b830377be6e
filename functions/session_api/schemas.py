"""Requests as they come in, and replies as the documentation shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from quiz_sessions.rules import MAX_ANSWERS, MAX_ID_CHARACTERS, MAX_INTEGER

Id = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_INTEGER)]
Answers = Annotated[dict[Id, Any], Field(max_length=MAX_ANSWERS)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartRequest(_Request):
    """Who starts which quiz."""

    user_id: Id
    quiz_id: Id


class ProgressRequest(_Request):
    """One answer (`question_id` and `answer`) or several (`answers`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["question_id", "answer"]}, {"required": ["answers"]}],
            "examples": [
                {"question_id": 0, "answer": "A"},
                {"answers": {"0": "A", "essay": {"text": "…"}}, "version": 3},
            ],
        }
    )

    question_id: Count | Id | None = Field(
        None, description="An integer or a string; a string key in `answers`."
    )
    answer: Any = Field(None, description="Any JSON value.")
    answers: Answers | None = None
    version: Count | None = Field(None, description="Refuse with 409 when the session is at another version.")
    current_question: Count | None = None
    autosave: StrictBool = Field(False, description="Buffer the answers; they are committed within a minute.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        single = self.question_id is not None and "answer" in self.model_fields_set
        partly = self.question_id is not None or "answer" in self.model_fields_set
        if self.answers is None and not single:
            raise ValueError("send question_id and answer, or answers")
        if self.answers is not None and partly:
            raise ValueError("send either question_id and answer, or answers, not both")
        return self


class CompleteRequest(_Request):
    """Last answers to go in with the rest."""

    answers: Answers | None = None
    version: Count | None = None


class SessionReply(BaseModel):
    """A session at this moment."""

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Literal["started", "in_progress", "completed", "expired", "abandoned"]
    current_question: int
    answers: dict[str, Any]
    version: int
    time_remaining: int = Field(description="Whole seconds, rounded up.")
    started_at: datetime
    expires_at: datetime
    last_updated: datetime
    completed_at: datetime | None
    score: float | None
    max_score: float | None
    durability: Literal["committed", "buffered"]
    buffered_questions: list[str]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable: what a program may look at.")
    request_id: str


class InvalidInput(Problem):
    """What was wrong with the request."""

    errors: list[dict[str, str]] | None = None


class Conflict(Problem):
    """The session as it is now; with `version_conflict` also what has changed since."""

    current_version: int | None = None
    changed_questions: list[str] | None = None
    session: SessionReply | None = None


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether each store answers."""

    status: Literal["ready", "degraded"]
    database: Literal["up", "down"]
    cache: Literal["up", "down"]
