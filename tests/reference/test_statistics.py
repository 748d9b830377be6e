"""Statistics of a quiz agree with those of pingouin (pingouin-stats.org)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import Question
from quiz_sessions.domain.quiz_statistics import QuizStatistics
from tests.harness.builders import LATER, START
from tests.harness.item_analysis import made_up, of_lsat6, of_table
from tests.harness.needs import needs
from tests.harness.papers import question
from tests.harness.service import put_quiz

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-reference"

pytestmark = needs(
    (ENVIRONMENT / "ready").exists(), "no pingouin here: `make .venv-reference/ready` installs it"
)


def of_pingouin(tables: Sequence[Sequence[Sequence[float]]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [ENVIRONMENT / "bin/python", "-W", "ignore", HERE / "programs/figures.py"],
        input=json.dumps(tables),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def compare(found: QuizStatistics, questions: Iterable[str], expected: dict[str, Any]) -> None:
    figures = {"mean": found.mean, "deviation": found.deviation, "alpha": found.alpha}
    assert figures == pytest.approx({name: expected[name] for name in figures}, rel=1e-9, abs=1e-9)
    shown = [found.questions[name].discrimination for name in questions]
    assert shown == pytest.approx(expected["discrimination"], rel=1e-9, abs=1e-9)


def test_the_figures_of_a_published_data_set_and_of_made_up_ones() -> None:
    tables = [of_lsat6(), *(made_up(seed) for seed in range(20))]
    for rows, expected in zip(tables, of_pingouin(tables), strict=True):
        compare(of_table(rows, 5 / 3), map(str, range(len(rows[0]))), expected)


async def test_the_figures_of_what_students_answered(services: Services) -> None:
    parts = Question(1, question().grading, ["A", "B", "C", "D"], 0, True)
    await put_quiz(services, questions=dict.fromkeys("wxyz", parts))
    random = Random(1)
    rows = []
    for number in range(30):
        answers = {name: [random.choice(f"{part}?") for part in "ABCD"] for name in "wxyz"}
        session = await services.sessions.create_session(f"user{number}", "quiz1", at=START)
        await services.sessions.complete(session.id, answers, at=LATER)
        results = (await services.scores.results(session.id, at=LATER)).questions
        assert results is not None
        rows.append([results[name]["points"] for name in "wxyz"])
    (expected,) = of_pingouin([rows])
    compare(await services.statistics.of_quiz("quiz1"), "wxyz", expected)
