"""Backpressure: how busy the service is, as one process sees it, and how often clients should autosave."""

from __future__ import annotations

import random
from collections.abc import Callable

AUTOSAVE_MS = 10_000
MAX_AUTOSAVE_MS = 60_000
BACKLOG_UNIT = 2_000
"""Dirty sessions for which the pause between two autosaves grows by its whole length."""
ERROR_FACTOR = 5
"""The pause is six times as long where every write fails."""
_MEMORY = 0.95
"""How much of the error rate each request keeps: it forgets within some fifty requests."""


def next_autosave_after_ms(backlog: int, error_rate: float, jitter: float) -> int:
    """How long a client should wait before its next autosave, in milliseconds.

    It grows with the sessions that wait for the flush and with the share of writes that failed (0 to 1). The
    jitter (0 to 1) spreads it by a fifth to both sides, so that clients that began together come apart.
    """
    pause = AUTOSAVE_MS * (1 + backlog / BACKLOG_UNIT) * (1 + ERROR_FACTOR * error_rate)
    return round(min(MAX_AUTOSAVE_MS, pause) * (0.8 + 0.4 * jitter))


class Backpressure:
    """Notes what requests meet, and says when clients should come again."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._backlog = 0
        self._error_rate = 0.0

    def note_backlog(self, sessions: int) -> None:
        """So many sessions wait for the flush."""
        self._backlog = sessions

    def note_write(self, *, failed: bool) -> None:
        """A write was served, or met a store that could not serve it."""
        self._error_rate = _MEMORY * self._error_rate + (1 - _MEMORY) * failed

    def next_autosave_after_ms(self) -> int:
        """When a client should autosave next, in milliseconds from now; no two are told the same."""
        return next_autosave_after_ms(self._backlog, self._error_rate, self._jitter())
