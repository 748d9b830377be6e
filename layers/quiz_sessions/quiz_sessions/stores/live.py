"""What the live view reads in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from ..domain.attempts import Status
from ..domain.live import Ended, LiveAttempt
from ..domain.timestamps import Micros, from_micros, to_micros
from .postgres import Postgres
from .statements import load

_ATTEMPTS: Final = load("live_attempts")
_RUNNING: Final = load("running_attempts")


@dataclass(frozen=True, slots=True)
class RoomNow:
    """A quiz as it is at this moment.

    Attributes:
        now: by PostgreSQL's clock; what is committed later may have changed some seconds before.
        attempts: those that are open, and those that have changed, in the order in which they were started.
    """

    now: Micros
    ended: Ended
    attempts: list[LiveAttempt]


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """An open attempt whose clock runs; see `Attempt`."""

    id: UUID
    started_at: datetime
    accepts_until: datetime


class LiveStore:
    """Reads the attempts of a quiz. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def attempts(
        self,
        quiz_id: str,
        group: str | None,
        *,
        since: Micros,
        position: tuple[datetime, UUID],
        limit: int | None,
        at: Micros,
    ) -> RoomNow:
        """Of the attempts after `position` the open ones, and those that have changed after `since`.

        `since` is by PostgreSQL's clock; `at` is the time of the request.
        """
        rows = await self._postgres.fetch(
            _ATTEMPTS,
            {
                "quiz_id": quiz_id,
                "group": group,
                "since": from_micros(since),
                "at": from_micros(at),
                "started_at": position[0],
                "id": position[1],
                "limit": limit,
            },
        )
        ended = Ended(*(rows[0][name] for name in Ended._fields))
        return RoomNow(
            to_micros(rows[0]["now"]), ended, [_attempt(row) for row in rows if row["id"] is not None]
        )

    async def running(self, at: Micros, after: tuple[datetime, UUID], limit: int) -> list[RunningAttempt]:
        """Open attempts whose clock runs, after the accepts_until and id of the last one: at most `limit`."""
        rows = await self._postgres.fetch(
            _RUNNING, {"at": from_micros(at), "deadline": after[0], "id": after[1], "limit": limit}
        )
        return [RunningAttempt(**row) for row in rows]


def _attempt(row: DictRow) -> LiveAttempt:
    for name in ("now", *Ended._fields):
        del row[name]
    row["status"] = Status(row["status"])
    return LiveAttempt(**row)
