"""When a silence is one: nobody is accused of what may be the service's own fault."""

from __future__ import annotations

from uuid import UUID

import pytest

from quiz_sessions.domain.silence import DEAF, GAP, LONG, Sign, Watch
from quiz_sessions.domain.timestamps import Micros
from tests.harness.builders import SECOND

MINE, OTHER = UUID(int=1), UUID(int=2)
BEGAN: Micros = 10_000 * SECOND
"""When the watch begins."""
HEARD = BEGAN + SECOND
"""When one was heard for the last time."""
EVERY = 30 * SECOND


def signs(
    now: Micros, mine: Micros = HEARD, other: Micros | None = None, ran: Micros = 9_999 * SECOND
) -> list[Sign]:
    """Of one who is not heard any more, and of another who is heard all the time."""
    other = now if other is None else other
    return [Sign(MINE, mine, min(now - mine, ran)), Sign(OTHER, other, min(now - other, ran))]


def looks(
    watch: Watch, *moments: Micros, mine: Micros = HEARD, deaf: tuple[Micros, ...] = ()
) -> list[tuple[UUID, Micros]]:
    """Who is found silent, and when. At moments that are `deaf` nobody was heard for long."""
    found = []
    for now in moments:
        seen = signs(now, min(mine, now), now - DEAF - 1 if now in deaf else None)
        found += [(sign.session_id, now) for sign in watch.look(seen, now)]
        watch.looked = now
    return found


def every(*, until: Micros, begin: Micros = BEGAN, step: Micros = EVERY) -> list[Micros]:
    return list(range(begin, until + 1, step))


def test_who_is_not_heard_for_long_is_silent_once() -> None:
    assert looks(Watch(), *every(until=BEGAN + 600 * SECOND)) == [(MINE, BEGAN + 120 * SECOND)]


@pytest.mark.parametrize(("after", "found"), [(LONG - 1, 0), (LONG, 1)])
def test_a_silence_is_long_after_so_long(after: Micros, found: int) -> None:
    watch = Watch(since=BEGAN, looked=HEARD + LONG - EVERY)
    assert len(looks(watch, HEARD + after)) == found


def test_each_silence_is_found_by_itself() -> None:
    watch = Watch()
    first = looks(watch, *every(until=BEGAN + 150 * SECOND))
    again = BEGAN + 155 * SECOND
    second = looks(watch, *every(begin=BEGAN + 180 * SECOND, until=BEGAN + 600 * SECOND), mine=again)
    assert (len(first), len(second)) == (1, 1)


def test_what_a_look_found_and_nobody_dealt_with_is_found_again() -> None:
    watch = Watch(since=BEGAN, looked=HEARD + LONG - EVERY)
    now = HEARD + LONG
    assert [len(watch.look(signs(moment), moment)) for moment in (now, now + EVERY)] == [1, 1]


def test_who_was_not_heard_since_the_watch_began_is_not_silent() -> None:
    assert looks(Watch(), *every(until=BEGAN + 600 * SECOND), mine=BEGAN - 1) == []


def test_after_a_gap_nobody_is_silent_who_was_not_heard_since() -> None:
    before, after = every(until=BEGAN + 60 * SECOND), BEGAN + 60 * SECOND + GAP + 1
    assert looks(Watch(), *before, *every(begin=after, until=after + 600 * SECOND)) == []


def test_looks_that_are_as_far_apart_as_they_may_be_follow_each_other() -> None:
    assert len(looks(Watch(), *every(until=BEGAN + 600 * SECOND, step=GAP))) == 1


def test_a_clock_that_goes_back_begins_the_watch_anew() -> None:
    assert looks(Watch(since=BEGAN, looked=HEARD + LONG + SECOND), HEARD + LONG) == []


def test_while_nobody_at_all_is_heard_nobody_is_silent() -> None:
    all_the_time = every(until=BEGAN + 600 * SECOND)
    assert looks(Watch(), *all_the_time, deaf=tuple(all_the_time[1:])) == []


def test_nobody_is_silent_who_was_not_heard_since_nobody_was() -> None:
    assert looks(Watch(), *every(until=BEGAN + 600 * SECOND), deaf=(BEGAN + 90 * SECOND,)) == []


def test_only_time_that_the_clock_ran_counts() -> None:
    watch, now = Watch(since=BEGAN, looked=HEARD + LONG - EVERY), HEARD + LONG
    assert watch.look(signs(now, ran=LONG - 1), now) == []
