"""What a process makes of the load that its requests meet."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.services.backpressure import AUTOSAVE_MS, MAX_AUTOSAVE_MS, Backpressure

WRITES = st.lists(st.booleans(), max_size=200)


def after(writes: Iterable[bool], backlog: int = 0, jitter: float = 0.5) -> int:
    """The pause that clients are told after `writes`, True for each that failed."""
    load = Backpressure(lambda: jitter)
    load.note_backlog(backlog)
    for failed in writes:
        load.note_write(failed=failed)
    return load.next_autosave_after_ms()


def test_a_process_that_has_met_nothing_asks_for_the_usual_pause() -> None:
    assert Backpressure(lambda: 0.5).next_autosave_after_ms() == AUTOSAVE_MS


def test_the_last_backlog_counts() -> None:
    load = Backpressure(lambda: 0.5)
    load.note_backlog(4_000)
    load.note_backlog(2_000)
    assert load.next_autosave_after_ms() == 20_000


def test_one_failure_is_told_at_once() -> None:
    assert after([True]) == 12_500


def test_served_writes_make_a_failure_forgotten() -> None:
    assert after([True] + [False] * 200) == AUTOSAVE_MS


def test_where_every_write_fails_the_pause_becomes_the_longest() -> None:
    assert after([True] * 400) == MAX_AUTOSAVE_MS


@given(WRITES)
def test_another_failure_never_shortens_the_pause(writes: list[bool]) -> None:
    assert after([*writes, True]) >= after(writes)


@given(WRITES)
def test_another_served_write_never_lengthens_the_pause(writes: list[bool]) -> None:
    assert after([*writes, False]) <= after(writes)


@given(WRITES, st.integers(0, 1_000_000), st.floats(0, 1))
def test_whatever_has_happened_the_pause_stays_within_its_bounds(
    writes: list[bool], backlog: int, jitter: float
) -> None:
    assert 0.8 * AUTOSAVE_MS <= after(writes, backlog, jitter) <= 1.2 * MAX_AUTOSAVE_MS


def test_two_clients_are_told_different_pauses() -> None:
    load = Backpressure()
    assert len({load.next_autosave_after_ms() for _ in range(100)}) > 50
