"""Statistics of a quiz: how hard its questions were, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..domain.errors import QuizNotFoundError
from ..domain.quiz_statistics import Accumulator, QuizStatistics
from ..domain.timestamps import Micros
from ..domain.validation import check_id
from ..stores.administration import AdministrationStore
from ..stores.quiz_statistics import Place, StatisticsStore, Taken

STATISTICS_SECONDS: Final = 7.0
"""How long one call adds up; a function of AWS Lambda that serves the API has ten."""
PAGE: Final = 500
PAGE_BYTES: Final = 2 * 1024 * 1024
"""As PostgreSQL stores them, which for text is about a third."""


class Statistics:
    """Adds up the attempts at quizzes. Every method raises DatabaseUnavailableError and BusyError."""

    def __init__(
        self,
        *,
        statistics: StatisticsStore,
        administration: AdministrationStore,
        clock: Callable[[], Micros],
        seconds: float = STATISTICS_SECONDS,
        page: int = PAGE,
    ) -> None:
        self._statistics = statistics
        self._administration = administration
        self._clock = clock
        self._seconds = seconds
        self._page = page

    async def of_quiz(
        self, quiz_id: str, *, group: str | None = None, by: str | None = None, at: Micros | None = None
    ) -> QuizStatistics:
        """The statistics of a quiz, or of a group that took it.

        They are over the completed and the expired attempts whose score is complete. After some seconds it
        stops: they are over those that were started first then. `by` is the subject of the caller, whose own
        attempts are left out: they would tell a score that may not be shown yet.

        Raises:
            InvalidInputError: there can't be such a quiz or group.
            QuizNotFoundError: none is registered under this id, and no attempt at it counts or waits.
        """
        check_id("quiz_id", quiz_id)
        if group is not None:
            check_id("group", group)
        taken = Taken(quiz_id, self._clock() if at is None else at, group, by)
        until = time.monotonic() + self._seconds
        accumulator = Accumulator()
        place: Place | None = Place()
        while place is not None:
            page = await self._statistics.page(taken, place, limit=self._page, max_bytes=PAGE_BYTES)
            accumulator.add(page.sums)
            place = page.next
            if time.monotonic() > until:
                break
        if accumulator.is_empty and not await self._administration.quizzes([quiz_id]):
            raise QuizNotFoundError
        return accumulator.statistics(complete=place is None)
