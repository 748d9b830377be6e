"""How those who wait for a quiz are spread."""

from __future__ import annotations

import pytest

from quiz_sessions.domain.admission import seconds_to_wait
from quiz_sessions.domain.timestamps import from_micros
from tests.harness.builders import SECOND, START

OPENS = from_micros(START)


@pytest.mark.parametrize(("early", "seconds"), [(1, 1), (SECOND, 1), (SECOND + 1, 2), (90 * SECOND, 90)])
def test_without_admission_everybody_waits_until_it_opens(early: int, seconds: int) -> None:
    assert seconds_to_wait(OPENS, 0, "user1", "quiz1", START - early) == seconds


def test_a_crowd_is_spread_over_the_seconds_of_admission() -> None:
    waits = [seconds_to_wait(OPENS, 59, f"user{i}", "quiz1", START - SECOND) for i in range(3000)]
    assert {min(waits), max(waits)} == {1, 49}
    assert max(waits.count(second) for second in set(waits)) < 3 * 3000 / 49


@pytest.mark.parametrize("seconds", [1, 2, 3, 60, 3600])
def test_whoever_comes_when_told_is_there_before_a_common_start(seconds: int) -> None:
    waits = [seconds_to_wait(OPENS, seconds, f"user{i}", "quiz1", START - 1) for i in range(3000)]
    # All but a millionth of the first second, and rounded up.
    assert max(waits) <= seconds


def test_whoever_asks_again_is_told_the_same_moment() -> None:
    moments = {
        (START - early * SECOND) // SECOND
        + seconds_to_wait(OPENS, 60, "user1", "quiz1", START - early * SECOND)
        for early in (1, 2, 30, 600)
    }
    assert len(moments) == 1
