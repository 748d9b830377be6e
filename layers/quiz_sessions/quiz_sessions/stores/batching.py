"""Batching: calls that wait at the same moment share a trip to a store (docs/decisions/0023).

A batch is what has gathered while the batches before it were under way, so nobody waits for company. Where
requests come one at a time, as on Lambda, each is a batch of one, sent at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

_Item = TypeVar("_Item")
_Reply = TypeVar("_Reply")

PATIENCE_SECONDS: Final = 0.05
"""How long calls wait for a batch that is under way before another lane opens."""
APART_SECONDS: Final = 60.0
"""How long a subject whose call failed by itself goes by itself, so that it fails no batch again."""


class Alone(Exception):  # noqa: N818  (the reply of a batch to one of its calls, and no error of anybody's)
    """The batch could not serve this call, which is to be sent again, by itself."""


@dataclass(slots=True, eq=False)
class _Call(Generic[_Item, _Reply]):
    item: _Item
    subject: Hashable
    weight: int
    reply: asyncio.Future[_Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, reply: _Reply | Exception) -> None:
        # A caller who was cancelled waits no longer.
        if self.reply.done():
            return
        if isinstance(reply, Exception):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)


class Batcher(Generic[_Item, _Reply]):
    """Gathers calls into batches and hands every caller its own reply.

    Calls about the same subject are never in one batch, nor under way at the same time, and keep their order.
    One call's refusal is its caller's alone.
    """

    def __init__(
        self,
        send: Callable[[Sequence[_Item]], Awaitable[Sequence[_Reply | Exception]]],
        *,
        most: int,
        most_weight: int,
        lanes: int,
        alone: Callable[[_Item], Awaitable[_Reply]] | None = None,
        most_alone: int = 1,
        splits: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """`send` returns a reply or an error for each of its items; an error that it raises is everybody's.

        Args:
            most, most_weight: the limits of a batch, but one call is always allowed.
            lanes: how many batches may be under way. One is, as long as it is quick: two would share the same
                work in halves, and each batch has its price.
            alone: sends a call by itself, where `send` replied Alone to it.
            most_alone: how many calls may be under way by themselves.
            splits: whether after this error of a batch each of its calls is sent by itself.
        """
        self._send = send
        self._most = most
        self._most_weight = most_weight
        self._lanes = lanes
        self._send_alone = alone
        self._alone = asyncio.Semaphore(most_alone)
        self._splits = splits
        self._waiting: deque[_Call[_Item, _Reply]] = deque()
        self._under_way: set[Hashable] = set()
        self._used_lanes = 0
        self._is_starting = False
        self._apart: dict[Hashable, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, item: _Item, subject: Hashable = None, weight: int = 0) -> _Reply:
        """The reply to `item`, which is about `subject`; about None any number may be under way.

        Raises:
            whatever `send` or `alone` raises, or `send` returns for this item.
        """
        if self._used_lanes or subject in self._under_way or self._is_apart(subject):
            call: _Call[_Item, _Reply] = _Call(item, subject, weight)
            self._waiting.append(call)
            self._start_lane()
            return await call.reply
        # Nobody else is here, so this needs no task of its own.
        self._used_lanes += 1
        self._hold(subject)
        try:
            try:
                with self._watched():
                    (reply,) = await self._send([item])
            finally:
                self._used_lanes -= 1
                self._start_lane()
            if isinstance(reply, Alone):
                return await self._by_itself(item, subject)
        finally:
            self._release(subject)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _start_lane(self, most: int = 1) -> None:
        # It takes its batch when the loop comes to it: calls that are made in the same turn are together.
        if self._waiting and self._used_lanes < most and not self._is_starting:
            self._is_starting = True
            self._used_lanes += 1
            self._spawn(self._run_lane())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        # The loop itself keeps only a weak reference.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_lane(self) -> None:
        self._is_starting = False
        try:
            while batch := self._take():
                with self._watched():
                    await self._carry(batch)
                if self._used_lanes > 1:
                    break
        finally:
            self._used_lanes -= 1
            self._start_lane()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Opens another lane to those who wait, if this one is slow."""
        slow = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._start_lane, self._lanes)
        try:
            yield
        finally:
            slow.cancel()

    def _take(self) -> list[_Call[_Item, _Reply]]:
        """The next batch, in the order in which the calls came."""
        batch: list[_Call[_Item, _Reply]] = []
        left: list[_Call[_Item, _Reply]] = []
        # A call that has to wait holds up those about the same subject that came after it.
        held: set[Hashable] = set()
        weight = 0
        while self._waiting and len(batch) < self._most:
            call = self._waiting.popleft()
            if call.reply.done():
                continue
            # rule: no two calls about one subject are under way
            if call.subject in self._under_way or call.subject in held:
                held.add(call.subject)
                left.append(call)
            elif batch and weight + call.weight > self._most_weight:
                left.append(call)
                break
            else:
                self._hold(call.subject)
                if self._is_apart(call.subject):
                    self._spawn(self._carry_alone(call))
                else:
                    weight += call.weight
                    batch.append(call)
        self._waiting.extendleft(reversed(left))
        return batch

    async def _carry(self, batch: Sequence[_Call[_Item, _Reply]]) -> None:
        replies: Sequence[_Reply | Exception]
        try:
            replies = await self._send([call.item for call in batch])
        except Exception as error:
            alone = len(batch) > 1 and self._splits(error)
            replies = [Alone() if alone else error] * len(batch)
        # rule: each caller gets its own reply
        for call, reply in zip(batch, replies, strict=True):
            if isinstance(reply, Alone):
                self._spawn(self._carry_alone(call))
            else:
                self._release(call.subject)
                call.answer(reply)

    async def _carry_alone(self, call: _Call[_Item, _Reply]) -> None:
        reply: _Reply | Exception
        try:
            reply = await self._by_itself(call.item, call.subject)
        except Exception as error:
            reply = error
        self._release(call.subject)
        call.answer(reply)

    async def _by_itself(self, item: _Item, subject: Hashable) -> _Reply:
        assert self._send_alone is not None
        try:
            async with self._alone:
                return await self._send_alone(item)
        except Exception as error:
            if self._splits(error):
                now = time.monotonic()
                self._apart = {each: until for each, until in self._apart.items() if until > now}
                self._apart[subject] = now + APART_SECONDS
            raise

    def _hold(self, subject: Hashable) -> None:
        if subject is not None:
            self._under_way.add(subject)

    def _release(self, subject: Hashable) -> None:
        self._under_way.discard(subject)
        self._start_lane()

    def _is_apart(self, subject: Hashable) -> bool:
        return bool(self._apart) and self._apart.get(subject, 0) > time.monotonic()
