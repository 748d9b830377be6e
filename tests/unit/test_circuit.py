"""The circuit breaker, on a clock of the test's own."""

from dataclasses import dataclass

import pytest

from quiz_sessions.stores.circuit_breaker import PAUSE_SECONDS, CircuitBreaker


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(2.0, clock)


def test_it_is_closed_before_any_failure(breaker: CircuitBreaker) -> None:
    assert not breaker.is_open


@pytest.mark.parametrize(("elapsed", "is_open"), [(0.0, True), (1.75, True), (2.0, False), (60.0, False)])
def test_a_failure_opens_it_for_the_pause(
    breaker: CircuitBreaker, clock: Clock, elapsed: float, is_open: bool
) -> None:
    breaker.trip()
    clock.now += elapsed
    assert breaker.is_open is is_open


def test_a_second_failure_starts_the_pause_anew(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 1.5
    breaker.trip()
    clock.now += 1.5
    assert breaker.is_open


def test_an_answer_closes_it_at_once(breaker: CircuitBreaker) -> None:
    breaker.trip()
    breaker.reset()
    assert not breaker.is_open


def test_a_failure_after_an_answer_opens_it_again(breaker: CircuitBreaker) -> None:
    breaker.trip()
    breaker.reset()
    breaker.trip()
    assert breaker.is_open


def test_two_breakers_share_nothing(clock: Clock) -> None:
    first, second = CircuitBreaker(2.0, clock), CircuitBreaker(2.0, clock)
    first.trip()
    assert not second.is_open


def test_the_pause_is_a_moment_by_default(clock: Clock) -> None:
    breaker = CircuitBreaker(clock=clock)
    breaker.trip()
    clock.now += PAUSE_SECONDS
    assert not breaker.is_open
