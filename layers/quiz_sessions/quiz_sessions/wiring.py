"""The one place that puts the parts together. Building opens nothing; each part connects on first use."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

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
    address = DatabaseAddress(settings)
    database = Database(address, pool_size, address.forget)
    cache = Cache(settings.redis_url, settings.session_cache_ttl_seconds)
    return Services(
        manager=SessionManager(database, cache, telemetry, time_limit=settings.default_time_limit_seconds),
        flusher=Flusher(database, cache, telemetry),
        telemetry=telemetry,
        database=database,
        cache=cache,
    )


class DatabaseAddress:
    """Where PostgreSQL is and as whom to connect: DATABASE_URL, completed by the secret where there is one.

    The secret is read when it is first needed, and again after connections have failed: its password may
    have been rotated.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url or ""
        self._secret_arn = settings.database_secret_arn
        self._known: str | None = None

    async def __call__(self) -> str:
        """The libpq connection string.

        Raises:
            botocore.exceptions.BotoCoreError, ClientError: the secret can't be read.
        """
        if self._secret_arn is None:
            return self._url
        if self._known is None:
            secret = await asyncio.to_thread(_read_secret, self._secret_arn)
            self._known = make_conninfo(**(_parts(secret) | conninfo_to_dict(self._url)))
        return self._known

    def forget(self) -> None:
        """Read the secret again next time."""
        self._known = None


def _read_secret(arn: str) -> dict[str, Any]:
    # boto3 takes a third of a second to import; a process without a secret never needs it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    # By default a call may take minutes.
    patience = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
    client = boto3.client("secretsmanager", config=patience)
    secret: dict[str, Any] = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    return secret


def _parts(secret: dict[str, Any]) -> dict[str, Any]:
    """What libpq calls the parts of a secret as RDS writes it."""
    names = {"host": "host", "port": "port", "dbname": "dbname", "username": "user", "password": "password"}
    return {name: secret[key] for key, name in names.items() if key in secret}
