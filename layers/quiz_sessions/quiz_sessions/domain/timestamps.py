"""Moments in time: `Micros` (whole microseconds since 1970-01-01 UTC), aware UTC datetimes, and ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Micros: TypeAlias = int
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> Micros:
    """Microseconds since 1970-01-01 UTC, without rounding."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(at: Micros) -> datetime:
    """The aware UTC datetime of `at`, without rounding."""
    return EPOCH + timedelta(microseconds=at)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    # PostgreSQL returns times in its server's time zone, which this service does not control.
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat().removesuffix("+00:00") + "Z"
