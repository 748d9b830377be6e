"""Standing accommodations: what a user has at every quiz."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictInt

from quiz_sessions.domain.standing_accommodations import MAX_TIME_FACTOR, StandingAccommodation
from quiz_sessions.services.administration import MAX_CHANGE_SECONDS

from .common import REASON, Reason, RequestBody, example, reply

_Seconds = Annotated[StrictInt, Field(ge=0, le=MAX_CHANGE_SECONDS)]


class StandingAccommodationRequest(RequestBody):
    """What a user has at every quiz, and why."""

    model_config = example(
        time_factor=1.5, extra_seconds=300, closes_later_seconds=3600, reason="reads slowly"
    )

    time_factor: Annotated[float, Field(ge=1, le=MAX_TIME_FACTOR, allow_inf_nan=False, strict=True)] = Field(
        1, description="By which time limits are multiplied."
    )
    extra_seconds: _Seconds = Field(0, description="Added to that.")
    closes_later_seconds: _Seconds = Field(0, description="How much later quizzes close for the user.")
    reason: Reason = REASON


@reply
class StandingAccommodationReply(StandingAccommodation):
    """What a user has at every quiz."""


@reply
class StandingAccommodationWritten(StandingAccommodationReply):
    """The standing accommodation, and what quizzes leave of it."""

    cut: list[UUID] = field(
        metadata={"description": "The user's open sessions that have less, because their quiz closes first."}
    )


@reply
class StandingAccommodationsReply:
    """Standing accommodations, by user."""

    accommodations: list[StandingAccommodationReply]
    next_after: str | None = field(
        metadata={"description": "The `after` of the next page; null on the last one."}
    )
