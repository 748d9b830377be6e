"""How fast a caller may go: the generic cell rate algorithm, a leaky bucket of one number (ITU-T I.371, A).

`until` is the moment at which a caller who had kept to the pace would be at this many requests. A request is
in time while `until` is not more than the burst ahead of it, and moves it on by one interval.
"""

from __future__ import annotations

from dataclasses import dataclass

from .timestamps import Micros


@dataclass(frozen=True, slots=True)
class Pace:
    """A limit.

    Attributes:
        interval: between two requests, in the long run; 0 for no limit.
        burst: how far ahead of that a caller may get.
    """

    interval: Micros
    burst: Micros

    @classmethod
    def of(cls, number: int, seconds: int, burst: int) -> Pace:
        """So many requests in so many seconds, of which `burst` may come at once; 0 for no limit."""
        interval = seconds * 1_000_000 // number if number else 0
        return cls(interval, interval * max(0, burst - 1))


NO_PACE = Pace(0, 0)
