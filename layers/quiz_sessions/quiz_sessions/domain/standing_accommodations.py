"""Standing accommodations: what a user has at every quiz."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MAX_TIME_FACTOR: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAccommodation:
    """What a user has at every quiz, whenever it is started. What a quiz gives the user comes on top.

    Attributes:
        time_factor: by which time limits are multiplied, from 1 to 4.
        extra_seconds: added to that.
        closes_later_seconds: by how much later quizzes close for the user.
        granted_by: the subject of the caller; None if callers are not authenticated.
    """

    user_id: str
    time_factor: float = field(metadata={"description": "By which time limits are multiplied."})
    extra_seconds: int = field(metadata={"description": "Added to that."})
    closes_later_seconds: int = field(metadata={"description": "How much later quizzes close for the user."})
    reason: str
    granted_by: str | None
    granted_at: datetime
