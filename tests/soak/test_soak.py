"""The soak in short, and what it would say of processes that grow and of stores that lost something."""

from __future__ import annotations

import json

import pytest

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import parse_questions
from quiz_sessions.domain.quizzes import QuizRules, ShowResults, WhenActive
from tests.harness.ledger import Ledger, check
from tests.harness.stores import Stores
from tests.harness.tables import Database
from tests.soak.load import questions
from tests.soak.run import Plan, soak
from tests.soak.sampling import COUNT, Limit, grows, growth, quantile, slope

LIMIT = Limit(absolute=10, share=0.1)
TIMES = [0.0, 10.0, 20.0]


async def test_a_soak_of_twenty_seconds_loses_nothing() -> None:
    said: list[str] = []
    report = await soak(
        Plan(seconds=12, users=10, rate=40, sample_every=3, flush_every=2, short_limit=3), said.append
    )
    assert report.failures == []
    assert len(said) == len(report.samples) >= 4
    assert {"autosave", "commit", "end", "read", "start"} == set(report.requests)
    last = report.samples[-1]
    assert set(last.holdings) == {"server", "api 2", "api 3", "flusher"}
    for held in last.holdings.values():
        assert held.postgres > 0
        assert held.valkey > 0
    # Not equal to the pools' sum: the server is asked a moment later, and pools grow and shrink meanwhile.
    assert last.stored.backends > 0
    assert json.loads(report.to_json())["failures"] == []


# What grows


def test_a_slope_is_what_the_values_grow_by_in_a_second() -> None:
    assert slope(TIMES, [5, 25, 45]) == pytest.approx(2)
    assert growth(TIMES, [5, 25, 45]) == pytest.approx(40)


def test_a_slope_follows_all_values_and_not_the_last_alone() -> None:
    assert slope([0, 1, 2, 3], [10, 10, 10, 14]) == pytest.approx(1.2)


def test_one_value_has_no_slope() -> None:
    assert slope([3], [100]) == 0


@pytest.mark.parametrize(
    ("values", "found"),
    [([100, 106, 112], True), ([100, 105, 110], False), ([200, 206, 212], False), ([100, 90, 80], False)],
    ids=["above both", "at the absolute limit", "below the share", "shrinking"],
)
def test_what_grows_by_more_than_both_limits_grows(values: list[float], found: bool) -> None:
    assert grows(TIMES, values, LIMIT) is found


def test_one_connection_more_at_each_look_grows() -> None:
    assert grows([0, 10, 20, 30], [5, 6, 7, 8], COUNT)


def test_a_connection_that_comes_and_goes_does_not_grow() -> None:
    assert not grows([0, 10, 20, 30], [5, 6, 5, 6], COUNT)


@pytest.mark.parametrize(("share", "found"), [(0.5, 3), (0.99, 4), (0, 1)])
def test_a_quantile_is_the_value_that_the_share_does_not_exceed(share: float, found: float) -> None:
    assert quantile([4, 2, 1, 3], share) == found


# What is lost


@pytest.fixture
async def attempt(services: Services) -> Ledger:
    """One that has been handed in, and of which everything is as it was acknowledged."""
    quiz = QuizRules(
        time_limit_seconds=None,
        grace_seconds=0,
        opens_at=None,
        closes_at=None,
        max_attempts=None,
        when_active=WhenActive.NEW,
        show_results=ShowResults.AFTER_END,
        questions=parse_questions(questions()),
    )
    await services.administration.put_quiz("graded", quiz)
    started = await services.sessions.create_session("user1", "graded")
    await services.sessions.update_answer(started.id, 0, "A")
    await services.sessions.complete(started.id)
    return Ledger(started.id, "graded", "user1", {"0": "A"}, ended="completed")


def test_what_was_acknowledged_and_is_there_is_right(stores: Stores, attempt: Ledger) -> None:
    assert check(stores, [attempt], questions(), {"short"}) == {}


def test_an_answer_in_doubt_may_be_there_or_not(stores: Stores, attempt: Ledger) -> None:
    attempt.answers = {}
    attempt.in_doubt = {"0": ["A"], "1": ["B"]}
    assert check(stores, [attempt], questions(), {"short"}) == {}


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE quiz_attempts SET answers = '{}', score = 0", "answers lost"),
        ('UPDATE quiz_attempts SET answers = answers || \'{"7": "A"}\'', "answers that nobody gave"),
        ("UPDATE quiz_attempts SET status = 'abandoned'", "ends lost"),
        ("UPDATE quiz_attempts SET score = 2", "scores missing or wrong"),
        ("UPDATE quiz_attempts SET revision = revision + 1", "trails broken"),
        ("UPDATE quiz_attempts SET version = version + 1", "trails broken"),
        ("UPDATE attempt_events SET changes = '{}' WHERE revision = 1", "trails broken"),
        ("DELETE FROM attempt_events WHERE revision = 3", "trails broken"),
        ("TRUNCATE quiz_attempts CASCADE", "attempts lost"),
    ],
)
def test_what_is_lost_is_found(
    stores: Stores, database: Database, attempt: Ledger, damage: str, found: str
) -> None:
    database.execute(damage.encode())
    assert check(stores, [attempt], questions(), {"short"}) == {found: 1}


async def test_an_attempt_that_was_left_alone_has_to_expire_where_its_quiz_is_short(
    stores: Stores, services: Services
) -> None:
    started = await services.sessions.create_session("user1", "short")
    left = Ledger(started.id, "short", "user1")
    assert check(stores, [left], questions(), {"short"}) == {"short attempts left alone that are started": 1}
    assert check(stores, [left], questions(), {"other"}) == {}
