"""Keys are made, replaced and kept in the four steps of Secrets Manager."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from uuid import uuid4

import boto3
import pytest

from rotate_receipt_keys.handler import FORMER_KEYS, handler

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@pytest.fixture
def secret(secrets: Any) -> str:
    """As the stack makes it."""
    arn: str = secrets.create_secret(Name="keys", SecretString="{}")["ARN"]
    return arn


def value(secret: str, **version: str) -> dict[str, Any]:
    # moto takes the first version for the current one unless told.
    which = version or {"VersionStage": "AWSCURRENT"}
    reply = boto3.client("secretsmanager").get_secret_value(SecretId=secret, **which)
    read: dict[str, Any] = json.loads(reply["SecretString"])
    return read


def take(secret: str, version: str, *steps: str) -> None:
    for step in steps:
        handler({"SecretId": secret, "ClientRequestToken": version, "Step": step}, None)


def rotate(secret: str) -> dict[str, Any]:
    take(secret, str(uuid4()), *STEPS)
    return value(secret)


def test_the_first_rotation_makes_a_key(secret: str) -> None:
    first = rotate(secret)
    assert list(first["keys"]) == [first["current"]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[0-9a-f]{6}", first["current"])
    assert len(base64.urlsafe_b64decode(first["keys"][first["current"]])) == 32


def test_a_rotation_keeps_the_former_key_and_signs_with_a_new_one(secret: str) -> None:
    first, second = rotate(secret), rotate(secret)
    assert list(second["keys"]) == [first["current"], second["current"]]
    assert second["keys"][first["current"]] == first["keys"][first["current"]]
    assert len(set(second["keys"].values())) == 2


def test_the_oldest_key_goes_when_there_are_too_many(secret: str) -> None:
    made = [rotate(secret)["current"] for _ in range(FORMER_KEYS + 2)]
    assert list(value(secret)["keys"]) == made[1:]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_repeated_at_once_changes_nothing(secret: str, step: str) -> None:
    version = str(uuid4())
    upto = STEPS[: STEPS.index(step) + 1]
    take(secret, version, *upto)
    before = (value(secret), value(secret, VersionId=version))
    take(secret, version, step)
    assert (value(secret), value(secret, VersionId=version)) == before


def test_all_steps_repeated_after_the_end_change_nothing(secret: str) -> None:
    version = str(uuid4())
    take(secret, version, *STEPS)
    before = value(secret)
    take(secret, version, *STEPS)
    assert value(secret) == before


def test_the_new_key_is_not_used_before_the_last_step(secret: str) -> None:
    first = rotate(secret)
    take(secret, str(uuid4()), *STEPS[:-1])
    assert value(secret) == first


@pytest.mark.parametrize(
    "broken",
    [
        {"current": "b", "keys": {"a": base64.urlsafe_b64encode(bytes(32)).decode()}},
        {"current": "a", "keys": {"a": base64.urlsafe_b64encode(bytes(31)).decode()}},
        {"current": "a", "keys": {"a": "not a key"}},
    ],
)
def test_a_version_that_can_not_be_used_fails_the_rotation(secret: str, broken: dict[str, Any]) -> None:
    version = str(uuid4())
    boto3.client("secretsmanager").put_secret_value(
        SecretId=secret,
        ClientRequestToken=version,
        SecretString=json.dumps(broken),
        VersionStages=["AWSPENDING"],
    )
    with pytest.raises(ValueError):  # noqa: PT011  (also that of base64)
        take(secret, version, "testSecret")


def test_an_unknown_step_fails(secret: str) -> None:
    with pytest.raises(ValueError, match="'dropSecret' is no step"):
        take(secret, str(uuid4()), "dropSecret")
