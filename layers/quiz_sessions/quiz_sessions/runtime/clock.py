"""This machine's clock."""

from __future__ import annotations

import time


def current_micros() -> int:
    """The current time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


def jitter() -> float:
    """A number from 0 to 1 that spreads what would come together."""
    # Calls come at any nanosecond; a seeded generator would repeat itself in every process made from a
    # snapshot, and the operating system's costs as much as parsing a session.
    return time.monotonic_ns() % 1_000 / 1_000
