"""A quiz with a paper, as tests use it."""

from __future__ import annotations

from typing import Any

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import GradingMethod, Question
from quiz_sessions.domain.papers import Content, Navigation, Paper, Section
from tests.harness.builders import START
from tests.harness.service import put_quiz

LIMIT = 600
"""Seconds of the timed section."""
FREE = Section(title="Free", questions=("a", "b", "c"))
FORWARD = Section(title="Forward", questions=("d", "e", "f"), navigation=Navigation.FORWARD)
TIMED = Section(title="Timed", questions=("g", "h"), time_limit_seconds=LIMIT)
PAPER = Paper((FREE, FORWARD, TIMED))
"""Sections 0, 1 and 2."""


def question(key: Any = "A", points: float = 1.0) -> Question:
    """A question that a key marks; a person with the key None."""
    return Question(points, None if key is None else GradingMethod.EXACT, key, 0, False)


async def put_paper(services: Services, paper: Paper = PAPER, at: int = START, **rules: Any) -> None:
    """Register quiz1 with a paper; each of its questions has a content that names it."""
    asked = [name for section in paper.sections for name in section.questions]
    questions = {name: question() for name in asked} | rules.pop("questions", {})
    contents = {name: Content({"text": f"What is {name}?"}) for name in questions}
    await put_quiz(
        services, at, paper=paper, questions=questions, contents=rules.pop("contents", contents), **rules
    )
