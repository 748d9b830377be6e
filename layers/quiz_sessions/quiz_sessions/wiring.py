"""The one place that puts the parts together. Building opens nothing; each part connects on first use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from .cache import Cache
from .database import Database
from .flush import Flusher
from .manager import SessionManager
from .settings import Settings
from .telemetry import Telemetry

POOL_SIZE = 10


@dataclass(frozen=True, slots=True)
class Services:
    """What a process is made of."""

    manager: SessionManager
    flusher: Flusher
    telemetry: Telemetry
    database: Database
    cache: Cache

    async def close(self) -> None:
        """Close every connection."""
        await self.cache.close()
        await self.database.close()


def build_services(settings: Settings, pool_size: int = POOL_SIZE) -> Services:
    """The parts of one process, with at most `pool_size` connections to PostgreSQL.

    A Lambda environment serves one request at a time and needs one connection.
    """
    telemetry = Telemetry()
    database = Database(database_conninfo(settings), pool_size)
    cache = Cache(settings.redis_url, settings.session_cache_ttl_seconds)
    return Services(
        manager=SessionManager(database, cache, telemetry, time_limit=settings.default_time_limit_seconds),
        flusher=Flusher(database, cache, telemetry),
        telemetry=telemetry,
        database=database,
        cache=cache,
    )


def database_conninfo(settings: Settings) -> Callable[[], Coroutine[None, None, str]]:
    """What to connect to: DATABASE_URL, or the secret, read once when it is first needed."""
    known = settings.database_url

    async def conninfo() -> str:
        nonlocal known
        if known is None:
            known = await asyncio.to_thread(_read_secret, settings.database_secret_arn or "")
        return known

    return conninfo


def _read_secret(arn: str) -> str:
    # boto3 takes a third of a second to import; a process with a DATABASE_URL never needs it.
    import boto3  # noqa: PLC0415

    secret = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return make_conninfo(
        host=secret["host"],
        port=secret.get("port", 5432),
        dbname=secret.get("dbname", "quiz"),
        user=secret["username"],
        password=secret["password"],
    )
