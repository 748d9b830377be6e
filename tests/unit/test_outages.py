"""When a store is said to be away, and when to be back."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_sessions.runtime.outages import SETTLE_SECONDS, StoreWatch

REFUSED = ConnectionRefusedError()
FULL = OSError()


class Watched:
    """A watch, its clock, and what it has said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.said: list[tuple[str, str]] = []
        self.fields: list[dict[str, Any]] = []
        self.watch = StoreWatch("database", self.say, lambda: self.now)

    def say(self, level: str, message: str, error: BaseException | None, **fields: Any) -> None:
        self.said.append((level, message))
        self.fields.append(fields)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_an_outage_is_said_once_with_its_cause_and_once_when_it_is_over(watched: Watched) -> None:
    for _ in range(100):
        watched.watch.failed(REFUSED, {"reason": "connection refused"})
    watched.now = 12.5
    for _ in range(100):
        watched.watch.answered()
    assert watched.said == [("ERROR", "database away"), ("WARNING", "database back")]
    assert watched.fields == [{"reason": "connection refused"}, {"seconds": 12.5, "unlogged": 0}]


def test_nothing_is_said_while_it_serves(watched: Watched) -> None:
    watched.watch.answered()
    watched.watch.took_write()
    assert watched.said == []


def test_a_store_that_refuses_writes_goes_on_to_do_so_though_it_answers(watched: Watched) -> None:
    watched.watch.failed(FULL, {"sqlstate": "53100"}, refuses=True)
    watched.watch.answered()
    refuses = [watched.watch.refuses_writes]
    watched.watch.took_write()
    refuses.append(watched.watch.refuses_writes)
    assert refuses == [True, False]
    assert watched.said == [
        ("ERROR", "database refuses writes"),
        ("WARNING", "database takes writes again"),
    ]


def test_a_store_that_goes_away_after_it_refused_writes_is_said_to(watched: Watched) -> None:
    watched.watch.failed(FULL, {}, refuses=True)
    watched.watch.failed(REFUSED, {})
    watched.watch.failed(FULL, {}, refuses=True)
    assert [message for _, message in watched.said] == ["database refuses writes", "database away"]


def test_requests_that_had_waited_for_it_begin_no_outage_after_its_end(watched: Watched) -> None:
    watched.watch.failed(REFUSED, {})
    watched.watch.answered()
    watched.watch.failed(REFUSED, {})
    assert watched.watch.outage is None
    watched.now = SETTLE_SECONDS
    watched.watch.failed(REFUSED, {})
    assert [message for _, message in watched.said] == ["database away", "database back", "database away"]


def test_each_message_is_news_once_in_an_outage_and_again_in_the_next(watched: Watched) -> None:
    assert [watched.watch.is_news("a") for _ in range(2)] == [True, True]
    watched.watch.failed(REFUSED, {})
    assert [watched.watch.is_news(each) for each in "aabba"] == [True, False, True, False, False]
    watched.watch.answered()
    assert not watched.watch.is_news("a")
    watched.now = SETTLE_SECONDS
    assert watched.watch.is_news("a")
    watched.watch.failed(REFUSED, {})
    assert watched.watch.is_news("a")


def test_how_long_it_lasts_is_known(watched: Watched) -> None:
    assert watched.watch.seconds == 0
    watched.watch.failed(FULL, {}, refuses=True)
    watched.now = 5
    watched.watch.failed(REFUSED, {})
    assert watched.watch.seconds == 5
