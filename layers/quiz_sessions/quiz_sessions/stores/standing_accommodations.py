"""Standing accommodations in PostgreSQL (docs/decisions/0027)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from ..domain.outcomes import AccommodationWrite
from ..domain.standing_accommodations import StandingAccommodation
from ..domain.timestamps import Micros, from_micros
from .postgres import Postgres
from .statements import load

_LOCK_USER: Final = load("lock_user")
_LOCK_QUIZZES: Final = load("lock_quizzes_of_user")
_PUT: Final = load("put_standing_accommodation")
_DELETE: Final = load("delete_standing_accommodation")
_FIND: Final = load("standing_accommodations")
_RESCHEDULE: Final = load("reschedule_attempts")
_CUT: Final = load("cut_attempts")


class StandingAccommodationStore:
    """What users have at every quiz. Every method raises what `Postgres` raises."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def put(self, accommodation: StandingAccommodation, time_limit: int) -> AccommodationWrite:
        """Set a user's standing accommodation, and reschedule the user's open attempts.

        `time_limit` is that of quizzes that set none.
        """
        _, _, rescheduled, cut = await self._postgres.fetch_together(
            [_LOCK_QUIZZES, _PUT, _RESCHEDULE, _CUT],
            {
                "user_id": accommodation.user_id,
                "quiz_id": None,
                # As it was written: a double's own digits, and not those of its exact value.
                "time_factor": Decimal(repr(accommodation.time_factor)),
                "extra_seconds": accommodation.extra_seconds,
                "closes_later_seconds": accommodation.closes_later_seconds,
                "reason": accommodation.reason,
                "by": accommodation.granted_by,
                "at": accommodation.granted_at,
                "time_limit": time_limit,
                "resent": False,
            },
            lock=_LOCK_USER,
            resend={"resent": True},
        )
        return AccommodationWrite([row["id"] for row in rescheduled], [row["id"] for row in cut])

    async def get(self, user_id: str) -> StandingAccommodation | None:
        """The user's standing accommodation; None if there is none."""
        rows = await self._postgres.fetch(_FIND, {"user_id": user_id, "after": None, "limit": 1})
        return _accommodation(rows[0]) if rows else None

    async def page(self, after: str | None, limit: int) -> list[StandingAccommodation]:
        """At most `limit` standing accommodations, by user, of the users after `after`."""
        rows = await self._postgres.fetch(_FIND, {"user_id": None, "after": after, "limit": limit})
        return [_accommodation(row) for row in rows]

    async def delete(self, user_id: str, at: Micros, by: str | None, time_limit: int) -> list[UUID] | None:
        """Revoke it; returns the open attempts that this rescheduled, or None if there was none."""
        _, deleted, rescheduled = await self._postgres.fetch_together(
            [_LOCK_QUIZZES, _DELETE, _RESCHEDULE],
            {
                "user_id": user_id,
                "quiz_id": None,
                "at": from_micros(at),
                "by": by,
                "reason": "the standing accommodation was taken back",
                "time_limit": time_limit,
                "resent": False,
            },
            lock=_LOCK_USER,
            resend={"resent": True},
        )
        return [row["id"] for row in rescheduled] if deleted else None


def _accommodation(row: DictRow) -> StandingAccommodation:
    return StandingAccommodation(**{**row, "time_factor": float(row["time_factor"])})
