"""Batches of the flush, two at a time."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from quiz_sessions.services.flush import two_at_a_time


class Work:
    """What was begun and what has ended."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.go = asyncio.Event()

    async def do(self, number: int, error: Exception | None = None) -> None:
        self.begun.append(number)
        await self.go.wait()
        if error is not None:
            raise error
        self.ended.append(number)


async def test_a_second_one_begins_at_once_and_a_third_one_when_the_first_has_ended() -> None:
    work = Work()
    async with two_at_a_time() as begin:
        await begin(partial(work.do, 1))
        await begin(partial(work.do, 2))
        third = asyncio.ensure_future(begin(partial(work.do, 3)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (work.begun, third.done()) == ([1, 2], False)
        work.go.set()
        await third
    assert (work.begun, work.ended) == ([1, 2, 3], [1, 2, 3])


async def test_an_error_is_raised_when_the_other_one_has_ended() -> None:
    work = Work()
    work.go.set()

    async def two() -> None:
        async with two_at_a_time() as begin:
            await begin(partial(work.do, 1, KeyError()))
            await begin(partial(work.do, 2))

    with pytest.raises(KeyError):
        await two()
    assert work.ended == [2]


async def test_after_an_error_nothing_new_begins() -> None:
    work = Work()
    work.go.set()

    async def many() -> None:
        async with two_at_a_time() as begin:
            for number in range(9):
                await begin(partial(work.do, number, KeyError() if number == 1 else None))

    with pytest.raises(KeyError):
        await many()
    assert set(work.begun) <= {0, 1, 2, 3}


async def test_what_was_begun_ends_where_the_caller_fails() -> None:
    work = Work()
    work.go.set()

    async def failing() -> None:
        async with two_at_a_time() as begin:
            await begin(partial(work.do, 1))
            raise KeyError

    with pytest.raises(KeyError):
        await failing()
    assert work.ended == [1]
