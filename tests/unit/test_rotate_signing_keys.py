"""Keys are made, replaced and kept in the four steps of Secrets Manager."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import boto3
import pytest

from quiz_sessions.runtime.settings import SettingsError
from quiz_sessions.services.signing_keys import ALGORITHMS, EDDSA, HS256, KeySet
from rotate_signing_keys.handler import handler
from tests.harness.signing_keys import ed25519_key, held, hmac_key

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def made(secrets: Any, algorithm: str, value: str = "{}") -> str:
    """A secret as the stack makes it."""
    tags = [{"Key": "algorithm", "Value": algorithm}]
    arn: str = secrets.create_secret(Name=f"keys {algorithm}", SecretString=value, Tags=tags)["ARN"]
    return arn


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Of the keys: each in its turn."""
    name: str = request.param
    return name


@pytest.fixture
def secret(secrets: Any, algorithm: str) -> str:
    """A secret without keys."""
    return made(secrets, algorithm)


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


def kids(keys: dict[str, Any]) -> list[str]:
    return [key["kid"] for key in keys["keys"]]


@pytest.mark.parametrize(
    "value", ["{}", '{"current": "k1", "keys": {"k1": "c2VjcmV0"}}'], ids=["none", "former"]
)
def test_without_keys_in_this_form_one_is_made_that_signs_and_one_that_signs_next(
    secrets: Any, algorithm: str, value: str
) -> None:
    first = rotate(made(secrets, algorithm, value))
    assert kids(first)[0] == first["current"]
    assert len(set(kids(first))) == 2
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d-[0-9a-f]{6}", kid) for kid in kids(first))
    assert KeySet.from_json(json.dumps(first), ALGORITHMS[algorithm]).current == first["current"]


def test_the_next_key_signs_after_a_rotation_and_there_is_a_new_one(secret: str) -> None:
    first, second = rotate(secret), rotate(secret)
    assert second["current"] == kids(first)[1]
    assert kids(second)[:2] == kids(first)
    assert len(set(kids(second))) == 3
    assert second["keys"][1] == first["keys"][1]


def test_of_a_former_key_of_receipts_its_public_part_is_kept(secrets: Any) -> None:
    secret = made(secrets, EDDSA.name)
    first, second = rotate(secret), rotate(secret)
    assert ["d" in key for key in first["keys"]] == [True, True]
    assert ["d" in key for key in second["keys"]] == [False, True, True]
    assert second["keys"][0]["x"] == first["keys"][0]["x"]


def test_receipts_are_verified_for_years(secrets: Any) -> None:
    secret = made(secrets, EDDSA.name)
    signed_with = [rotate(secret)["current"] for _ in range(EDDSA.former_keys + 2)]
    assert kids(value(secret))[:-1] == signed_with[1:]


def test_the_tokens_of_beacons_have_one_former_key(secrets: Any) -> None:
    secret = made(secrets, HS256.name)
    signed_with = [rotate(secret)["current"] for _ in range(3)]
    assert kids(value(secret))[:-1] == signed_with[1:]


def test_a_secret_that_does_not_say_what_its_keys_are_for_is_not_rotated(secrets: Any) -> None:
    untold = secrets.create_secret(Name="untold", SecretString="{}")["ARN"]
    with pytest.raises(KeyError):
        take(untold, str(uuid4()), "createSecret")


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
    ["{}", held("k2", ed25519_key()), held("k1", hmac_key()), held("k1", {**ed25519_key(), "d": "AAAA"})],
)
def test_a_version_that_can_not_be_used_fails_the_rotation(secrets: Any, broken: str) -> None:
    secret, version = made(secrets, EDDSA.name), str(uuid4())
    secrets.put_secret_value(
        SecretId=secret, ClientRequestToken=version, SecretString=broken, VersionStages=["AWSPENDING"]
    )
    with pytest.raises(SettingsError):
        take(secret, version, "testSecret")


def test_an_unknown_step_fails(secret: str) -> None:
    with pytest.raises(ValueError, match="'dropSecret' is no step"):
        take(secret, str(uuid4()), "dropSecret")
