"""The floors: the least that a FastAPI function on Lambda does, with the same drivers and settings."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from mangum import Mangum
from redis.asyncio import Redis

TABLE = "CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, answers jsonb NOT NULL, version int NOT NULL)"

app = FastAPI()


@cache
def valkey() -> Redis:
    """One connection, without the questions that redis-py asks a server by default."""
    return Redis.from_url(os.environ["REDIS_URL"], protocol=2, driver_info=None)


_open: list[Any] = []
"""The connection to PostgreSQL, once a write has opened it."""


@app.get("/sessions/{session_id}")
async def read(session_id: str) -> Response:
    """What the cache holds."""
    return Response(await valkey().get(f"session:bare:{session_id}"), media_type="application/json")


@app.patch("/sessions/{session_id}/progress")
async def write(session_id: str, request: Request) -> Response:
    """One statement, one write to the cache."""
    if not _open:
        # The reading function has no such package.
        from psycopg import AsyncConnection

        _open.append(
            await AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=None)
        )
    body = await request.body()
    cursor = await _open[0].execute(
        """
        UPDATE bare SET answers = answers || (%(body)s::jsonb -> 'answers'), version = version + 1
        WHERE id = %(id)s RETURNING answers::text AS answers""",
        {"id": session_id, "body": body.decode()},
    )
    (answers,) = await cursor.fetchone()
    await valkey().set(f"session:bare:{session_id}", answers, ex=1800)
    return Response(answers, media_type="application/json")


handler = Mangum(app, lifespan="off")
