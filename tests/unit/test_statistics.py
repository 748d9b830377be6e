"""Statistics of a quiz: as worked out by hand, as published, and as the standard library has them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import correlation, stdev, variance
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.quiz_statistics import (
    MAX_COUNTED,
    MAX_LISTED,
    AnswerSums,
    PageSums,
    QuestionStatistics,
    QuizStatistics,
)
from tests.harness.item_analysis import EXACT, Points, added, analyse, made_up, of_lsat6, of_table, page, sums


def counted(*answers: AnswerSums) -> QuestionStatistics:
    """The statistics of question q."""
    whole = PageSums(pending=0, attempts=len(answers), score=None, score_squares=None, answers=list(answers))
    return analyse(whole).questions["q"]


# By hand


def test_four_attempts_worked_out_by_hand() -> None:
    found = of_table([[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])
    # The scores are 2, 1, 2, 3: a mean of 2, and deviations from it of 0, -1, 0, 1.
    assert (found.attempts, found.mean) == (4, 2.0)
    assert found.deviation == pytest.approx((2 / 3) ** 0.5, rel=1e-15)
    assert [each.facility for each in found.questions.values()] == [0.75, 0.75, 0.5]
    # Sums of squares: 0.75, 0.75 and 1 of the questions, 2 of the scores.
    assert found.alpha == pytest.approx(3 / 2 * (1 - 2.5 / 2), rel=1e-15)
    # Question 0 is 1, 1, 0, 1 and the rest 1, 0, 2, 2. Sums of products -0.75, of squares 0.75 and 2.75.
    assert found.questions["0"].discrimination == pytest.approx(-0.75 / (0.75 * 2.75) ** 0.5, rel=1e-15)


def test_facility_is_a_share_of_what_there_was_to_earn() -> None:
    # The question was worth 2, and 4 after a regrade that was not finished.
    assert counted(sums("q", 1.0, Decimal(1), 2.0), sums("q", 3.0, Decimal(3), 4.0)).facility == 4 / 6


def test_nothing_is_said_of_no_attempt() -> None:
    found = analyse(page([]))
    assert (found.attempts, found.mean, found.deviation, found.alpha) == (0, None, None, None)


def test_one_attempt_has_a_mean_and_no_deviation() -> None:
    found = of_table([[1, 0]])
    assert (found.mean, found.deviation, found.alpha) == (1.0, None, None)
    assert [each.discrimination for each in found.questions.values()] == [None, None]


def test_equal_points_have_no_correlation_however_they_are_rounded() -> None:
    found = of_table([[0.1, 0.1 * number, 1 / 3] for number in range(30)])
    assert found.questions["0"].discrimination is None
    assert found.questions["2"].discrimination is None
    # What others earned in all but question 1 is the same.
    assert found.questions["1"].discrimination is None


def test_equal_scores_have_no_alpha() -> None:
    found = of_table([[1, 0], [0, 1]])
    assert (found.deviation, found.alpha) == (0.0, None)
    assert found.questions["0"].discrimination == -1.0


def test_a_question_that_is_worth_nothing_counts_in_no_alpha() -> None:
    rows: list[Points] = [{"0": 1, "1": 1}, {"0": 1, "1": 0}, {"0": 0, "1": 0}]
    with_it = page(rows)
    survey = [sums("free", 0.0, Decimal(0), 0.0) for _ in rows]
    found = analyse(PageSums(
        pending=0, attempts=3, score=with_it.score, score_squares=with_it.score_squares,
        answers=[*with_it.answers, *survey],
    ))  # fmt: skip
    assert found.questions["free"].facility is None
    assert found.alpha == analyse(with_it).alpha


def test_different_questions_are_over_those_who_were_asked_and_have_no_alpha() -> None:
    found = analyse(page([{"a": 1, "b": 1}, {"a": 0, "b": 0}, {"a": 1, "c": 0}, {"a": 1, "c": 1}]))
    assert [(name, each.asked, each.facility) for name, each in found.questions.items()] == [
        ("a", 4, 0.75),
        ("b", 2, 0.5),
        ("c", 2, 0.5),
    ]
    assert found.alpha is None


def test_small_differences_of_large_points_are_not_lost() -> None:
    rows = [[999_999 + a, 999_998 + b] for a, b in [(0.000001, 1), (0.000002, 2), (0.000003, 1.5)]]
    small = [[a, b] for a, b in [(0.000001, 1.0), (0.000002, 2.0), (0.000003, 1.5)]]
    found, other = of_table(rows, 1_000_000.0), of_table(small)
    assert found.questions["0"].discrimination == pytest.approx(0.5, rel=1e-4)
    assert found.deviation == pytest.approx(other.deviation, rel=1e-9)


def test_the_largest_and_the_smallest_score_can_be_added() -> None:
    scores = [Decimal(repr(score)) for score in (1.7e308, 5e-324)]
    squares = added(EXACT.multiply(score, score) for score in scores)
    found = analyse(PageSums(pending=0, attempts=2, score=added(scores), score_squares=squares, answers=[]))
    assert found.mean == pytest.approx(8.5e307)
    assert found.deviation == pytest.approx(1.7e308 / 2**0.5)


# Published, and by others' arithmetic


def test_published_figures_of_the_law_school_admission_test() -> None:
    found = of_table(of_lsat6())
    assert [each.facility for each in found.questions.values()] == [0.924, 0.709, 0.553, 0.763, 0.87]
    # As the R packages ltm (descript) and mirt (itemstats) print them.
    assert round(found.alpha or 0, 3) == 0.295
    corrected = [round(each.discrimination or 0, 3) for each in found.questions.values()]
    assert corrected == [0.113, 0.153, 0.173, 0.144, 0.122]
    compare(of_lsat6(), found)


@pytest.mark.parametrize("seed", range(20))
def test_the_figures_are_those_of_the_standard_library(seed: int) -> None:
    compare(made_up(seed), of_table(made_up(seed), 5 / 3))


def compare(rows: Sequence[Sequence[float]], found: QuizStatistics) -> None:
    """Compare with variances and correlations that are computed from the values, and not from sums."""
    scores = [sum(row) for row in rows]
    columns = list(zip(*rows, strict=True))
    share = sum(variance(column) for column in columns) / variance(scores)
    assert found.mean == pytest.approx(sum(scores) / len(scores), rel=1e-9)
    assert found.deviation == pytest.approx(stdev(scores), rel=1e-9)
    assert found.alpha == pytest.approx(len(columns) / (len(columns) - 1) * (1 - share), rel=1e-9, abs=1e-9)
    for question, column in enumerate(columns):
        rest = [score - points for score, points in zip(scores, column, strict=True)]
        expected = correlation(column, rest)
        assert found.questions[str(question)].discrimination == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(st.lists(st.floats(0, 1_000_000), min_size=3, max_size=3), max_size=12), st.data())
def test_it_does_not_matter_how_attempts_are_paged(rows: list[list[float]], data: st.DataObject) -> None:
    attempts: list[Points] = [dict(zip("abc", row, strict=True)) for row in rows]
    cut = data.draw(st.integers(0, len(attempts)))
    assert analyse(page(attempts)) == analyse(page(attempts[cut:]), page(attempts[:cut]))


@given(st.lists(st.lists(st.floats(0, 1_000_000), min_size=2, max_size=2), min_size=2, max_size=12))
def test_a_correlation_is_from_minus_one_to_one(rows: list[list[float]]) -> None:
    for question in of_table(rows, 1_000_000.0).questions.values():
        assert question.discrimination is None or -1 <= question.discrimination <= 1


# Answers


def answers(*values: Any) -> QuestionStatistics:
    return counted(*(sums("q", 0.0, Decimal(0), answer=value) for value in values))


def test_answers_are_counted_by_value() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    found = answers("B", "B", composed, decomposed, 1, 1.0, {"a": 1, "b": 2}, {"b": 2, "a": 1}, True, None)
    assert [(each.answer, each.count) for each in found.answers] == [
        ("B", 2),
        (composed, 2),
        (1, 2),
        ({"a": 1, "b": 2}, 2),
        (None, 1),
        (True, 1),
    ]
    assert (found.asked, found.answered, found.others) == (10, 10, 0)


def test_the_most_frequent_answers_are_listed_and_the_others_counted() -> None:
    found = answers(*(f"{number:02}" for number in range(30) for _ in range(number + 1)))
    assert [(each.answer, each.count) for each in found.answers] == [
        (f"{number:02}", number + 1) for number in range(29, 29 - MAX_LISTED, -1)
    ]
    assert found.others == sum(range(1, 11))


def test_what_is_not_answered_is_no_answer() -> None:
    found = counted(sums("q", 0.0, Decimal(0)), sums("q", 1.0, Decimal(1), answer="A"))
    assert (found.asked, found.answered, len(found.answers), found.others) == (2, 1, 1, 0)


def test_long_answers_are_not_listed() -> None:
    long = sums("q", 0.0, Decimal(0), answered=True, is_listed=False)
    found = counted(long, long, sums("q", 1.0, Decimal(1), answer="A"))
    assert (found.answered, [each.answer for each in found.answers], found.others) == (3, ["A"], 2)


def test_an_answer_has_the_means_of_those_who_gave_it() -> None:
    found = counted(
        sums("q", 1.0, Decimal(4), answer="A"),
        sums("q", 0.5, Decimal(3), answer="A"),
        sums("q", 0.0, Decimal(1), answer="B"),
    )
    assert [(each.answer, each.mean_points, each.mean_score) for each in found.answers] == [
        ("A", 0.75, 3.5),
        ("B", 0.0, 1.0),
    ]


def test_of_very_many_answers_the_frequent_ones_keep_their_counts() -> None:
    rare = [sums("q", 0.0, Decimal(0), answer=number) for number in range(5 * MAX_COUNTED)]
    often = sums("q", 1.0, Decimal(1), answer="often", asked=3)
    found = counted(often, *rare[: 2 * MAX_COUNTED], often, *rare[2 * MAX_COUNTED :], often)
    assert (found.answers[0].answer, found.answers[0].count) == ("often", 9)
    assert found.answered == found.others + sum(each.count for each in found.answers) == 9 + len(rare)


# Seconds


def test_half_of_the_answers_came_by_the_median_and_nine_of_ten_by_p90() -> None:
    parts = [list(range(1, 6)), [], list(range(6, 11))]
    found = counted(
        *(sums("q", 0.0, Decimal(0), answer=1, seconds=part) for part in parts)
    ).first_answer_seconds
    assert found is not None
    assert (found.median, found.p90) == (5, 9)


def test_without_answers_there_are_no_seconds() -> None:
    assert counted(sums("q", 0.0, Decimal(0))).first_answer_seconds is None
