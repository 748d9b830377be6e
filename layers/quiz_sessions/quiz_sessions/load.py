"""How busy the service is, as one process sees it, and how often clients should autosave."""

from __future__ import annotations

import random
from collections.abc import Callable

from . import rules

_MEMORY = 0.95
"""What the error rate keeps of its former value with each request: it forgets in some fifty."""


class Load:
    """Notes what requests meet."""

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
        return rules.next_autosave_after_ms(self._backlog, self._error_rate, self._jitter())
