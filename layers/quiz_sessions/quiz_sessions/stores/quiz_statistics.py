"""What attempts earned and answered, added up by PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from ..domain.quiz_statistics import MAX_LISTED_CHARACTERS, AnswerSums, PageSums
from ..domain.timestamps import EPOCH, Micros, from_micros
from .postgres import Postgres
from .statements import load

_STATISTICS: Final = load("quiz_statistics")
_ANSWER_SUMS: Final = tuple(each.name for each in fields(AnswerSums))


@dataclass(frozen=True, slots=True)
class Taken:
    """Which attempts are meant: those at a quiz.

    Attributes:
        group: of this group; None for all.
        own: whose are left out; None for nobody's.
        at: those whose time is over by then have ended.
    """

    quiz_id: str
    at: Micros
    group: str | None = None
    own: str | None = None


class Place(NamedTuple):
    """Where an attempt stands among those of its quiz."""

    started_at: datetime = EPOCH
    session_id: UUID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SummedPage:
    """The sums of a page.

    Attributes:
        next: the last attempt of the page; None if none follows.
    """

    sums: PageSums
    next: Place | None


class StatisticsStore:
    """Adds up attempts. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(self, taken: Taken, after: Place, *, limit: int, max_bytes: int) -> SummedPage:
        """The sums over the ended attempts that were started after `after`.

        At most `limit` of them, and `max_bytes` as they are stored, which only the first may exceed.
        """
        rows = await self._postgres.fetch(
            _STATISTICS,
            {
                "quiz_id": taken.quiz_id,
                "group": taken.group,
                "own": taken.own,
                "at": from_micros(taken.at),
                "started_at": after.started_at,
                "id": after.session_id,
                "limit": limit,
                "max_bytes": max_bytes,
                "max_characters": MAX_LISTED_CHARACTERS,
            },
        )
        first = rows[0]
        sums = PageSums(
            pending=first["pending"],
            attempts=first["attempts"],
            score=first["score"],
            score_squares=first["score_squares"],
            answers=[
                AnswerSums(**{name: row[name] for name in _ANSWER_SUMS})
                for row in rows
                if row["question"] is not None
            ],
        )
        return SummedPage(sums, Place(first["started_at"], first["id"]) if first["more"] else None)
