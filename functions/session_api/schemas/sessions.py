"""Sessions: starting, writing to and reading them."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictStr, model_validator

from quiz_sessions.domain.access import MAX_PAGE_URL_CHARACTERS, MAX_PASSWORD_CHARACTERS
from quiz_sessions.domain.attempts import GradingState, Status
from quiz_sessions.domain.deadlines import Deadline
from quiz_sessions.domain.sessions import GRADING, Session
from quiz_sessions.domain.validation import QUIZ_ID

from .common import Answers, Count, Id, Moment, Reason, RequestBody, Tags, reply
from .labels import GROUP, LABEL, METADATA, Label


class StartRequest(RequestBody):
    """Who starts which quiz."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "user1", "quiz_id": "physics"},
                {
                    "user_id": "user1",
                    "quiz_id": "physics",
                    "group": "Room 12",
                    "metadata": {"course": "PH-101"},
                },
            ]
        }
    )

    user_id: Id | None = Field(None, description="May be left out where the caller's token names the user.")
    quiz_id: Id = Field(
        pattern=QUIZ_ID,
        description="Any id without a slash; a quiz that nobody registered is 404, or has the service's "
        "defaults: UNKNOWN_QUIZZES chooses.",
    )
    password: Annotated[StrictStr, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)] | None = Field(
        None, description="Where the quiz asks for one."
    )
    page_url: Annotated[StrictStr, Field(min_length=1, max_length=MAX_PAGE_URL_CHARACTERS)] | None = Field(
        None, description="The address of the student's page, where the quiz asks for Safe Exam Browser."
    )
    group: Id | None = GROUP
    label: Label | None = LABEL
    metadata: dict[str, Any] | None = METADATA


BASED_ON: Any = Field(
    None,
    description="Question -> the tag (of `answer_tags`) of its answer that was shown when the new one was "
    "begun; null if none was. Refuse with 409 where somebody else's has come since. Needs X-Client-Id.",
)


class ProgressRequest(RequestBody):
    """One answer (`question_id` and `answer`) or several (`answers`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question_id": 0, "answer": "A"},
                {"answers": {"0": "A", "essay": {"text": "…"}}, "version": 3},
                {"answers": {"0": "A"}, "autosave": True, "based_on": {"0": "1800000060000000.9f86d081884c"}},
            ],
        }
    )

    question_id: Count | Id | None = Field(
        None, description="With `answer`, and not with `answers`: an integer or a string."
    )
    answer: Any = Field(None, description="With `question_id`: any JSON value.")
    answers: Answers | None = Field(
        None, description="Question -> answer, any JSON value; in the place of question_id and answer."
    )
    version: Count | None = Field(None, description="Refuse with 409 when the session is at another version.")
    based_on: Tags | None = BASED_ON
    current_question: Count | None = Field(
        None, description="Where the student is; an integer question_id moves it behind that question."
    )
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

    @property
    def written(self) -> dict[str, Any] | tuple[int | str, Any]:
        """The answers, or the one question and its answer."""
        if self.answers is not None:
            return self.answers
        assert self.question_id is not None
        return self.question_id, self.answer


class CompleteRequest(RequestBody):
    """Last answers to merge before the attempt is completed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {},
                {"answers": {"essay": "The end."}},
                {"on_behalf": True, "reason": "the hall is closed"},
            ]
        }
    )

    answers: Answers | None = Field(None, description="Question -> answer.")
    version: Count | None = Field(None, description="Refuse with 409 when the session is at another version.")
    based_on: Tags | None = BASED_ON
    expires_at: Moment | None = Field(
        None,
        description="The deadline that made the client do this; refused with 409 when there is a later one.",
    )
    on_behalf: StrictBool = Field(
        False, description="Staff hand in for the user: then with `reason`, and nothing else."
    )
    reason: Reason | None = Field(None, description="With `on_behalf`: kept in the audit log.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if not self.on_behalf and self.reason is not None:
            raise ValueError("a reason is of staff who hand in on_behalf of the user")
        if self.on_behalf and self.reason is None:
            raise ValueError("on_behalf needs a reason")
        if self.on_behalf and self.model_fields_set - {"on_behalf", "reason"}:
            raise ValueError("on_behalf comes with a reason and nothing else")
        return self


@reply
class SessionReply(Session):
    """A session at this moment."""

    next_autosave_after_ms: int | None = field(
        metadata={"description": "When to autosave next, at the earliest; null once the session has ended."}
    )


@reply
class SessionState(SessionReply):
    """The session as it is now, in the problem that refuses a request."""


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
    paused: bool
    last_updated: datetime
    completed_at: datetime | None
    group: str | None
    label: str | None
    late_ms: int
    score: float | None
    max_score: float | None
    grading: GradingState | None = field(metadata={"description": GRADING})


@reply
class SessionsReply:
    """Sessions, newest first."""

    sessions: list[SessionSummary] = field(
        metadata={"description": "As many as `limit`, or fewer, even none, before the last page too."}
    )
    next_cursor: str | None = field(
        metadata={"description": "The `cursor` of the next page; null on the last one."}
    )
