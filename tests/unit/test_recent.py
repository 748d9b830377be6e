"""What went wrong lately, as GET /status tells it."""

from __future__ import annotations

from quiz_sessions.runtime.recent import MINUTES, Recent, Trouble


def test_troubles_are_counted_the_most_frequent_first() -> None:
    now = [1000.0]
    recent = Recent(lambda: now[0])
    recent.went_wrong("ERROR", "request failed")
    for now[0] in (1030.0, 1090.0):
        recent.went_wrong("WARNING", "cache not read")
    assert recent.troubles() == [
        Trouble("WARNING", "cache not read", 2, 1090.0),
        Trouble("ERROR", "request failed", 1, 1000.0),
    ]


def test_they_are_forgotten_after_some_minutes() -> None:
    now = [0.0]
    recent = Recent(lambda: now[0])
    recent.went_wrong("ERROR", "request failed")
    now[0] = 60.0 * (MINUTES - 1)
    assert recent.troubles()
    now[0] = 60.0 * MINUTES
    assert recent.troubles() == []


def test_many_of_one_minute_take_no_room() -> None:
    recent = Recent(lambda: 0.0)
    for number in range(100_000):
        recent.went_wrong("ERROR", f"never so many messages {number}")
    assert len(recent.troubles()) == 100
