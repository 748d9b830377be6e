"""Whether a store serves this process. Its outages are said when they begin and when they are over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

SETTLE_SECONDS: Final = 3.0
"""For so long after an outage a failure is one of its last, of a request that had waited meanwhile."""


class Said(Protocol):
    """Writes a line about an outage: its level, its message, the error behind it, and fields."""

    def __call__(self, level: str, message: str, error: BaseException | None, **fields: Any) -> None: ...


@dataclass(slots=True)
class Outage:
    """A store that is away, or refuses writes, as this process has found it.

    Attributes:
        refuses: whether it answers, but takes no writes.
        began_at: by the clock of the watch, in seconds.
        words: what the store said when it began.
        unlogged: how many lines were left out since.
    """

    refuses: bool
    began_at: float
    words: Mapping[str, str]
    unlogged: int = 0
    said: set[str] = field(default_factory=set)


class StoreWatch:
    """Hears of every answer and every failure of one store, and says when it is away and when it is back.

    A store that refuses writes still answers what only reads, so that an answer does not end that: a write
    does (`took_write`).
    """

    def __init__(self, store: str, say: Said, clock: Callable[[], float] = time.monotonic) -> None:
        """`store` is how the lines and the error classes (`store`) call it."""
        self.store = store
        self.outage: Outage | None = None
        self._say = say
        self._clock = clock
        self._last: Outage | None = None
        self._ended_at = float("-inf")

    @property
    def refuses_writes(self) -> bool:
        """Whether it answers, but takes no writes."""
        return self.outage is not None and self.outage.refuses

    @property
    def seconds(self) -> float:
        """How long the outage lasts; 0 without one."""
        return 0.0 if self.outage is None else self._clock() - self.outage.began_at

    def failed(self, error: BaseException, words: Mapping[str, str], *, refuses: bool = False) -> None:
        """Note a failure. `words` are what the store itself said: never anything that a caller has sent."""
        now = self._clock()
        if self.outage is not None and (refuses or not self.outage.refuses):
            return
        if self.outage is None and not refuses and now - self._ended_at < SETTLE_SECONDS:
            return
        # What refused writes may go away altogether; then that is said as well.
        began_at = now if self.outage is None else self.outage.began_at
        self.outage = Outage(refuses, began_at, words)
        what = "refuses writes" if refuses else "away"
        self._say("ERROR", f"{self.store} {what}", error, **words)

    def answered(self) -> None:
        """Note that the store has answered."""
        if self.outage is not None and not self.outage.refuses:
            self._end(self.outage, "back")

    def took_write(self) -> None:
        """Note that the store has taken a write."""
        if self.outage is not None:
            self._end(self.outage, "takes writes again" if self.outage.refuses else "back")

    def is_news(self, message: str) -> bool:
        """Whether `message`, about a request that this store failed, is yet to be logged in this outage."""
        outage = self.outage
        if outage is None and self._clock() - self._ended_at < SETTLE_SECONDS:
            outage = self._last
        if outage is None or message not in outage.said:
            if outage is not None:
                outage.said.add(message)
            return True
        outage.unlogged += 1
        return False

    def _end(self, outage: Outage, what: str) -> None:
        now = self._clock()
        self.outage, self._last, self._ended_at = None, outage, now
        seconds = round(now - outage.began_at, 1)
        self._say("WARNING", f"{self.store} {what}", None, seconds=seconds, unlogged=outage.unlogged)
