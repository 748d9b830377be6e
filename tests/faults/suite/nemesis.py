"""Breaks one thing at a time, in an order that its seed decides."""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import redis

from tests.harness.proxy import Proxy, Rule, Where

from .browsers import BrowserStudent
from .history import Span
from .processes import Function, Process, Stage

COMMITS = (b"write_answers_", b"finish_attempt_")
"""In the statements that commit answers, and that complete."""
STAFF_ACTS = (b"-- pause_", b"-- resume_", b"-- enter_attempt")
"""In the statements that stop clocks and let them run, and in a takeover."""
SETTLES = b"flush_sessions_"
CLEARS = b"-- put_settled:"
PUTS_DRAFTS = b"-- put_drafts:"
JUNK_BYTES = 1 << 16
Fault = Callable[[], Awaitable[None]]


class Nemesis:
    """One fault after the other; between two of them everything is whole for a moment.

    Attributes:
        done: which faults there were, and how often.
    """

    def __init__(self, stage: Stage, seed: str) -> None:
        self.done: Counter[str] = Counter()
        self._stage = stage
        self._servers = stage.servers
        self._dice = random.Random(seed)
        self._faults: list[Fault] = [
            self._postgres_killed,
            self._postgres_frozen,
            self._valkey_killed,
            self._valkey_frozen,
            self._valkey_emptied,
            self._valkey_set_back,
            self._valkey_full,
            self._sessions_evicted,
            self._postgres_cut,
            self._valkey_cut,
            self._postgres_slow,
            self._valkey_slow,
            self._replies_lost,
            self._statements_lost,
            self._drafts_lost,
            self._api_killed_between_commit_and_reply,
            self._flusher_killed_before_its_statement,
            self._flusher_killed_before_it_cleans_up,
        ]

    async def rage(self, until: float) -> None:
        """Inject faults until then, each kind once before any comes again."""
        await _inject(self._faults, self._dice, self.done, until, between=(0.2, 1.2))

    # The servers

    async def _postgres_killed(self) -> None:
        async with self._database_trouble():
            await asyncio.to_thread(self._servers.postgres.kill)
            await self._pause(0.1, 2.0)
            await asyncio.to_thread(self._servers.postgres.start)

    async def _postgres_frozen(self) -> None:
        async with self._database_trouble(after=2.5):
            await asyncio.to_thread(self._servers.postgres.freeze)
            await self._pause(0.2, 4.0)
            await asyncio.to_thread(self._servers.postgres.thaw)

    async def _valkey_killed(self) -> None:
        async with self._cache_trouble():
            await asyncio.to_thread(self._servers.valkey.kill)
            await self._pause(0.1, 1.5)
            await asyncio.to_thread(self._servers.valkey.start)

    async def _valkey_frozen(self) -> None:
        async with self._cache_trouble():
            await asyncio.to_thread(self._servers.valkey.freeze)
            await self._pause(0.1, 1.5)
            await asyncio.to_thread(self._servers.valkey.thaw)

    async def _valkey_emptied(self) -> None:
        async with self._cache_trouble():
            await asyncio.to_thread(self._servers.valkey.kill)
            shutil.rmtree(self._servers.append_only_files)
            await asyncio.to_thread(self._servers.valkey.start)
            self._stage.weather.losses.append(Span(-math.inf, time.monotonic()))

    async def _valkey_set_back(self) -> None:
        files = self._servers.append_only_files
        copy = files.with_name("earlier")
        begin = time.monotonic()
        await asyncio.to_thread(shutil.copytree, files, copy)
        await self._pause(0.3, 2.0)
        async with self._cache_trouble():
            await asyncio.to_thread(self._servers.valkey.kill)
            shutil.rmtree(files)
            copy.rename(files)
            await asyncio.to_thread(self._servers.valkey.start)
            self._stage.weather.losses.append(Span(begin, time.monotonic()))

    async def _valkey_full(self) -> None:
        async with self._cache_trouble():
            with self._servers.cache() as cache:
                await asyncio.to_thread(self._fill, cache)
                await self._pause(0.5, 2.0)
                cache.config_set("maxmemory", 0)
                cache.delete("junk")

    def _fill(self, cache: redis.Redis) -> None:
        cache.config_set("maxmemory", cache.info("memory")["used_memory"] + 4 * JUNK_BYTES)
        try:
            for _ in range(200):
                cache.rpush("junk", b"x" * JUNK_BYTES)
        except redis.OutOfMemoryError:
            pass

    async def _sessions_evicted(self) -> None:
        # A slow reader may put an older row where a newer one was evicted; the next flush heals that.
        async with self._cache_trouble():
            with self._servers.cache() as cache:
                keys = list(cache.scan_iter("session:*", count=1000))
                for key in self._dice.sample(sorted(keys), len(keys) // 2):
                    cache.delete(key)

    # The network

    async def _postgres_cut(self) -> None:
        async with self._database_trouble():
            for _ in range(self._dice.randint(1, 5)):
                await self._process().postgres.cut()
                await self._pause(0.01, 0.2)

    async def _valkey_cut(self) -> None:
        async with self._cache_trouble():
            for _ in range(self._dice.randint(1, 5)):
                await self._process().valkey.cut()
                await self._pause(0.01, 0.2)

    async def _postgres_slow(self) -> None:
        async with self._database_trouble():
            await self._slow(self._process().postgres, self._dice.choice((0.02, 0.1, 0.8, 1.5)))

    async def _valkey_slow(self) -> None:
        async with self._cache_trouble():
            await self._slow(self._process().valkey, self._dice.choice((0.02, 0.1, 0.3)))

    async def _slow(self, link: Proxy, seconds: float) -> None:
        link.delay = seconds
        await self._pause(0.5, 2.0)
        link.delay = 0.0

    async def _replies_lost(self) -> None:
        async with self._database_trouble():
            await self._lose(self._api().postgres, Where.AFTER, self._dice.choice(COMMITS), *STAFF_ACTS)

    async def _statements_lost(self) -> None:
        async with self._database_trouble():
            await self._lose(self._api().postgres, Where.BEFORE, self._dice.choice(COMMITS), *STAFF_ACTS)

    async def _drafts_lost(self) -> None:
        async with self._cache_trouble():
            await self._lose(self._api().valkey, self._dice.choice((Where.AFTER, Where.BEFORE)), PUTS_DRAFTS)

    async def _lose(self, link: Proxy, where: Where, *markers: bytes) -> None:
        for _ in range(self._dice.randint(1, 4)):
            for marker in markers:
                link.apply(Rule(marker, where))
        await self._pause(0.3, 1.0)
        link.forget()

    # The processes

    async def _api_killed_between_commit_and_reply(self) -> None:
        process = self._api()
        await self._kill_at(process, process.postgres, Where.AFTER, self._dice.choice(COMMITS))

    async def _flusher_killed_before_its_statement(self) -> None:
        process = self._dice.choice(self._stage.flushers)
        await self._kill_at(process, process.postgres, Where.BEFORE, SETTLES)

    async def _flusher_killed_before_it_cleans_up(self) -> None:
        process = self._dice.choice(self._stage.flushers)
        await self._kill_at(process, process.valkey, self._dice.choice((Where.BEFORE, Where.AFTER)), CLEARS)

    async def _kill_at(self, process: Process, link: Proxy, where: Where, marker: bytes) -> None:
        rule = link.apply(Rule(marker, where, then=process.kill))
        try:
            async with asyncio.timeout(3):
                await rule.reached.wait()
        except TimeoutError:
            link.forget()
            return
        if not isinstance(process, Function):
            await process.stop()
            await process.start()

    # What they have in common

    def _api(self) -> Process:
        return self._dice.choice(self._stage.apis)

    def _process(self) -> Process:
        return self._dice.choice(self._stage.processes)

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._dice.uniform(least, most))

    @asynccontextmanager
    async def _database_trouble(self, after: float = 0.5) -> AsyncIterator[None]:
        """`after` its end a request may still meet what it did."""
        begin = time.monotonic()
        yield
        self._stage.weather.database_trouble.append(Span(begin, time.monotonic() + after))

    @asynccontextmanager
    async def _cache_trouble(self) -> AsyncIterator[None]:
        begin = time.monotonic()
        yield
        # As long as a process may leave it alone after a failure, and then a command's time.
        self._stage.weather.cache_trouble.append(Span(begin, time.monotonic() + 1.3))


class BrowserNemesis:
    """The same for browsers and their networks, while the other one breaks what it likes."""

    def __init__(self, browsers: Sequence[BrowserStudent], seed: str) -> None:
        self.done: Counter[str] = Counter()
        self._browsers = browsers
        self._dice = random.Random(f"{seed}/browsers")
        self._faults: list[Fault] = [
            self._browser_cut_off,
            self._browser_gets_no_replies,
            self._browser_slow,
            self._browser_killed,
            self._browser_killed_while_cut_off,
            self._page_reloaded,
            self._page_reloaded_while_cut_off,
            self._page_closed,
        ]

    async def rage(self, until: float) -> None:
        """Inject faults until then, each kind once before any comes again."""
        # A page takes its time to come back, and then to save.
        await _inject(self._faults, self._dice, self.done, until, between=(0.5, 4.0))

    async def _browser_cut_off(self) -> None:
        async with self._cut_off():
            await self._pause(0.5, 4.0)

    async def _browser_gets_no_replies(self) -> None:
        network = self._any().network
        network.loses_replies = True
        await self._pause(0.5, 3.0)
        network.loses_replies = False

    async def _browser_slow(self) -> None:
        network = self._any().network
        network.delay = self._dice.choice((0.1, 0.5, 1.5))
        await self._pause(1.0, 4.0)
        network.delay = 0.0

    async def _browser_killed(self) -> None:
        await self._any().kill()

    async def _browser_killed_while_cut_off(self) -> None:
        async with self._cut_off() as browser:
            await self._pause(0.2, 2.0)
            await browser.kill()
            await self._pause(0.0, 2.0)

    async def _page_reloaded(self) -> None:
        await self._any().reload()

    async def _page_reloaded_while_cut_off(self) -> None:
        async with self._cut_off() as browser:
            await self._pause(0.2, 2.0)
            await browser.reload()
            await self._pause(0.2, 2.0)

    async def _page_closed(self) -> None:
        await self._any().close_page(self._dice.uniform(0.0, 0.3))

    def _any(self) -> BrowserStudent:
        return self._dice.choice(self._browsers)

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._dice.uniform(least, most))

    @asynccontextmanager
    async def _cut_off(self) -> AsyncIterator[BrowserStudent]:
        browser = self._any()
        browser.network.down = True
        yield browser
        browser.network.down = False


async def _inject(
    faults: Sequence[Fault],
    dice: random.Random,
    done: Counter[str],
    until: float,
    between: tuple[float, float],
) -> None:
    waiting: list[Fault] = []
    while time.monotonic() < until:
        if not waiting:
            waiting = dice.sample(faults, len(faults))
        fault = waiting.pop()
        await fault()
        done[fault.__name__.strip("_")] += 1
        await asyncio.sleep(dice.uniform(*between))
