"""Calls that wait together: what is gathered, in which order it goes, and whom an error concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from quiz_sessions.stores.batching import PATIENCE_SECONDS, Alone, Batcher


class RefusedError(Exception):
    """One call's own fault."""


class AwayError(Exception):
    """The store's."""


class Store:
    """Takes batches; the test says when each is done."""

    def __init__(
        self, *, lanes: int = 1, most: int = 10, most_weight: int = 100, most_alone: int = 1
    ) -> None:
        self.batches: list[list[str]] = []
        self.alone: list[str] = []
        self.busy: set[str] = set()
        """To these it replies Alone."""
        self.refused: set[str] = set()
        self.poison: set[str] = set()
        """A batch with one of these fails as a whole, and so does the call by itself."""
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.call: Batcher[str, str] = Batcher(
            self._send,
            most=most,
            most_weight=most_weight,
            lanes=lanes,
            alone=self._send_alone,
            most_alone=most_alone,
            splits=lambda error: isinstance(error, RefusedError),
        )

    async def _send(self, items: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.is_away:
            raise AwayError
        if self.poison & set(items):
            raise RefusedError
        return [self._reply(item) for item in items]

    def _reply(self, item: str) -> str | Exception:
        if item in self.busy:
            return Alone()
        return RefusedError(item) if item in self.refused else f"reply to {item}"

    async def _send_alone(self, item: str) -> str:
        self.alone.append(item)
        await asyncio.sleep(0)
        if item in self.poison:
            raise RefusedError(item)
        return f"reply to {item} alone"

    def begin(self, *items: str, subject: str | None = None, weight: int = 1) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.call(item, subject, weight)) for item in items]


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def gathered(store: Store, *items: str) -> list[asyncio.Task[str]]:
    """Calls that wait while a first one is under way."""
    store.gate.clear()
    store.begin("first")
    await turns()
    calls = store.begin(*items)
    await turns()
    return calls


async def test_a_call_that_comes_alone_is_sent_at_once() -> None:
    store = Store()
    assert await store.call("a") == "reply to a"
    assert store.batches == [["a"]]


async def test_calls_that_wait_are_one_batch() -> None:
    store = Store()
    calls = await gathered(store, "a", "b", "c")
    store.gate.set()
    assert await asyncio.gather(*calls) == ["reply to a", "reply to b", "reply to c"]
    assert store.batches == [["first"], ["a", "b", "c"]]


async def test_a_slow_batch_holds_up_nobody_for_long() -> None:
    store = Store(lanes=2)
    await gathered(store, "a", "b")
    assert store.batches == [["first"]]
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert store.batches == [["first"], ["a", "b"]]
    store.gate.set()


async def test_no_more_lanes_open_than_there_may_be() -> None:
    store = Store(lanes=2)
    await gathered(store, "a")
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    store.begin("b")
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert store.batches == [["first"], ["a"]]
    store.gate.set()


async def test_a_batch_has_a_limited_number_of_calls() -> None:
    store = Store(most=2)
    calls = await gathered(store, "a", "b", "c")
    store.gate.set()
    await asyncio.gather(*calls)
    assert store.batches == [["first"], ["a", "b"], ["c"]]


async def test_a_batch_has_a_limited_weight_and_one_call_may_exceed_it() -> None:
    store = Store(most_weight=10)
    store.gate.clear()
    store.begin("first")
    await turns()
    calls = [
        task
        for item, weight in (("a", 6), ("b", 5), ("c", 11), ("d", 1))
        for task in store.begin(item, weight=weight)
    ]
    await turns()
    store.gate.set()
    await asyncio.gather(*calls)
    assert store.batches == [["first"], ["a"], ["b"], ["c"], ["d"]]


async def test_calls_about_one_subject_go_one_after_the_other_and_hold_up_no_others() -> None:
    store = Store(lanes=2)
    store.gate.clear()
    store.begin("a1", subject="a")
    await turns()
    calls = [*store.begin("a2", "a3", subject="a"), *store.begin("b1", subject="b")]
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert store.batches == [["a1"], ["b1"]]
    store.gate.set()
    await asyncio.gather(*calls)
    assert store.batches == [["a1"], ["b1"], ["a2"], ["a3"]]


async def test_a_refusal_is_its_callers_alone() -> None:
    store = Store()
    store.refused = {"b"}
    one, two, three = await gathered(store, "a", "b", "c")
    store.gate.set()
    assert (await one, await three) == ("reply to a", "reply to c")
    with pytest.raises(RefusedError, match="b"):
        await two


async def test_a_call_that_the_batch_could_not_serve_goes_by_itself_and_keeps_its_subject() -> None:
    store = Store()
    store.busy = {"a1"}
    store.gate.clear()
    store.begin("first")
    await turns()
    calls = [*store.begin("a1", "a2", subject="a"), *store.begin("b", subject="b")]
    await turns()
    store.gate.set()
    assert await asyncio.gather(*calls) == ["reply to a1 alone", "reply to a2", "reply to b"]
    assert store.batches == [["first"], ["a1", "b"], ["a2"]]


async def test_a_single_call_that_could_not_be_served_goes_by_itself() -> None:
    store = Store()
    store.busy = {"a"}
    assert await store.call("a") == "reply to a alone"


async def test_a_poisoned_batch_is_sent_one_by_one() -> None:
    store = Store()
    store.poison = {"b"}
    one, two, three = await gathered(store, "a", "b", "c")
    store.gate.set()
    assert (await one, await three) == ("reply to a alone", "reply to c alone")
    with pytest.raises(RefusedError, match="b"):
        await two
    assert store.alone == ["a", "b", "c"]


async def test_what_failed_by_itself_goes_by_itself_from_then_on() -> None:
    store = Store()
    store.poison = {"bad"}
    store.gate.clear()
    store.begin("first")
    await turns()
    bad, _ = *store.begin("bad", subject="b"), *store.begin("good", subject="g")
    await turns()
    store.gate.set()
    with pytest.raises(RefusedError):
        await bad
    store.alone.clear()
    with pytest.raises(RefusedError):
        await store.call("bad", "b")
    assert store.alone == ["bad"]


async def test_a_store_that_is_away_fails_the_batch_and_is_not_asked_again_for_each() -> None:
    store = Store()
    calls = await gathered(store, "a", "b")
    store.is_away = True
    store.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [AwayError, AwayError]
    assert store.alone == []


async def test_a_cancelled_caller_takes_no_other_along() -> None:
    store = Store()
    first, second, third = await gathered(store, "a", "b", "c")
    # One waits still, and one is under way.
    first.cancel()
    store.gate.set()
    await turns(3)
    third.cancel()
    assert await second == "reply to b"
    assert store.batches == [["first"], ["b", "c"]]


async def test_a_cancelled_caller_who_came_alone_cancels_its_call_and_leaves_the_lane() -> None:
    store = Store()
    store.gate.clear()
    (call,) = store.begin("a", subject="s")
    await turns()
    call.cancel()
    await turns()
    store.gate.set()
    assert await store.call("b", "s") == "reply to b"


async def test_a_limited_number_goes_by_itself_at_a_time() -> None:
    store = Store(most_alone=1)
    store.busy = {"a", "b"}
    calls = await gathered(store, "a", "b")
    store.gate.set()
    await turns(2)
    assert len(store.alone) <= 1
    await asyncio.gather(*calls)
    assert store.alone == ["a", "b"]


async def test_calls_that_come_first_go_first() -> None:
    store = Store(most=1)
    calls = await gathered(store, *"abcdef")
    store.gate.set()
    await asyncio.gather(*calls)
    assert [item for (item,) in store.batches] == ["first", *"abcdef"]
