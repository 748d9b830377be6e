"""When a webhook that was refused is tried again."""

from __future__ import annotations

import pytest

from quiz_sessions.domain.deliveries import JITTER, MAX_RETRY_AFTER, PAUSES, TRIES, pause_after


def test_the_pauses_are_those_of_standard_webhooks() -> None:
    minute, hour = 60, 3600
    assert [pause_after(tries, 0) for tries in range(1, TRIES)] == [
        5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour
    ]  # fmt: skip


def test_after_the_last_try_there_is_none() -> None:
    assert pause_after(TRIES, 0) is None
    assert pause_after(TRIES, 0, retry_after=60) is None


def test_jitter_makes_a_pause_longer_by_its_share() -> None:
    assert pause_after(1, 1) == PAUSES[0] * (1 + JITTER)


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 5), (0, 5), (4, 5), (600, 600), (10**9, MAX_RETRY_AFTER)]
)
def test_a_receiver_may_ask_for_more_up_to_an_hour(asked: int | None, pause: float) -> None:
    assert pause_after(1, 0, asked) == pause
