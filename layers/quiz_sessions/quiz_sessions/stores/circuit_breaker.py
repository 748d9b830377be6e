"""Skipping a store that just failed, instead of making every request wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0


class CircuitBreaker:
    """Open for a moment after each failure, then closed again by itself."""

    def __init__(self, pause: float = PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._open_until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether the store is to be skipped."""
        return self._clock() < self._open_until

    def trip(self) -> None:
        """Note a failure: skip the store for the pause."""
        self._open_until = self._clock() + self._pause

    def reset(self) -> None:
        """Note that the store answered."""
        self._open_until = float("-inf")
