"""Silence: an owner is not heard for long while the clock runs.

Nobody is accused of what may be the service's own fault. A silence counts only if it began while the service
was known to hear, and went on so: looks followed each other without a gap, and at each of them somebody had
been heard shortly before. Whoever is not heard since an outage of Valkey, of the API or of the flush is not
among them. That fails towards saying nothing; the live view says when each was heard all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from .presence import SILENT
from .timestamps import Micros

LONG: Final[Micros] = SILENT + 5_000_000
"""Of a silence that is an incident: requests that follow each other within 5 seconds are noted once."""
DEAF: Final[Micros] = SILENT // 2
"""If nobody at all was heard for so long, it may be the service that does not hear."""
GAP: Final[Micros] = SILENT
"""Looks that are further apart do not follow each other."""
OVERLAP: Final[Micros] = 2_000_000
"""How much the clocks of Valkey's nodes may differ. What is seen twice is recorded once."""


class Sign(NamedTuple):
    """The last sign of life of an owner.

    Attributes:
        at: by Valkey's clock.
        age: how long ago that was, and no more than the session's clock has run.
    """

    session_id: UUID
    at: Micros
    age: Micros


@dataclass(slots=True)
class Watch:
    """What is known of earlier looks, by Valkey's clock.

    Attributes:
        since: the service has heard ever since.
        looked: when the last look was; set it after what a look found was dealt with.
    """

    since: Micros = 0
    looked: Micros = 0

    def look(self, signs: Sequence[Sign], now: Micros) -> list[Sign]:
        """The owners whose silence has become a long one since the last look."""
        latest = max((sign.at for sign in signs), default=0)
        # rule: nobody is silent whose silence began before the service was known to hear
        if not 0 <= now - self.looked <= GAP or now - latest > DEAF:
            self.since = now
        window = now - self.looked + OVERLAP
        return [sign for sign in signs if sign.at >= self.since and 0 <= sign.age - LONG < window]
