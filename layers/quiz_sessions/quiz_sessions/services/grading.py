"""Grading of ended attempts: the sum of what the key of their quiz and persons give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from ..domain.attempts import Attempt
from ..domain.grading import Mark, Question, grade
from ..domain.outcomes import GradeUpdate
from ..domain.quizzes import Quiz
from ..domain.timestamps import Micros
from ..stores.administration import AdministrationStore

BATCH = 100


class Grader:
    """Grades attempts by the rules of `domain.grading` and saves the scores.

    Every method raises what `Postgres` raises.
    """

    def __init__(self, administration: AdministrationStore) -> None:
        self._administration = administration

    async def grade(self, attempts: Sequence[Attempt], at: Micros) -> list[Attempt]:
        """Grade attempts; returns those whose score was saved, as they are now.

        An attempt that has changed meanwhile, or that another request holds, keeps `needs_grading`; the next
        flush grades it.
        """
        quizzes = await self._administration.quizzes({attempt.quiz_id for attempt in attempts})
        return await self._administration.save_grades(
            [grade_update(attempt, quizzes.get(attempt.quiz_id)) for attempt in attempts], at
        )

    async def grade_waiting(self, after: UUID, at: Micros) -> tuple[list[Attempt], UUID | None]:
        """Grade the next batch of attempts that need it.

        Returns:
            the graded attempts, and the id after which to continue; None at the end.
        """
        waiting = await self._administration.to_grade(after, BATCH)
        if not waiting:
            return [], None
        return await self.grade(waiting, at), waiting[-1].id


def asked(attempt: Attempt, quiz: Quiz) -> Mapping[str, Question]:
    """The questions that `attempt` is graded on: of a paper's those that the quiz still has."""
    questions = quiz.rules.questions
    if attempt.paper is None:
        return questions
    return {question: questions[question] for question in attempt.question_ids or () if question in questions}


def grade_update(
    attempt: Attempt, quiz: Quiz | None, *, by: str | None = None, reason: str | None = None
) -> GradeUpdate:
    """Compute the score of `attempt`; without one if its quiz is gone or has no questions."""
    # A mark holds for the answer that it was given for, also where that is sent again.
    marks = {
        question: Mark(mark["points"], mark.get("comment"))
        if mark.get("answer_sha256") == attempt.answer_sha256(question)
        else None
        for question, mark in attempt.marks.items()
    }
    return GradeUpdate(
        attempt,
        grade(asked(attempt, quiz), attempt.answers, marks) if quiz else None,
        quiz.revision if quiz else None,
        by=by,
        reason=reason,
    )
