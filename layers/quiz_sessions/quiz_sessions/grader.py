"""Scores of attempts that have ended, by the answer key of their quiz."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from .exam_database import ExamDatabase, Graded
from .grading import grade
from .models import Attempt, Micros
from .quizzes import Quiz

BATCH = 100


class Grader:
    """Grades by `grading`, and saves. Every method raises what `Postgres` raises."""

    def __init__(self, database: ExamDatabase) -> None:
        self._database = database

    async def grade(self, attempts: Sequence[Attempt], at: Micros) -> list[Attempt]:
        """Grade attempts; returns those whose score was saved, as they are now.

        One that changes meanwhile keeps `needs_grading`, and is taken up by the next flush.
        """
        quizzes = await self._database.quizzes({attempt.quiz_id for attempt in attempts})
        return await self._database.save_grades(
            [graded(attempt, quizzes.get(attempt.quiz_id)) for attempt in attempts], at
        )

    async def grade_waiting(self, after: UUID, at: Micros) -> tuple[list[Attempt], UUID | None]:
        """Grade the next batch of those that wait; returns them, and where to go on, None at the end."""
        waiting = await self._database.to_grade(after, BATCH)
        if not waiting:
            return [], None
        return await self.grade(waiting, at), waiting[-1].id


def graded(
    attempt: Attempt,
    quiz: Quiz | None,
    *,
    event: str = "graded",
    by: str | None = None,
    reason: str | None = None,
) -> Graded:
    """The score of `attempt`; none where its quiz is gone or has no key."""
    return Graded(
        attempt,
        grade(quiz.rules.questions, attempt.answers) if quiz else None,
        quiz.revision if quiz else None,
        event,
        by,
        reason,
    )
