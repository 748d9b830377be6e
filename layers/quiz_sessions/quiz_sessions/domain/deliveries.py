"""Webhooks: when what was refused is tried again, and when it is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
PAUSES: Final[Sequence[int]] = (
    5,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""Seconds from each try to the next, as Standard Webhooks recommends; the first try is at once."""
TRIES: Final = len(PAUSES) + 1
MAX_RETRY_AFTER: Final = _HOUR
"""For as long as this, in seconds, a receiver may ask to be left alone."""
JITTER: Final = 0.1
"""A pause is longer by up to this share of it, so that what failed together does not come together again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the receiver of a webhook did not accept an event.

    Attributes:
        code: `status 500`, `timeout` or `unreachable`; nothing of what the receiver has written.
        is_gone: whether the receiver wants no more events.
        retry_after: for how many seconds it wants to be left alone, if it says so.
    """

    code: str
    is_gone: bool = False
    retry_after: int | None = None


def pause_after(tries: int, jitter: float) -> float | None:
    """The seconds to wait after so many tries; None if there was the last one. `jitter` is from 0 to 1."""
    return None if tries >= TRIES else PAUSES[tries - 1] * (1 + JITTER * jitter)
