"""Secrets Manager: the database's password and the keys that sign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ..domain.errors import SecretUnavailableError
from ..runtime.settings import Settings


def receipt_keys(settings: Settings) -> Callable[[], Awaitable[str]] | None:
    """A function that reads the receipt keys, from the setting or the secret; None if neither is set."""
    return _reader(settings.receipt_keys, settings.receipt_keys_secret_arn)


def beacon_keys(settings: Settings) -> Callable[[], Awaitable[str]] | None:
    """The same for the keys of beacons."""
    return _reader(settings.beacon_keys, settings.beacon_keys_secret_arn)


class DatabaseAddress:
    """The address of PostgreSQL: DATABASE_URL, completed by the secret if there is one.

    The secret is read when it is first needed, and again after connecting has failed, because its password
    may have been rotated.
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
            self._known = make_conninfo(**(_libpq_names(secret) | conninfo_to_dict(self._url)))
        return self._known

    def forget(self) -> None:
        """Forget the secret, so that the next connection reads it again."""
        self._known = None


def _reader(text: str | None, arn: str | None) -> Callable[[], Awaitable[str]] | None:
    if text is not None:
        return partial(_given, text)
    return None if arn is None else partial(asyncio.to_thread, _read_secret, arn)


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
        # A KeyError means that the secret is not text.
        raise SecretUnavailableError("A secret can't be read.") from error
    return secret


def _libpq_names(secret: dict[str, Any]) -> dict[str, Any]:
    """The fields of a secret in the format of RDS, under the names of libpq."""
    names = {"host": "host", "port": "port", "dbname": "dbname", "username": "user", "password": "password"}
    return {name: secret[key] for key, name in names.items() if key in secret}
