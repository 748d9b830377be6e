"""The exam room: extra time, reopening, late answers."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast
from uuid import UUID

from pydantic import Field, StrictInt

from quiz_sessions.domain.outcomes import CohortAction, CohortExtension, CohortHandIn
from quiz_sessions.domain.quizzes import Accommodation
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS

from .common import REASON, SESSION_IDS, Reason, RequestBody, SessionIds, example, reply
from .sessions import SessionReply


class ExtendRequest(RequestBody):
    """By how much to move the deadline, and why."""

    model_config = example(seconds=600, reason="the fire alarm")

    seconds: Annotated[StrictInt, Field(ge=-MAX_CHANGE_SECONDS, le=MAX_CHANGE_SECONDS)] = Field(
        description="Negative to take time away, at most down to this moment or started_at; not 0."
    )
    reason: Reason = REASON


class CohortExtendRequest(ExtendRequest):
    """The same, and which sessions of the quiz if not all."""

    session_ids: SessionIds | None = SESSION_IDS


class ReopenRequest(RequestBody):
    """For how long to open the session again, from now or its start, and why."""

    model_config = example(seconds=600, reason="the network was down")

    seconds: Annotated[StrictInt, Field(ge=1, le=MAX_CHANGE_SECONDS)] = Field(description="From now on.")
    reason: Reason = REASON


class AccommodationRequest(RequestBody):
    """A user's extra time, and why."""

    model_config = example(extra_seconds=900, reason="a broken arm")

    extra_seconds: Annotated[StrictInt, Field(ge=0, le=MAX_CHANGE_SECONDS)] = Field(
        description="Whenever the quiz is started."
    )
    reason: Reason = REASON


_RESULTS_READ_AT: Any = field(
    metadata={"description": "When its owner was first shown a score, if that has happened before."}
)


@reply
class RescheduledReply(SessionReply):
    """The session with its new deadline, and what makes that."""

    binding: Literal["time_limit", "closes_at"] = field(metadata={"description": "What makes the deadline."})
    closes_at: datetime | None = field(metadata={"description": "When the quiz closes, if it does."})
    cut_seconds: int = field(
        metadata={"description": "What it has less than it was given, because the quiz closes first."}
    )
    results_read_at: datetime | None = _RESULTS_READ_AT


@reply
class AcceptedReply(SessionReply):
    """The session with the late answers that count now."""

    results_read_at: datetime | None = _RESULTS_READ_AT


@reply
class AccommodationReply(Accommodation):
    """Extra time of one user for one quiz."""


@reply
class AccommodationWritten(AccommodationReply):
    """The extra time, and what the quiz leaves of it."""

    cut: list[UUID] = field(
        metadata={"description": "The user's open sessions that have less, because the quiz closes first."}
    )


@reply
class Cut:
    """Attempts whose deadline an extension moved less far, because the quiz closes first."""

    count: int
    session_ids: list[UUID] = field(metadata={"description": "The first thousand."})


UnchangedReason: TypeAlias = Literal[
    "abandoned",
    "closes_at",
    "completed",
    "expired",
    "extended already",
    "handed in already",
    "no time left",
    "not found",
    "not paused",
    "notified already",
    "paused already",
    "paused by itself",
    "quiz paused",
    "resumed already",
    "started since",
]


@reply
class Unchanged:
    """Attempts with which an action did nothing, all for the same reason."""

    reason: UnchangedReason
    count: int
    session_ids: list[UUID] = field(metadata={"description": "The first thousand."})


def unchanged_of(result: CohortAction | CohortExtension | CohortHandIn) -> list[Unchanged]:
    """What an action did nothing with, by reason."""
    return [
        # A test holds the statements to these reasons.
        Unchanged(reason=cast(UnchangedReason, reason), count=those.number, session_ids=those.session_ids)
        for reason, those in sorted(result.unchanged.items())
    ]


@reply
class CohortExtensionReply:
    """The result of extending all open attempts at a quiz."""

    extended: int
    cut: Cut
    unchanged: list[Unchanged]


@reply
class LateAnswerReply:
    """Answers that came after the end of the session."""

    event: int
    answers: dict[str, Any]
    received_at: datetime
    accepted: bool


@reply
class LateAnswersReply:
    """Late answers of a session, oldest first."""

    late_answers: list[LateAnswerReply]
    next_after: int | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )
