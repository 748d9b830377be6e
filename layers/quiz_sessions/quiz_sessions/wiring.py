"""The one place that puts the parts together. Building opens nothing; each part connects on first use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from .cached_sessions import CachedSessions
from .database import Database
from .errors import SecretUnavailableError
from .events import EventBus, Relay
from .exam_database import ExamDatabase
from .exams import ExamManager
from .flush import Flusher
from .grader import Grader
from .manager import SessionManager
from .parts import Parts
from .postgres import Postgres
from .receipts import Receipts
from .record_database import RecordDatabase
from .records import Records
from .settings import Settings
from .telemetry import Telemetry

POOL_SIZE = 10


@dataclass(frozen=True, slots=True)
class Services:
    """What a process is made of.

    Attributes:
        cached: the same cache, for reads that need nothing else.
    """

    manager: SessionManager
    exams: ExamManager
    records: Records
    flusher: Flusher
    parts: Parts
    cached: CachedSessions

    @property
    def jwt(self) -> bool:
        """Whether callers are known by verified claims; see `Settings`."""
        return self.cached.jwt

    async def close(self) -> None:
        """Close every connection."""
        await self.parts.close()


def build_services(
    settings: Settings, pool_size: int = POOL_SIZE, cached: CachedSessions | None = None
) -> Services:
    """The parts of one process, with at most `pool_size` connections to PostgreSQL.

    `cached` is what the process reads with already, if it does.

    A Lambda environment serves one request at a time and needs one connection.
    """
    cached = cached or CachedSessions.of(settings)
    telemetry = Telemetry()
    address = DatabaseAddress(settings)
    postgres = Postgres(address, pool_size, address.forget, telemetry)
    exam_database = ExamDatabase(postgres)
    record_database = RecordDatabase(postgres)
    parts = Parts(
        postgres=postgres,
        database=Database(postgres),
        exam_database=exam_database,
        record_database=record_database,
        cache=cached.cache,
        grader=Grader(exam_database),
        receipts=Receipts(_receipt_keys(settings), telemetry),
        load=cached.load,
        telemetry=telemetry,
        time_limit_seconds=settings.default_time_limit_seconds,
    )
    bus = EventBus(settings.event_bus_name) if settings.event_bus_name else None
    return Services(
        manager=SessionManager(parts),
        exams=ExamManager(parts),
        records=Records(parts),
        flusher=Flusher(parts, Relay(record_database, bus, telemetry) if bus else None, bus),
        parts=parts,
        cached=cached,
    )


def _receipt_keys(settings: Settings) -> Callable[[], Awaitable[str]] | None:
    """Where receipts get their keys from; None where there are none."""
    if (keys := settings.receipt_keys) is not None:
        return partial(_given, keys)
    if (arn := settings.receipt_keys_secret_arn) is not None:
        return partial(asyncio.to_thread, _read_secret, arn)
    return None


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
            SecretUnavailableError: the secret can't be read.
        """
        if self._secret_arn is None:
            return self._url
        if self._known is None:
            secret = json.loads(await asyncio.to_thread(_read_secret, self._secret_arn))
            self._known = make_conninfo(**(_parts(secret) | conninfo_to_dict(self._url)))
        return self._known

    def forget(self) -> None:
        """Read the secret again next time."""
        self._known = None


async def _given(text: str) -> str:
    return text


def _read_secret(arn: str) -> str:
    # boto3 takes a third of a second to import; a process without a secret never needs it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    # By default a call may take minutes.
    patience = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
    try:
        secret: str = boto3.client("secretsmanager", config=patience).get_secret_value(SecretId=arn)[
            "SecretString"
        ]
    except (BotoCoreError, ClientError, KeyError) as error:
        # A KeyError of a secret that is not a text.
        raise SecretUnavailableError("A secret can't be read.") from error
    return secret


def _parts(secret: dict[str, Any]) -> dict[str, Any]:
    """What libpq calls the parts of a secret as RDS writes it."""
    names = {"host": "host", "port": "port", "dbname": "dbname", "username": "user", "password": "password"}
    return {name: secret[key] for key, name in names.items() if key in secret}
