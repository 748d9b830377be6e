"""The scheduled work: flushing and expiring many sessions, against statements written for that alone."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from redis.asyncio import Redis

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.domain.drafts import Draft, Drafts
from quiz_sessions.domain.uuid7 import uuid7
from quiz_sessions.runtime.clock import current_micros
from tests.harness.stores import Stores

from .measuring import Comparison

QUESTIONS = 10
ANSWER = "x" * 90
"""Ten of them are the 1 KB of a session."""
LIMITS_MS = {100: {"median": 20.0}, 1000: {"median": 120.0}}


def measure(stores: Stores, rounds: int) -> Iterator[Comparison]:
    """Flushes of several sizes, and an expiry of many."""
    for size in (100, 1000, 10_000):
        yield asyncio.run(_flush(stores, size, max(2, min(rounds, 20_000 // size))))
    yield asyncio.run(_expiry(stores, 10_000))


async def _flush(stores: Stores, size: int, rounds: int) -> Comparison:
    stores.clear()
    ids = attempts(stores, size, seconds=3600)
    services = build_services(stores.settings)
    ours, theirs = [], []
    async with Redis.from_url(stores.own_redis_url, protocol=2, driver_info=None) as valkey:
        connection = await AsyncConnection.connect(
            stores.database_url, autocommit=True, prepare_threshold=None
        )
        for turn in range(rounds + 1):
            await autosave(services, ids, f"{ANSWER}{turn}")
            long_ago(stores)
            begun = time.perf_counter()
            report = await services.flusher.run()
            mine = (time.perf_counter() - begun) * 1000
            assert report.sessions_flushed == size, report
            await _prepare_by_hand(valkey, ids, f"{ANSWER}{turn}")
            begun = time.perf_counter()
            await _flush_by_hand(valkey, connection, ids)
            other = (time.perf_counter() - begun) * 1000
            if turn:
                ours.append(mine)
                theirs.append(other)
        await connection.close()
    await services.close()
    return Comparison(
        f"flush of {size}",
        "MGET and one UPDATE by hand",
        ours,
        theirs,
        {"median": 3.5},
        LIMITS_MS.get(size, {}),
    )


async def _expiry(stores: Stores, size: int) -> Comparison:
    ours, theirs = [], []
    services = build_services(stores.settings)
    connection = await AsyncConnection.connect(stores.database_url, autocommit=True, prepare_threshold=None)
    await connection.execute("SET statement_timeout = 0")
    for _ in range(3):
        stores.clear()
        attempts(stores, size, seconds=-10)
        begun = time.perf_counter()
        report = await services.flusher.run()
        ours.append((time.perf_counter() - begun) * 1000)
        assert report.sessions_expired == size, report
        stores.clear()
        attempts(stores, size, seconds=-10)
        begun = time.perf_counter()
        await connection.execute(
            """
            UPDATE quiz_attempts SET status = 'expired', ended_at = accepts_until, revision = revision + 1,
                time_remaining = 0, last_updated = clock_timestamp()
            WHERE status IN ('started', 'in_progress') AND accepts_until < now()"""
        )
        theirs.append((time.perf_counter() - begun) * 1000)
    await connection.close()
    await services.close()
    return Comparison(f"expiry of {size}", "one UPDATE by hand", ours, theirs, {"median": 4.0})


def attempts(stores: Stores, size: int, seconds: int) -> list[UUID]:
    """As many open attempts, which end so many seconds from now."""
    ids = [uuid7(current_micros(), os.urandom(10)) for _ in range(size)]
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            """
            INSERT INTO quiz_attempts (id, user_id, quiz_id, attempt_no, status, time_remaining,
                time_limit_seconds, started_at, expires_at)
            SELECT id, id::text, 'bench', 1, 'started', 0, 3600, ends - interval '1 hour', ends
            FROM unnest(%s::uuid[]) AS given (id),
                (SELECT clock_timestamp() + make_interval(secs => %s) AS ends) AS deadline""",
            (ids, seconds),
        )
        connection.execute(
            """
            INSERT INTO attempt_events (attempt_id, revision, version, type, changes, at)
            SELECT id, 0, 0, 'started', '{}', started_at FROM quiz_attempts WHERE id = ANY(%s)""",
            (ids,),
        )
        connection.execute("VACUUM ANALYZE quiz_attempts")
    long_ago(stores)
    return ids


def long_ago(stores: Stores) -> None:
    """As after a pause: the comparison with the cache is for what was changed lately."""
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            """
            UPDATE attempt_events SET recorded_at = recorded_at - interval '1 hour'
            WHERE recorded_at > now() - interval '1 hour'"""
        )
        connection.execute("VACUUM quiz_attempts, attempt_events")


async def autosave(services: Services, ids: list[UUID], answer: str) -> None:
    at = current_micros()
    drafts = Drafts({str(question): Draft(answer, at) for question in range(QUESTIONS)})
    for start in range(0, len(ids), 50):
        await asyncio.gather(
            *(services.stores.valkey.put_drafts(one, drafts) for one in ids[start : start + 50])
        )


async def _prepare_by_hand(valkey: Redis, ids: list[UUID], answer: str) -> None:
    value = json.dumps({str(question): answer for question in range(QUESTIONS)})
    for start in range(0, len(ids), 500):
        await valkey.mset({f"hand:{one}": value for one in ids[start : start + 500]})


async def _flush_by_hand(valkey: Redis, connection: AsyncConnection[Any], ids: list[UUID]) -> None:
    for start in range(0, len(ids), 1000):
        keys = [f"hand:{one}" for one in ids[start : start + 1000]]
        values = await valkey.mget(keys)
        batch = [
            {"id": key.removeprefix("hand:"), "answers": json.loads(value)}
            for key, value in zip(keys, values, strict=True)
            if value is not None
        ]
        await connection.execute(
            """
            UPDATE quiz_attempts AS attempt SET answers = attempt.answers || batch.answers,
                revision = revision + 1, last_updated = clock_timestamp()
            FROM jsonb_to_recordset(%s::jsonb) AS batch (id uuid, answers jsonb)
            WHERE attempt.id = batch.id""",
            (json.dumps(batch),),
        )
        await valkey.delete(*keys)
