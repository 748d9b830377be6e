"""Quizzes: their rules and their answer keys."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt

from quiz_sessions.domain.quizzes import ShowResults, WhenActive
from quiz_sessions.domain.validation import MAX_ANSWERS, MAX_INTEGER
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS

from .common import Id, Moment, RequestBody, reply


class QuizRequest(RequestBody):
    """The rules of a quiz. A rule that is left out takes its default."""

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


@reply
class QuizReply:
    """A registered quiz; only callers who may write quizzes see its answer key."""

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


@reply
class QuizWritten(QuizReply):
    """The quiz, and what the change did to open attempts."""

    rescheduled: int = field(metadata={"description": "Open attempts that follow the new rules."})
