"""Ids that begin with a moment: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from .timestamps import Micros, from_micros

_VARIANT = 0b10


def uuid7(at: Micros, random: bytes) -> UUID:
    """An id of the moment `at`; `random` are ten bytes, for the 74 bits that the standard leaves free."""
    bits = int.from_bytes(random) >> 6
    high, low = bits >> 62, bits & (1 << 62) - 1
    return UUID(int=_moment(at) | 7 << 76 | high << 64 | _VARIANT << 62 | low)


def lowest(at: Micros) -> UUID:
    """The lower bound of the ids of the moment `at` and later ones."""
    return UUID(int=_moment(at))


def moment_of(session_id: UUID) -> datetime:
    """The moment that an id begins with, in milliseconds."""
    return from_micros((session_id.int >> 80) * 1000)


def _moment(at: Micros) -> int:
    # 48 bits of milliseconds since 1970.
    return max(0, at) // 1000 << 80
