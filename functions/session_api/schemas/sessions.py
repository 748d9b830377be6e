"""Sessions: starting, writing to and reading them."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from quiz_sessions.domain.attempts import Status
from quiz_sessions.domain.deadlines import Deadline
from quiz_sessions.domain.sessions import Session

from .common import Answers, Count, Id, Moment, RequestBody, reply


class StartRequest(RequestBody):
    """Who starts which quiz."""

    user_id: Id | None = Field(None, description="May be left out where the caller's token names the user.")
    quiz_id: Id


class ProgressRequest(RequestBody):
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


class CompleteRequest(RequestBody):
    """Last answers to merge before the attempt is completed."""

    answers: Answers | None = None
    version: Count | None = None
    expires_at: Moment | None = Field(
        None,
        description="The deadline that made the client do this; refused with 409 when there is a later one.",
    )


@reply
class SessionState(Session):
    """The session as it is now, in the problem that refuses a request."""


@reply
class SessionReply(Session):
    """A session at this moment."""

    next_autosave_after_ms: int | None = field(
        metadata={"description": "When to autosave next, at the earliest; null once the session has ended."}
    )


@reply
class StartReply(SessionReply):
    """The session that was started, or the existing one that is returned instead."""

    resumed: bool = field(metadata={"description": "Whether it is the user's open attempt."})


@reply
class DeadlineReply(Deadline):
    """How a session's deadline is computed."""


@reply
class SessionSummary:
    """A session without its answers."""

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Status
    version: int
    time_remaining: int
    started_at: datetime
    expires_at: datetime
    last_updated: datetime
    completed_at: datetime | None
    late_ms: int
    score: float | None
    max_score: float | None


@reply
class SessionsReply:
    """Sessions, newest first."""

    sessions: list[SessionSummary]
    next_cursor: str | None
