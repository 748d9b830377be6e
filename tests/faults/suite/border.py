"""A run over the border of two months, the second of which is missing when the run comes to it.

All clocks are ahead, so that the border lies within the run. What starts behind it goes to the DEFAULT
partition, until the month is made while students write and stores fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from migrate_database.months import make_months
from quiz_sessions.domain.timestamps import from_micros, to_micros
from tests.harness.months import lose_month, months_from
from tests.harness.stores import Servers

from .processes import Stage, stage
from .run import Outcome, play

BEFORE, MISSING = 0.3, 0.3
"""The parts of a run before the border, and behind it without the month."""
START_SECONDS = 5
"""As long as processes take to start; how exactly does not matter."""
MAKE_SECONDS = 60


@dataclass(frozen=True)
class Crossing:
    """What became of a run over a border.

    Attributes:
        stray: how many events had no month when it was made.
        events: how many each partition has in the end, of those that have any.
    """

    outcome: Outcome
    stray: int
    events: dict[str, int]

    def violations(self) -> list[str]:
        """Those of the run, and events that are still without a month."""
        left = self.events.get("attempt_events_default", 0)
        return [*self.outcome.violations, *([f"{left} events without a month"] if left else [])]


@asynccontextmanager
async def before_border(
    servers: Servers, folder: Path, seconds: float, skew_seconds: int = 10
) -> AsyncIterator[Stage]:
    """A stage whose clocks come to the border in the course of so many seconds.

    The function is not on it: nobody can set its clock.
    """
    servers.stores.clear()
    now = datetime.now(UTC)
    month = months_from(now, 2)[1]
    make_months(servers.postgres.url, now)
    lose_month(servers.stores, month)
    ahead = int((month - now).total_seconds() - START_SECONDS - BEFORE * seconds)
    async with stage(servers, folder, skewed=["api2"], skew_seconds=skew_seconds, ahead_seconds=ahead) as on:
        yield on


async def play_over(on: Stage, seed: str, seconds: float, browsers: int = 0) -> Crossing:
    """So many seconds, and what it takes to come to the border."""
    begun = on.clock.now()
    border = months_from(from_micros(begun), 2)[1]
    until_border = (to_micros(border) - begun) / 1_000_000
    strays: list[int] = []

    async def make() -> None:
        await asyncio.sleep(until_border + MISSING * seconds)
        async with asyncio.timeout(MAKE_SECONDS):
            while True:
                try:
                    strays.append(await asyncio.to_thread(_make_month, on.servers, border))
                    return
                except psycopg.Error:
                    # The nemesis: the function is invoked again.
                    await asyncio.sleep(0.2)

    outcome = await play(on, seed, until_border + (1 - BEFORE) * seconds, meanwhile=make, browsers=browsers)
    found = on.servers.query(
        "SELECT tableoid::regclass::text AS name, count(*) FROM attempt_events GROUP BY 1 ORDER BY 1"
    )
    return Crossing(outcome, max(strays), {row["name"]: row["count"] for row in found})


def _make_month(servers: Servers, now: datetime) -> int:
    (found,) = servers.query("SELECT count(*) FROM attempt_events_default")
    make_months(servers.postgres.url, now)
    return int(found["count"])
