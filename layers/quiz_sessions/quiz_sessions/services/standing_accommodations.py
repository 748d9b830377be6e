"""Standing accommodations: what a user has at every quiz."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ..domain.errors import AccommodationNotFoundError, InvalidInputError
from ..domain.standing_accommodations import MAX_TIME_FACTOR, StandingAccommodation
from ..domain.timestamps import Micros, from_micros
from ..domain.validation import check_count, check_id
from ..stores.standing_accommodations import StandingAccommodationStore
from .administration import MAX_CHANGE_SECONDS
from .pages import MAX_PAGE, check_limit
from .settlement import Settler
from .staff_actions import check_reason

_NOT_FOUND: Final = "The user has no standing accommodation."


@dataclass(frozen=True, slots=True)
class GivenStanding:
    """A standing accommodation that a user was given.

    Attributes:
        cut: the user's open sessions that have less time than it gives, because their quiz closes first.
    """

    accommodation: StandingAccommodation
    cut: list[UUID]


@dataclass(frozen=True, slots=True)
class StandingPage:
    """A page of standing accommodations, by user.

    Attributes:
        next_after: the user after whom the next page begins; None on the last one.
    """

    accommodations: list[StandingAccommodation]
    next_after: str | None


class StandingAccommodations:
    """Gives users what they have at every quiz. Callers of this class must check that the user is staff.

    Open attempts follow at once; no change takes away time that was used. Every method raises
    InvalidInputError for input that can't be stored, DatabaseUnavailableError and BusyError.
    """

    def __init__(
        self,
        *,
        accommodations: StandingAccommodationStore,
        settler: Settler,
        clock: Callable[[], Micros],
        time_limit_seconds: int,
    ) -> None:
        """`time_limit_seconds` applies to quizzes that set none."""
        self._accommodations = accommodations
        self._settler = settler
        self._clock = clock
        self._time_limit_seconds = time_limit_seconds

    async def put(
        self,
        user_id: str,
        reason: str,
        *,
        time_factor: float = 1,
        extra_seconds: int = 0,
        closes_later_seconds: int = 0,
        by: str | None = None,
        at: Micros | None = None,
    ) -> GivenStanding:
        """Give a user a standing accommodation, in the place of the one there is."""
        check_id("user_id", user_id)
        check_reason(reason)
        if not (math.isfinite(time_factor) and 1 <= time_factor <= MAX_TIME_FACTOR):
            raise InvalidInputError(
                f"time_factor must be a number from 1 to {MAX_TIME_FACTOR}.", member="time_factor"
            )
        check_count("extra_seconds", extra_seconds, MAX_CHANGE_SECONDS)
        check_count("closes_later_seconds", closes_later_seconds, MAX_CHANGE_SECONDS)
        accommodation = StandingAccommodation(
            user_id=user_id,
            time_factor=time_factor,
            extra_seconds=extra_seconds,
            closes_later_seconds=closes_later_seconds,
            reason=reason,
            granted_by=by,
            granted_at=from_micros(self._clock() if at is None else at),
        )
        written = await self._accommodations.put(accommodation, self._time_limit_seconds)
        await self._settler.refresh(written.rescheduled)
        return GivenStanding(accommodation, written.cut)

    async def get(self, user_id: str) -> StandingAccommodation:
        """Read a user's standing accommodation.

        Raises:
            AccommodationNotFoundError: the user has none.
        """
        accommodation = await self._accommodations.get(check_id("user_id", user_id))
        if accommodation is None:
            raise AccommodationNotFoundError(_NOT_FOUND)
        return accommodation

    async def page(self, *, after: str | None = None, limit: int = MAX_PAGE) -> StandingPage:
        """All standing accommodations, a page at a time: of the users after `after`, at most `limit`."""
        check_limit(limit)
        if after is not None:
            check_id("after", after)
        found = await self._accommodations.page(after, limit + 1)
        shown = found[:limit]
        return StandingPage(shown, shown[-1].user_id if len(found) > limit else None)

    async def delete(self, user_id: str, *, by: str | None = None, at: Micros | None = None) -> None:
        """Revoke a user's standing accommodation, as far as it has not been used yet.

        Raises:
            AccommodationNotFoundError: the user has none.
        """
        check_id("user_id", user_id)
        at = self._clock() if at is None else at
        rescheduled = await self._accommodations.delete(user_id, at, by, self._time_limit_seconds)
        if rescheduled is None:
            raise AccommodationNotFoundError(_NOT_FOUND)
        await self._settler.refresh(rescheduled)
