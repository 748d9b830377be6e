"""When a request was received, by what the gateway's event says."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.runtime.clock import current_micros
from session_api.gateway import is_time_refused, request_time

NOW = 1_795_341_600_000_000
SECONDS = 1_000_000


def scope_of(**context: object) -> dict[str, Any]:
    """The scope of a request that the gateway passes on with this context."""
    return {"type": "http", "aws.event": {"requestContext": context}}


@pytest.mark.parametrize("name", ["timeEpoch", "requestTimeEpoch"], ids=["2.0", "1.0"])
@pytest.mark.parametrize("off", [-45 * SECONDS, -1 * SECONDS, 0, 15 * SECONDS])
def test_the_gateway_says_when_in_milliseconds(name: str, off: int) -> None:
    scope = scope_of(**{name: (NOW + off) // 1000})
    assert request_time(scope, lambda: NOW) == NOW + off
    assert not is_time_refused(scope)


@pytest.mark.parametrize("name", ["timeEpoch", "requestTimeEpoch"], ids=["2.0", "1.0"])
@pytest.mark.parametrize("off", [-3600 * SECONDS, -45 * SECONDS - 1000, 15 * SECONDS + 1000, 3600 * SECONDS])
def test_a_time_that_can_not_be_is_not_believed(name: str, off: int) -> None:
    scope = scope_of(**{name: (NOW + off) // 1000})
    assert request_time(scope, lambda: NOW) == NOW
    assert is_time_refused(scope)


@pytest.mark.parametrize("event", [{}, {"aws.event": {}}, scope_of(), scope_of(timeEpoch="soon")])
def test_without_a_gateway_it_is_now_and_stays_so(event: dict[str, Any]) -> None:
    check_that_it_is_now(event)


@pytest.mark.parametrize("name", ["timeEpoch", "requestTimeEpoch"])
def test_seconds_which_sam_local_sends_do_not_count(name: str) -> None:
    # They say when `sam local` was started.
    check_that_it_is_now(scope_of(**{name: NOW // 1_000_000}))


def check_that_it_is_now(event: dict[str, Any]) -> None:
    before = current_micros()
    at = request_time(event)
    assert before <= at <= current_micros()
    assert request_time(event) == at
