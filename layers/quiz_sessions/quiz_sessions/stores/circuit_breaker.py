"""A circuit breaker: skips a store that has just failed, so that not every request waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0


class CircuitBreaker:
    """Opens for `pause` seconds at each failure, then closes by itself."""

    def __init__(self, pause: float = PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._open_until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether to skip the store."""
        return self._clock() < self._open_until

    def trip(self) -> None:
        """Record a failure: skip the store for the pause."""
        self._open_until = self._clock() + self._pause

    def reset(self) -> None:
        """Record that the store answered."""
        self._open_until = float("-inf")
