"""Generates the keys that sign receipts, a new one at each rotation of their secret."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import boto3

FORMER_KEYS = 8
"""How many former keys are kept, so that receipts signed with them can still be verified."""
KEY_BYTES = 32


def handler(event: dict[str, Any], context: object) -> None:
    """Carry out one step of a rotation (Secrets Manager user guide, "Lambda rotation functions").

    Secrets Manager may repeat a step; that changes nothing.

    Raises:
        ValueError: the new version is not usable, or the step is unknown; the rotation fails.
    """
    client = boto3.client("secretsmanager")
    secret, version = event["SecretId"], event["ClientRequestToken"]
    match event["Step"]:
        case "createSecret":
            _create(client, secret, version)
        case "setSecret":
            # Whoever uses the keys reads them from the secret; there is no other system to update.
            pass
        case "testSecret":
            _test(_read(client, secret, VersionId=version))
        case "finishSecret":
            _finish(client, secret, version)
        case step:
            raise ValueError(f"{step!r} is no step of a rotation.")


def _create(client: Any, secret: str, version: str) -> None:
    try:
        _read(client, secret, VersionId=version)
    except client.exceptions.ResourceNotFoundException:
        # Oldest first. The initial value of the secret has no keys.
        former = list(_read(client, secret, VersionStage="AWSCURRENT").get("keys", {}).items())[-FORMER_KEYS:]
        now = datetime.now(UTC)
        # Random, because two rotations may happen on one day.
        kid = f"{now:%Y-%m-%d}-{secrets.token_hex(3)}"
        key = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        client.put_secret_value(
            SecretId=secret,
            ClientRequestToken=version,
            SecretString=json.dumps({"current": kid, "keys": {**dict(former), kid: key}}),
            VersionStages=["AWSPENDING"],
        )


def _test(value: dict[str, Any]) -> None:
    keys = {kid: base64.urlsafe_b64decode(key) for kid, key in value["keys"].items()}
    if value["current"] not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise ValueError("The new version does not hold usable keys.")


def _finish(client: Any, secret: str, version: str) -> None:
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    (current,) = (known for known, labels in stages.items() if "AWSCURRENT" in labels)
    if current != version:
        client.update_secret_version_stage(
            SecretId=secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=version,
            RemoveFromVersionId=current,
        )


def _read(client: Any, secret: str, **version: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(client.get_secret_value(SecretId=secret, **version)["SecretString"])
    return value
