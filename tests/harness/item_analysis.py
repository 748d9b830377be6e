"""Attempts whose points are known, added up as the statement of the store does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from functools import reduce
from random import Random
from typing import Any

from quiz_sessions.domain.quiz_statistics import Accumulator, AnswerSums, PageSums, QuizStatistics

EXACT = Context(prec=2000)
# Points by question of each attempt; a question that it was not asked is missing.
Points = dict[str, float]

# The Law School Admission Test, section 6: which of five questions were answered correctly, by how many
# (R. D. Bock and M. Lieberman, Psychometrika 35, 1970).
LSAT6 = {
    "00000": 3, "00001": 6, "00010": 2, "00011": 11, "00100": 1, "00101": 1, "00110": 3, "00111": 4,
    "01000": 1, "01001": 8, "01010": 0, "01011": 16, "01100": 0, "01101": 3, "01110": 2, "01111": 15,
    "10000": 10, "10001": 29, "10010": 14, "10011": 81, "10100": 3, "10101": 28, "10110": 15, "10111": 80,
    "11000": 16, "11001": 56, "11010": 21, "11011": 173, "11100": 11, "11101": 61, "11110": 28, "11111": 298,
}  # fmt: skip


def sums(question: str, points: float, total: Decimal, max_points: float = 1.0, **fields: Any) -> AnswerSums:
    """What one attempt earned in a question, as the statement adds it up; without `answer` none was given."""
    earned = Decimal(repr(points))
    given: dict[str, Any] = {
        "answered": "answer" in fields,
        "is_listed": "answer" in fields,
        "answer": None,
        "asked": 1,
        "points": earned,
        "points_squares": EXACT.multiply(earned, earned),
        "max_points": Decimal(repr(max_points)),
        "totals": total,
        "totals_squares": EXACT.multiply(total, total),
        "products": EXACT.multiply(earned, total),
        "seconds": None,
    }
    return AnswerSums(question=question, **{**given, **fields})


def page(attempts: Iterable[Points], max_points: float = 1.0) -> PageSums:
    totals = [(each, added(Decimal(repr(points)) for points in each.values())) for each in attempts]
    return PageSums(
        pending=0,
        attempts=len(totals),
        score=added(total for _, total in totals),
        score_squares=added(EXACT.multiply(total, total) for _, total in totals),
        answers=[sums(q, points, total, max_points) for each, total in totals for q, points in each.items()],
    )


def added(values: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, values, Decimal(0))


def analyse(*pages: PageSums) -> QuizStatistics:
    accumulator = Accumulator()
    for each in pages:
        accumulator.add(each)
    return accumulator.statistics(complete=True)


def of_table(rows: Sequence[Sequence[float]], max_points: float = 1.0) -> QuizStatistics:
    """The statistics of a row of points for each attempt, in pages of seven attempts."""
    attempts = [{str(question): points for question, points in enumerate(row)} for row in rows]
    parts = [attempts[start : start + 7] for start in range(0, len(attempts), 7)]
    return analyse(*(page(part, max_points) for part in parts))


def of_lsat6() -> list[list[float]]:
    """A row of points for each of its thousand attempts."""
    return [[float(digit) for digit in answers] for answers, times in LSAT6.items() for _ in range(times)]


def made_up(seed: int) -> list[list[float]]:
    """A row of points for each of some attempts, at correlated questions of 5/3 points each."""
    random = Random(seed)
    questions = random.randint(2, 40)

    def points(ability: float) -> float:
        return min(max(round(ability + random.gauss(0, 1), 2) + 2, 0), 5) / 3

    return [
        [points(ability) for _ in range(questions)]
        for ability in (random.gauss(0, 1) for _ in range(random.randint(5, 200)))
    ]
