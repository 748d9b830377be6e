"""The answers that wait for a person, and who holds which, in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.rows import DictRow

from ..domain.attempts import Status
from ..domain.errors import BusyError
from ..domain.outcomes import WaitingAnswer
from ..domain.timestamps import EPOCH, Micros, from_micros
from .postgres import Postgres
from .statements import load

_QUEUE: Final = load("grading_queue")
_CLAIM: Final = load("claim_answer")
_TRIES: Final = 20
"""As many markers as may go for the same answer at one moment."""


class Place(NamedTuple):
    """Where an answer stands in the queue."""

    started_at: datetime = EPOCH
    session_id: UUID = UUID(int=0)
    question: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """Which answers are meant: those at a quiz.

    Attributes:
        question: to this one; None for all.
        own: whose are left out; None for nobody's.
    """

    quiz_id: str
    question: str | None = None
    own: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """A page of the queue.

    Attributes:
        questions: question -> how many answers to it wait, on all pages.
        more: whether others follow.
    """

    questions: dict[str, int]
    answers: list[WaitingAnswer]
    more: bool


class GradingQueueStore:
    """Who marks what. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(
        self, queue: Queue, after: Place, at: Micros, *, limit: int, max_bytes: int
    ) -> WaitingPage:
        """The answers that wait behind `after`.

        At most `limit` of them, and `max_bytes` of answers, which only the first may exceed.
        """
        parameters = {
            **_parameters(queue, after, at),
            "limit": limit,
            "max_bytes": max_bytes,
        }
        rows = await self._postgres.fetch(_QUEUE, parameters)
        questions = rows[0]["questions"]
        found = [row for row in rows if row["session_id"] is not None]
        more = bool(found) and found[-1]["more"]
        for row in found:
            del row["questions"], row["more"]
        return WaitingPage(questions, [_answer(row) for row in found], more)

    async def claim(
        self, queue: Queue, marker: str, after: Place | None, at: Micros, *, seconds: int
    ) -> WaitingAnswer | None:
        """Give `marker` an answer to mark; None if none waits that nobody else holds.

        Without `after` the one that the marker holds, or else the first.

        Raises:
            BusyError: others took each of them first.
        """
        parameters = {
            **_parameters(queue, after or Place(), at),
            "marker": marker,
            "again": after is None,
            "seconds": seconds,
        }
        for _ in range(_TRIES):
            rows = await self._postgres.fetch(_CLAIM, parameters)
            if not rows:
                return None
            if rows[0]["held_by"] is not None:
                return _answer(rows[0])
        raise BusyError

    async def release(self, quiz_id: str, marker: str) -> None:
        """Hold nothing for `marker` any more."""
        await self._postgres.fetch(
            "DELETE FROM grading_claims WHERE quiz_id = %(quiz)s AND held_by = %(marker)s RETURNING question",
            {"quiz": quiz_id, "marker": marker},
        )


def _parameters(queue: Queue, after: Place, at: Micros) -> dict[str, Any]:
    return {
        "quiz_id": queue.quiz_id,
        "question": queue.question,
        "own": queue.own,
        "started_at": after.started_at,
        "id": after.session_id,
        "after": after.question,
        "at": from_micros(at),
    }


def _answer(row: DictRow) -> WaitingAnswer:
    row["status"] = Status(row["status"])
    return WaitingAnswer(**row)
