"""Scores: of attempts that have ended, by the answer key of their quiz, or by a person where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.grading import grade
from ..domain.outcomes import GradeUpdate
from ..domain.quizzes import Quiz
from ..domain.timestamps import Micros
from ..stores.administration import AdministrationStore

BATCH = 100


class Grader:
    """Grades by `domain.grading`, and saves. Every method raises what `Postgres` raises."""

    def __init__(self, administration: AdministrationStore) -> None:
        self._administration = administration

    async def grade(self, attempts: Sequence[Attempt], at: Micros) -> list[Attempt]:
        """Grade attempts; returns those whose score was saved, as they are now.

        One that changes meanwhile keeps `needs_grading`, and is taken up by the next flush.
        """
        quizzes = await self._administration.quizzes({attempt.quiz_id for attempt in attempts})
        return await self._administration.save_grades(
            [grade_update(attempt, quizzes.get(attempt.quiz_id)) for attempt in attempts], at
        )

    async def grade_waiting(self, after: UUID, at: Micros) -> tuple[list[Attempt], UUID | None]:
        """Grade the next batch of those that wait; returns them, and where to go on, None at the end."""
        waiting = await self._administration.to_grade(after, BATCH)
        if not waiting:
            return [], None
        return await self.grade(waiting, at), waiting[-1].id


def grade_update(
    attempt: Attempt, quiz: Quiz | None, *, by: str | None = None, reason: str | None = None
) -> GradeUpdate:
    """The score of `attempt`; none where its quiz is gone or has no key."""
    return GradeUpdate(
        attempt,
        grade(quiz.rules.questions, attempt.answers) if quiz else None,
        quiz.revision if quiz else None,
        by=by,
        reason=reason,
    )
