"""Item analysis: how hard the questions of a quiz were, how well each tells students apart, and its answers.

Sums are kept instead of values, so that any number of attempts needs the same memory. They are exact: a
variance is the small difference of two large sums, and 0 exactly where all values are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from itertools import accumulate
from typing import Final

from .json_values import Json, dump_json
from .matching import identity

MAX_LISTED_CHARACTERS: Final = 200
"""Of an answer, as JSON, that is listed."""
MAX_LISTED: Final = 20
MAX_COUNTED: Final = 1000
"""Of so many different answers to a question the counts are exact. Never are twice as many in memory."""

# The square of a score has 617 digits before the point and 648 behind it.
_EXACT: Final = Context(prec=2000)
_ROUNDED: Final = Context(prec=50)
_ZERO: Final = Decimal(0)


# What is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStatistics:
    """An answer, and who gave it."""

    answer: Json
    count: int
    mean_points: float = field(metadata={"description": "What it earned."})
    mean_score: float = field(metadata={"description": "Of the sessions that gave it."})


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswerSeconds:
    """When a question was answered, in whole seconds; from 1000 on three digits of them, rounded down."""

    median: int = field(metadata={"description": "Half of the answers had come by then."})
    p90: int = field(metadata={"description": "So had nine of ten."})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionStatistics:
    """How a question was answered by those who were asked it."""

    asked: int = field(metadata={"description": "How many sessions were."})
    answered: int
    facility: float | None = field(
        metadata={"description": "The mean of the points as a share of what there was to earn."}
    )
    discrimination: float | None = field(
        metadata={"description": "Pearson's correlation of its points with those of all other questions."}
    )
    answers: list[AnswerStatistics] = field(
        metadata={"description": f"The {MAX_LISTED} most frequent ones, the most frequent first."}
    )
    others: int = field(metadata={"description": "How many answers are not listed."})
    first_answer_seconds: FirstAnswerSeconds | None = field(
        metadata={"description": "From the start, or the entry of a section with a time limit."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizStatistics:
    """How a quiz was answered."""

    attempts: int = field(metadata={"description": "How many count: handed in or expired, and graded."})
    pending: int = field(
        metadata={"description": "Those that have ended, and have no score or one that is not complete."}
    )
    complete: bool = field(metadata={"description": "False where there were too many for one request."})
    mean: float | None = field(metadata={"description": "Of the scores."})
    deviation: float | None = field(metadata={"description": "The sample standard deviation of the scores."})
    alpha: float | None = field(
        metadata={"description": "Cronbach's, where all were asked the same questions."}
    )
    questions: dict[str, QuestionStatistics]


# What is added up


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSums:
    """The sums over the attempts of a page that gave the same answer to a question.

    Attributes:
        is_listed: whether `answer` is what they answered. If not, they gave none, or ones too long to list.
        totals: the sum of what the attempts earned in all questions; `products` of that times the points.
        seconds: how long after the start each answer came, at most three digits of it.
    """

    question: str
    answered: bool
    is_listed: bool
    answer: Json
    asked: int
    points: Decimal
    points_squares: Decimal
    max_points: Decimal
    totals: Decimal
    totals_squares: Decimal
    products: Decimal
    seconds: list[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSums:
    """The sums over a page of the ended attempts at a quiz.

    Attributes:
        attempts: how many are graded; `score` is the sum of their scores, and `score_squares` of the squares.
        pending: how many wait for that.
    """

    pending: int
    attempts: int
    score: Decimal | None
    score_squares: Decimal | None
    answers: list[AnswerSums]


@dataclass(slots=True)
class _Moments:
    """The sums of a number of values, and of their squares."""

    number: int = 0
    sum: Decimal = _ZERO
    squares: Decimal = _ZERO

    def add(self, number: int, total: Decimal, squares: Decimal) -> None:
        self.number += number
        self.sum = _EXACT.add(self.sum, total)
        self.squares = _EXACT.add(self.squares, squares)

    @property
    def spread(self) -> Decimal:
        """number² times the variance."""
        return _EXACT.subtract(
            _EXACT.multiply(Decimal(self.number), self.squares), _EXACT.multiply(self.sum, self.sum)
        )


@dataclass(slots=True)
class _Tally:
    """An answer, and the sums over the attempts that gave it."""

    answer: Json
    count: int = 0
    points: Decimal = _ZERO
    totals: Decimal = _ZERO


@dataclass(slots=True)
class _Question:
    answered: int = 0
    points: _Moments = field(default_factory=_Moments)
    totals: _Moments = field(default_factory=_Moments)
    products: Decimal = _ZERO
    max_points: Decimal = _ZERO
    answers: dict[Hashable, _Tally] = field(default_factory=dict)
    seconds: Counter[int] = field(default_factory=Counter)

    def add(self, sums: AnswerSums) -> None:
        self.points.add(sums.asked, sums.points, sums.points_squares)
        self.totals.add(sums.asked, sums.totals, sums.totals_squares)
        self.products = _EXACT.add(self.products, sums.products)
        self.max_points = _EXACT.add(self.max_points, sums.max_points)
        self.seconds.update(sums.seconds or ())
        if sums.answered:
            self.answered += sums.asked
        if sums.is_listed:
            tally = self.answers.setdefault(identity(sums.answer), _Tally(sums.answer))
            tally.count += sums.asked
            tally.points = _EXACT.add(tally.points, sums.points)
            tally.totals = _EXACT.add(tally.totals, sums.totals)
            if len(self.answers) >= 2 * MAX_COUNTED:
                self._forget_the_rarest()

    def _forget_the_rarest(self) -> None:
        kept = sorted(self.answers.items(), key=lambda item: item[1].count, reverse=True)[:MAX_COUNTED]
        self.answers = dict(kept)

    def rest(self) -> _Moments:
        """What the attempts that were asked it earned in the other questions."""
        rest = _Moments(self.points.number, _EXACT.subtract(self.totals.sum, self.points.sum))
        doubled = _EXACT.multiply(Decimal(2), self.products)
        rest.squares = _EXACT.add(_EXACT.subtract(self.totals.squares, doubled), self.points.squares)
        return rest

    def discrimination(self) -> float | None:
        """Pearson's correlation of its points with the rest of the total; None where either is constant."""
        points, rest = self.points, self.rest()
        spreads = _ROUNDED.multiply(points.spread, rest.spread)
        if spreads == 0:
            return None
        product = _EXACT.multiply(Decimal(points.number), _EXACT.subtract(self.products, points.squares))
        shared = _EXACT.subtract(product, _EXACT.multiply(points.sum, rest.sum))
        return _quotient(shared, _ROUNDED.sqrt(spreads))

    def listed(self) -> list[AnswerStatistics]:
        """The most frequent answers; of two that are equally frequent, the one whose JSON comes first."""
        tallies = sorted(self.answers.values(), key=lambda tally: (-tally.count, dump_json(tally.answer)))
        return [
            AnswerStatistics(
                answer=tally.answer,
                count=tally.count,
                mean_points=_quotient(tally.points, tally.count),
                mean_score=_quotient(tally.totals, tally.count),
            )
            for tally in tallies[:MAX_LISTED]
        ]


class Accumulator:
    """Adds up the attempts at a quiz, a page at a time."""

    def __init__(self) -> None:
        self._pending = 0
        self._scores = _Moments()
        self._questions: dict[str, _Question] = {}

    def add(self, page: PageSums) -> None:
        """Add the attempts of a page."""
        self._pending += page.pending
        self._scores.add(page.attempts, page.score or _ZERO, page.score_squares or _ZERO)
        for sums in page.answers:
            self._questions.setdefault(sums.question, _Question()).add(sums)

    @property
    def is_empty(self) -> bool:
        """Whether no attempt has ended so that it has a score, or waits for one."""
        return self._scores.number == self._pending == 0

    def statistics(self, *, complete: bool) -> QuizStatistics:
        """What the sums say; `complete` says whether they are over all attempts."""
        scores = self._scores
        return QuizStatistics(
            attempts=scores.number,
            pending=self._pending,
            complete=complete,
            mean=_quotient(scores.sum, scores.number) if scores.number else None,
            deviation=_deviation(scores) if scores.number > 1 else None,
            alpha=self._alpha(),
            questions={name: _shown(self._questions[name]) for name in sorted(self._questions)},
        )

    def _alpha(self) -> float | None:
        """Cronbach's alpha of the questions that are worth something.

        None unless there are two of them at least, every attempt was asked all, and the totals vary.
        """
        questions = [question for question in self._questions.values() if question.max_points > 0]
        if len(questions) < 2 or any(each.points.number != self._scores.number for each in questions):
            return None
        # All were asked all, so any question has the totals of every attempt.
        of_totals = questions[0].totals.spread
        if of_totals == 0:
            return None
        of_questions = _ZERO
        for question in questions:
            of_questions = _EXACT.add(of_questions, question.points.spread)
        share = _EXACT.subtract(of_totals, of_questions)
        return len(questions) / (len(questions) - 1) * _quotient(share, of_totals)


def _shown(question: _Question) -> QuestionStatistics:
    answers = question.listed()
    return QuestionStatistics(
        asked=question.points.number,
        answered=question.answered,
        facility=_quotient(question.points.sum, question.max_points) if question.max_points else None,
        discrimination=question.discrimination(),
        answers=answers,
        others=question.answered - sum(answer.count for answer in answers),
        first_answer_seconds=_first_answer_seconds(question.seconds),
    )


def _first_answer_seconds(counted: Mapping[int, int]) -> FirstAnswerSeconds | None:
    if not counted:
        return None
    number = sum(counted.values())
    return FirstAnswerSeconds(
        median=_smallest(-(-number // 2), counted), p90=_smallest(-(-number * 9 // 10), counted)
    )


def _smallest(rank: int, counted: Mapping[int, int]) -> int:
    """The `rank`th smallest of values that are given with how often there is each."""
    values = sorted(counted)
    times = (counted[value] for value in values)
    return next(value for value, reached in zip(values, accumulate(times), strict=True) if reached >= rank)


def _deviation(values: _Moments) -> float:
    """The sample standard deviation."""
    number = Decimal(values.number)
    return float(_ROUNDED.sqrt(_ROUNDED.divide(values.spread, number * (number - 1))))


def _quotient(dividend: Decimal, divisor: Decimal | int) -> float:
    return float(_ROUNDED.divide(dividend, divisor))
