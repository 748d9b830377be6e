"""What staff have changed is what every read shows from then on, whoever still holds an older row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from uuid import UUID

import pytest
import redis

from quiz_sessions.bootstrap import Services
from quiz_sessions.domain.grading import GradingMethod, Question
from quiz_sessions.services.cached_reads import Reading
from tests.harness.builders import LATER, START
from tests.harness.proxy import Proxy, Rule, Where, proxy_of
from tests.harness.service import put_quiz, services_on, start
from tests.harness.stores import Stores

CACHES = b"-- put_committed:"
Change = Callable[[Services], Awaitable[object]]


async def a_rule(services: Services) -> None:
    await put_quiz(services, time_limit_seconds=1860, at=LATER)


async def extra_time(services: Services) -> None:
    await services.administration.put_accommodation("user1", "quiz1", 60, "slow", at=LATER)


async def an_extension_of_all(services: Services) -> None:
    await services.administration.extend_quiz("quiz1", 60, "fire alarm", at=LATER)


CHANGES = [a_rule, extra_time, an_extension_of_all]
by_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


@pytest.fixture
async def link(stores: Stores) -> AsyncIterator[Proxy]:
    """Between another process and Valkey."""
    async with proxy_of(stores.redis_url) as running:
        yield running


@pytest.fixture
async def other(stores: Stores, link: Proxy) -> AsyncIterator[Services]:
    """That process."""
    async with services_on(Stores(stores.database_url, link.url)) as built:
        yield built


async def minutes(services: Services, session_id: UUID) -> float:
    session = await services.sessions.get_session(session_id, at=LATER)
    cached = await services.cached.read(session_id, None, LATER)
    assert isinstance(cached, Reading)
    assert datetime.fromisoformat(json.loads(cached.text)["expires_at"]) == session.expires_at
    return (session.expires_at - session.started_at).total_seconds() / 60


@by_change
async def test_a_start_that_caches_its_row_late_does_not_hide_a_change(
    services: Services, other: Services, link: Proxy, change: Change
) -> None:
    await put_quiz(services)
    slow = link.apply(Rule(CACHES, Where.HOLD))
    starting = asyncio.create_task(start(other))
    await slow.reached.wait()
    await change(services)
    slow.released.set()
    assert await minutes(services, await starting) == 31


@by_change
async def test_a_reader_that_caches_what_it_read_late_does_not_hide_a_change(
    services: Services, other: Services, link: Proxy, valkey: redis.Redis, change: Change
) -> None:
    await put_quiz(services)
    session_id = await start(services)
    valkey.delete(f"session:{session_id}")
    slow = link.apply(Rule(CACHES, Where.HOLD))
    reading = asyncio.create_task(other.sessions.get_session(session_id, at=LATER))
    await slow.reached.wait()
    await change(services)
    slow.released.set()
    await reading
    assert await minutes(services, session_id) == 31


async def test_a_reader_that_caches_what_it_read_late_does_not_hide_a_regrade(
    services: Services, other: Services, link: Proxy, valkey: redis.Redis
) -> None:
    await put_quiz(services, questions={"0": Question(1, GradingMethod.EXACT, "A", 0, False)})
    session_id = await start(services)
    await services.sessions.complete(session_id, {"0": "B"}, at=LATER)
    await put_quiz(services, questions={"0": Question(1, GradingMethod.EXACT, "B", 0, False)}, at=LATER)
    valkey.delete(f"session:{session_id}")
    slow = link.apply(Rule(CACHES, Where.HOLD))
    reading = asyncio.create_task(other.sessions.get_session(session_id, at=LATER))
    await slow.reached.wait()
    await services.scores.regrade("quiz1", "the key was wrong")
    slow.released.set()
    await reading
    session = await services.sessions.get_session(session_id, owner="user1", at=LATER)
    assert session.score == 1


@by_change
async def test_a_change_keeps_what_nobody_reads_for_a_moment_only(
    services: Services, valkey: redis.Redis, change: Change
) -> None:
    await put_quiz(services)
    read, unread = [f"session:{await start(services, user)}" for user in ("user1", "user2")]
    if change is extra_time:
        read, unread = unread, read
    valkey.delete(unread)
    for _ in range(2):
        await change(services)
        await services.administration.extend_quiz("quiz1", 60, "fire alarm", at=START)
        assert 0 < valkey.ttl(unread) <= 120
        assert valkey.ttl(read) > 1700
