"""Requests as they come in, and replies as the documentation shows them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from quiz_sessions.exams import MAX_CHANGE_SECONDS, MAX_REASON_CHARACTERS
from quiz_sessions.quizzes import ShowResults, WhenActive
from quiz_sessions.receipts import MAX_CHARACTERS as MAX_RECEIPT_CHARACTERS
from quiz_sessions.rules import MAX_ANSWERS, MAX_ID_CHARACTERS, MAX_INTEGER

Id = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_INTEGER)]
Answers = Annotated[dict[Id, Any], Field(max_length=MAX_ANSWERS)]


def _iso(value: Any) -> Any:
    # Pydantic would take a number, also one in a string, for seconds or milliseconds since 1970.
    if value is not None and not (isinstance(value, str) and _DATE.match(value)):
        raise ValueError("a date and time are text as in RFC 3339: 2027-01-15T12:00:00Z")
    return value


_DATE = re.compile("[0-9]{4}-")
Moment = Annotated[AwareDatetime, BeforeValidator(_iso)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartRequest(_Request):
    """Who starts which quiz."""

    user_id: Id | None = Field(None, description="May be left out where the caller's token names the user.")
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
    expires_at: Moment | None = Field(
        None,
        description="The deadline that made the client do this; refused with 409 when there is a later one.",
    )


class QuizRequest(_Request):
    """What a quiz demands of its attempts. What is left out is as the default says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "time_limit_seconds": 3600,
                    "grace_seconds": 30,
                    "closes_at": "2027-01-15T12:00:00Z",
                    "max_attempts": 2,
                    "when_active": "resume",
                    "questions": {
                        "0": {"points": 1, "grading": "exact", "key": "B"},
                        "1": {"points": 2, "grading": "numeric", "key": 9.81, "tolerance": 0.01},
                        "essay": {"points": 5},
                    },
                }
            ]
        }
    )

    time_limit_seconds: Annotated[StrictInt, Field(ge=1, le=MAX_CHANGE_SECONDS)] | None = None
    grace_seconds: Annotated[StrictInt, Field(ge=0, le=MAX_CHANGE_SECONDS)] = 0
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    max_attempts: Annotated[StrictInt, Field(ge=1, le=MAX_INTEGER)] | None = None
    when_active: WhenActive = WhenActive.NEW
    show_results: ShowResults = ShowResults.AFTER_END
    questions: Annotated[dict[Id, dict[str, Any]], Field(max_length=MAX_ANSWERS)] = Field(
        default_factory=dict, description="Question -> points, grading, key, tolerance, partial."
    )


Reason = Annotated[StrictStr, Field(min_length=1, max_length=MAX_REASON_CHARACTERS)]


class ExtendRequest(_Request):
    """By how much a deadline moves, and why."""

    seconds: Annotated[StrictInt, Field(ge=-MAX_CHANGE_SECONDS, le=MAX_CHANGE_SECONDS)]
    reason: Reason


class ReopenRequest(_Request):
    """For how long from now, and why."""

    seconds: Annotated[StrictInt, Field(ge=1, le=MAX_CHANGE_SECONDS)]
    reason: Reason


class AccommodationRequest(_Request):
    """Extra time, and why."""

    extra_seconds: Annotated[StrictInt, Field(ge=0, le=MAX_CHANGE_SECONDS)]
    reason: Reason


class ReasonRequest(_Request):
    """Why."""

    reason: Reason


class ScoreRequest(_Request):
    """A score given by a person, and why."""

    score: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
    max_score: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
    reason: Reason


class VerifyReceiptRequest(_Request):
    """A receipt, and the answers that are said to go with it."""

    receipt: Annotated[StrictStr, Field(max_length=MAX_RECEIPT_CHARACTERS)]
    answers: Answers | None = None


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
    late_ms: int = Field(description="By how much the latest answer that counts came after the deadline.")
    score: float | None
    max_score: float | None
    durability: Literal["committed", "buffered"]
    buffered_questions: list[str]
    receipt: str | None = Field(description="Signed proof of a committed write; null on everything else.")
    next_autosave_after_ms: int | None = Field(
        None, description="When to autosave next, at the earliest; null once the session has ended."
    )


class StartReply(SessionReply):
    """The session started, or the one that stands in its place."""

    resumed: bool = Field(description="Whether it is the user's open attempt.")


class DeadlineReply(BaseModel):
    """What a session's deadline is made of."""

    session_id: UUID
    status: Literal["started", "in_progress", "completed", "expired", "abandoned"]
    started_at: datetime
    time_limit_seconds: int
    accommodation_seconds: int = Field(description="The user's extra time for the quiz.")
    extension_seconds: int = Field(description="Given since the start, or taken.")
    closes_at: datetime | None
    grace_seconds: int
    expires_at: datetime = Field(description="started_at with all the seconds, at most closes_at.")
    accepts_until: datetime = Field(description="expires_at with the grace.")
    binding: Literal["time_limit", "closes_at"]
    server_time: datetime
    time_remaining: int


class QuestionResult(BaseModel):
    """What an answer earned."""

    points: float
    max_points: float
    correct: bool | None = Field(description="Null where no key graded it.")


class ResultsReply(BaseModel):
    """The score of an ended session."""

    session_id: UUID
    score: float | None
    max_score: float | None
    late_ms: int
    questions: dict[str, QuestionResult] | None


class QuizReply(BaseModel):
    """A registered quiz; its answer key only for those who may write it."""

    quiz_id: str
    revision: int
    time_limit_seconds: int | None
    grace_seconds: int
    opens_at: datetime | None
    closes_at: datetime | None
    max_attempts: int | None
    when_active: WhenActive
    show_results: ShowResults
    questions: dict[str, dict[str, Any]]
    updated_at: datetime


class QuizWritten(QuizReply):
    """The quiz, and what the change did to open attempts."""

    rescheduled: int = Field(description="Open attempts that follow the new rules.")


class AccommodationReply(BaseModel):
    """Extra time of one user for one quiz."""

    user_id: str
    quiz_id: str
    extra_seconds: int
    reason: str
    granted_by: str | None
    granted_at: datetime


class Unchanged(BaseModel):
    """Attempts that an extension did not move, for one reason."""

    reason: str
    count: int
    session_ids: list[UUID] = Field(description="The first thousand.")


class CohortExtensionReply(BaseModel):
    """What an extension of a whole quiz did."""

    extended: int
    unchanged: list[Unchanged]


class LateAnswerReply(BaseModel):
    """Answers that came too late."""

    event: int
    answers: dict[str, Any]
    received_at: datetime
    accepted: bool


class LateAnswersReply(BaseModel):
    """All of a session."""

    late_answers: list[LateAnswerReply]


class RegradeReply(BaseModel):
    """What a regrade did."""

    regraded: int
    changed: int = Field(description="Of those, the scores that are other ones now.")
    complete: bool = Field(description="Whether none is left; otherwise call again.")


class SummaryReply(BaseModel):
    """A session without its answers."""

    id: UUID
    user_id: str
    quiz_id: str
    attempt_no: int
    status: Literal["started", "in_progress", "completed", "expired", "abandoned"]
    version: int
    time_remaining: int
    started_at: datetime
    expires_at: datetime
    last_updated: datetime
    completed_at: datetime | None
    late_ms: int
    score: float | None
    max_score: float | None


class SessionsReply(BaseModel):
    """Sessions, newest first."""

    sessions: list[SummaryReply]
    next_cursor: str | None


class EventReply(BaseModel):
    """One change of a session."""

    revision: int
    version: int
    type: str
    at: datetime
    changes: dict[str, Any]
    hash: str


class EventsReply(BaseModel):
    """Changes of a session, in their order."""

    events: list[EventReply]
    next_after: int | None = Field(description="The `after` of the next page; null on the last one.")


class VerificationReply(BaseModel):
    """Whether a session's trail is whole, and its row as the trail says."""

    intact: bool
    events: int
    broken: list[int] = Field(description="Revisions missing from the trail, or changed since.")
    differs: list[str] = Field(description="What the session says otherwise than its trail.")


class ProofReply(BaseModel):
    """What a receipt is worth."""

    genuine: bool
    recorded: bool = Field(description="Whether the session's trail says the same.")
    answers_match: bool | None = Field(description="Null where no answers were sent.")
    session_id: UUID | None
    version: int | None
    answers_sha256: str | None
    committed_at: datetime | None


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
    session_id: UUID | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether each store answers."""

    status: Literal["ready", "degraded"]
    database: Literal["up", "down"]
    cache: Literal["up", "down"]
