"""Scores: reading, setting and regrading them."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated
from uuid import UUID

from pydantic import Field

from quiz_sessions.domain.outcomes import Regrade

from .common import REASON, Reason, RequestBody, example, reply


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


@reply
class QuestionResult:
    """The points that an answer earned."""

    points: float
    max_points: float
    correct: bool | None = field(metadata={"description": "Null where no key graded it."})


@reply
class ResultsReply:
    """The score of an ended session."""

    session_id: UUID
    score: float | None
    max_score: float | None
    late_ms: int
    questions: dict[str, QuestionResult] | None


@reply
class RegradeReply(Regrade):
    """The result of a regrade."""
