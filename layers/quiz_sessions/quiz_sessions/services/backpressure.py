"""Backpressure: how busy the service is, as seen by one process, and how often clients should autosave."""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.clock import jitter

AUTOSAVE_MS = 10_000
MAX_AUTOSAVE_MS = 60_000
BACKLOG_UNIT = 2_000
"""For each so many dirty sessions, the pause between two autosaves grows by AUTOSAVE_MS."""
ERROR_FACTOR = 5
"""How much the error rate adds: where every write fails, the pause is 1 + 5 times as long."""
_MEMORY = 0.95
"""Weight of the past in the moving average of the error rate; a failure fades within about fifty requests."""


def next_autosave_after_ms(backlog: int, error_rate: float, jitter: float) -> int:
    """How long a client should wait before its next autosave, in milliseconds.

    The pause grows with the number of dirty sessions (`backlog`) and with the share of writes that failed (0
    to 1), up to MAX_AUTOSAVE_MS. The jitter (0 to 1) then varies it by a fifth either way, to spread clients
    that started together.
    """
    pause = AUTOSAVE_MS * (1 + backlog / BACKLOG_UNIT) * (1 + ERROR_FACTOR * error_rate)
    return round(min(MAX_AUTOSAVE_MS, pause) * (0.8 + 0.4 * jitter))


class Backpressure:
    """Observes the requests of a process and tells clients when to autosave next."""

    def __init__(self, jitter: Callable[[], float] = jitter) -> None:
        self._jitter = jitter
        self._backlog = 0
        self._error_rate = 0.0

    def note_backlog(self, sessions: int) -> None:
        """Record how many sessions are dirty."""
        self._backlog = sessions

    def note_write(self, *, failed: bool) -> None:
        """Record whether a store failed to serve a write."""
        self._error_rate = _MEMORY * self._error_rate + (1 - _MEMORY) * failed

    def next_autosave_after_ms(self) -> int:
        """How long the client should wait before its next autosave, in milliseconds, with random jitter."""
        return next_autosave_after_ms(self._backlog, self._error_rate, self._jitter())
