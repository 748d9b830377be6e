"""What went wrong lately in this process, for whoever asks how the service is doing."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MINUTES: Final = 15
_KINDS = 100
"""A bound; there are fewer messages than that."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message of the log, or a status and code of replies, and how often there was one.

    Attributes:
        level: WARNING for what was survived, ERROR for what failed.
        last_at: seconds since 1970-01-01 UTC.
    """

    level: str
    what: str
    count: int
    last_at: float


class Recent:
    """Counts what went wrong, minute by minute; a `Watcher` of the telemetry."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970-01-01 UTC."""
        self._clock = clock
        self._minutes: deque[tuple[int, Counter[tuple[str, str]]]] = deque()
        self._last: dict[tuple[str, str], float] = {}

    def counted(self, name: str, value: float) -> None:
        """Nothing: metrics are for others."""

    def measured(self, name: str, value: float) -> None:
        """Nothing: metrics are for others."""

    def went_wrong(self, level: str, what: str) -> None:
        """Count it in this minute."""
        now = self._clock()
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
            self._forget(minute)
        key = level, what
        if key in self._last or len(self._last) < _KINDS:
            self._minutes[-1][1][key] += 1
            self._last[key] = now

    def troubles(self) -> list[Trouble]:
        """What went wrong in the last minutes, the most frequent first."""
        self._forget(int(self._clock() // 60))
        total: Counter[tuple[str, str]] = Counter()
        for _, counts in self._minutes:
            total.update(counts)
        return [
            Trouble(level, what, count, self._last[level, what])
            for (level, what), count in total.most_common()
        ]

    def _forget(self, minute: int) -> None:
        while self._minutes and self._minutes[0][0] <= minute - MINUTES:
            self._minutes.popleft()
        kept = {key for _, counts in self._minutes for key in counts}
        self._last = {key: at for key, at in self._last.items() if key in kept}
