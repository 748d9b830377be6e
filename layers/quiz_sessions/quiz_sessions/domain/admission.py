"""Admission: how a crowd is let into a quiz when it opens."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

from .timestamps import Micros, to_micros

MAX_ADMISSION_SECONDS: Final = 3600
MARGIN_SECONDS: Final = 10
"""At the end of the admission nobody is asked to come, or at most during its second half: with a common start
whoever comes late has less time."""


def seconds_to_wait(
    opens_at: datetime, admission_seconds: int, user_id: str, quiz_id: str, at: Micros
) -> int:
    """How long to wait before starting a quiz that has not opened: till then, and for one's place.

    A place is the same each time that its user asks, so that asking often gains nothing.
    """
    until_open = -((at - to_micros(opens_at)) // 1_000_000)
    place = int.from_bytes(sha256(f"{quiz_id}\n{user_id}".encode()).digest()[:8])
    places = admission_seconds - min(MARGIN_SECONDS, admission_seconds // 2)
    return max(1, until_open) + place % max(1, places)
