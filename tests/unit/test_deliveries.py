"""When a webhook that was refused is tried again."""

from __future__ import annotations

from quiz_sessions.domain.deliveries import JITTER, PAUSES, TRIES, pause_after


def test_the_pauses_are_those_of_standard_webhooks() -> None:
    minute, hour = 60, 3600
    assert [pause_after(tries, 0) for tries in range(1, TRIES)] == [
        5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour
    ]  # fmt: skip


def test_after_the_last_try_there_is_none() -> None:
    assert pause_after(TRIES, 0) is None


def test_jitter_makes_a_pause_longer_by_its_share() -> None:
    assert pause_after(1, 1) == PAUSES[0] * (1 + JITTER)
