"""This machine's clock."""

from __future__ import annotations

import time


def current_micros() -> int:
    """The current time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000
