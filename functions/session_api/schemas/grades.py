"""Scores: reading them, marking questions, setting whole scores, regrading, statistics."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, RootModel, StrictBool, StrictStr

from quiz_sessions.domain.attempts import GradingState
from quiz_sessions.domain.grading import MAX_COMMENT_CHARACTERS, MAX_POINTS
from quiz_sessions.domain.outcomes import Regrade
from quiz_sessions.domain.quiz_statistics import QuizStatistics
from quiz_sessions.domain.sessions import GRADING
from quiz_sessions.domain.validation import MAX_ANSWERS
from quiz_sessions.services.grading_queue import MAX_CURSOR_CHARACTERS, QueuedAnswer

from .common import REASON, Id, Reason, RequestBody, example, reply


class ScoreRequest(RequestBody):
    """A score set by hand, and why."""

    model_config = example(score=7.5, max_score=10, reason="read by two teachers")

    score: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = Field(
        description="At most max_score."
    )
    max_score: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = Field(
        description="What there was to earn."
    )
    reason: Reason = REASON


class MarkRequest(RequestBody):
    """What a person gives for the answer to a question."""

    model_config = example(points=3.5, comment="Well argued.")

    points: Annotated[float, Field(ge=0, le=MAX_POINTS, allow_inf_nan=False, strict=True)] = Field(
        description="At most the question's points."
    )
    comment: Annotated[StrictStr, Field(max_length=MAX_COMMENT_CHARACTERS)] | None = Field(
        None, description="Shown with the results."
    )


class GradesRequest(
    RootModel[Annotated[dict[Id, MarkRequest | None], Field(min_length=1, max_length=MAX_ANSWERS)]]
):
    """Question -> what a person gives for it; null gives it back to its key, or lets it wait for a person."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"essay": {"points": 3.5, "comment": "Well argued."}}]}
    )


@reply
class QuestionResult:
    """The points that an answer earned."""

    points: float
    max_points: float
    correct: bool | None = field(metadata={"description": "By the key; null where no key marked it."})
    marked_by: Literal["key", "person"] | None = field(
        metadata={"description": "Null where nobody did: it waits for a person, or there is no answer."}
    )
    comment: str | None = field(metadata={"description": "What the person wrote."})


@reply
class ResultsReply:
    """The score of an ended session."""

    session_id: UUID
    score: float | None
    max_score: float | None
    grading: GradingState | None = field(metadata={"description": GRADING})
    late_ms: int
    questions: dict[str, QuestionResult] | None = field(
        metadata={"description": "By question; null where the score is not a sum of questions."}
    )


class ClaimRequest(RequestBody):
    """Which answer to mark next, if not any."""

    model_config = example(question="essay")

    question: Id | None = Field(None, description="An answer to this question.")
    after: Annotated[StrictStr, Field(min_length=1, max_length=MAX_CURSOR_CHARACTERS)] | None = Field(
        None, description="The `cursor` of an answer: one behind it. Without it the one that is held already."
    )
    release: StrictBool = Field(
        False, description="Hold none any more, and be given none: `item` is null. Nothing else is looked at."
    )


@reply
class QueuedReply(QueuedAnswer):
    """An answer that waits for a person."""


@reply
class QueueReply:
    """A page of the answers that wait for a person."""

    waiting: int = field(metadata={"description": "How many answers wait, held ones too, on all pages."})
    questions: dict[str, int] = field(metadata={"description": "Question -> how many answers to it wait."})
    items: list[QueuedReply] = field(metadata={"description": "Those who started first are first."})
    next_after: str | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )


@reply
class ClaimedReply:
    """The answer that the caller is to mark."""

    item: QueuedReply | None = field(
        metadata={"description": "Held for the caller for 15 minutes; null where none waits that is free."}
    )


@reply
class RegradeReply(Regrade):
    """The result of a regrade."""


@reply
class StatisticsReply(QuizStatistics):
    """How a quiz was answered."""
