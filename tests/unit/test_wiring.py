"""Where the database's address and the keys of receipts come from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import jwt
import pytest
from psycopg.conninfo import conninfo_to_dict

from quiz_sessions.bootstrap import Services, build_services
from quiz_sessions.runtime.settings import Settings
from quiz_sessions.stores.secrets_manager import DatabaseAddress
from tests.harness.builders import START, attempt
from tests.harness.signing_keys import RECEIPT_KEYS

SECRET = {"host": "db.internal", "port": 6432, "dbname": "exams", "username": "quiz", "password": "p w'd"}


@pytest.fixture
def secret_arn(secrets: Any) -> str:
    arn: str = secrets.create_secret(Name="database", SecretString=json.dumps(SECRET))["ARN"]
    return arn


def settings(**fields: str | None) -> Settings:
    return Settings(
        **{"database_url": None, "database_secret_arn": None, "redis_url": "redis://127.0.0.1:1", **fields}  # type: ignore[arg-type]  # strings for the string fields only
    )


async def test_a_database_url_is_used_as_it_is() -> None:
    conninfo = DatabaseAddress(settings(database_url="postgresql://quiz@127.0.0.1:1/quiz"))
    assert await conninfo() == "postgresql://quiz@127.0.0.1:1/quiz"


async def test_the_secret_holds_the_address_and_the_password(secret_arn: str) -> None:
    conninfo = DatabaseAddress(settings(database_secret_arn=secret_arn))
    assert conninfo_to_dict(await conninfo()) == {
        "host": "db.internal",
        "port": "6432",
        "dbname": "exams",
        "user": "quiz",
        "password": "p w'd",
    }


async def test_the_url_says_where_and_the_secret_as_whom(secret_arn: str) -> None:
    url = "postgresql://proxy.internal:5432/quiz?sslmode=verify-full"
    conninfo = DatabaseAddress(settings(database_url=url, database_secret_arn=secret_arn))
    assert conninfo_to_dict(await conninfo()) == {
        "host": "proxy.internal",
        "port": "5432",
        "dbname": "quiz",
        "sslmode": "verify-full",
        "user": "quiz",
        "password": "p w'd",
    }


async def test_a_rotated_secret_is_read_again_after_connections_failed(secret_arn: str) -> None:
    conninfo = DatabaseAddress(settings(database_secret_arn=secret_arn))
    await conninfo()
    rotated = json.dumps({**SECRET, "password": "new"})
    boto3.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=rotated)
    conninfo.forget()
    assert conninfo_to_dict(await conninfo())["password"] == "new"


async def test_the_secret_is_read_once(secret_arn: str) -> None:
    conninfo = DatabaseAddress(settings(database_secret_arn=secret_arn))
    first = await conninfo()
    boto3.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString="{}")
    assert await conninfo() == first


# Receipts


async def kid_of(built: Services) -> str | None:
    receipt = await built.receipts.sign(attempt(), START)
    if receipt is None:
        return None
    kid: str = jwt.get_unverified_header(receipt)["kid"]
    return kid


async def test_receipts_are_signed_with_the_keys_that_are_given() -> None:
    assert await kid_of(build_services(settings(receipt_keys=RECEIPT_KEYS))) == "k1"


async def test_receipts_are_signed_with_the_keys_of_the_secret(secret_arn: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=RECEIPT_KEYS)
    assert await kid_of(build_services(settings(receipt_keys_secret_arn=secret_arn))) == "k1"


@pytest.mark.parametrize(
    "fields", [{}, {"receipt_keys": "no keys"}, {"receipt_keys_secret_arn": "arn:of:nothing"}]
)
async def test_without_usable_keys_there_are_no_receipts(fields: dict[str, str], secret_arn: str) -> None:
    assert await kid_of(build_services(settings(**fields))) is None


def test_callers_are_known_where_the_settings_say_so() -> None:
    assert not build_services(settings()).jwt
    assert build_services(replace(settings(), jwt=True)).jwt


def test_building_opens_nothing() -> None:
    # Sockets are off here, and so is the event loop that a connection would need.
    build_services(settings(database_url="postgresql://quiz@127.0.0.1:1/quiz"))
