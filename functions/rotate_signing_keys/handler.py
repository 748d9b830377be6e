"""Generates the keys that sign receipts and the tokens of beacons, new ones at each rotation of a secret."""

from __future__ import annotations

import json
from typing import Any

import boto3

from quiz_sessions.services.signing_keys import ALGORITHMS, Algorithm, KeySet, rotated

ALGORITHM_TAG = "algorithm"
"""The tag of a secret that says for which algorithm its keys are."""


def handler(event: dict[str, Any], context: object) -> None:
    """Carry out one step of a rotation (Secrets Manager user guide, "Lambda rotation functions").

    Secrets Manager may repeat a step; that changes nothing.

    Raises:
        SettingsError: the new version is not usable; the rotation fails.
        ValueError, KeyError: the step, or the algorithm of the secret, is unknown.
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
            KeySet.from_json(_read(client, secret, VersionId=version), _algorithm(client, secret))
        case "finishSecret":
            _finish(client, secret, version)
        case step:
            raise ValueError(f"{step!r} is no step of a rotation.")


def _create(client: Any, secret: str, version: str) -> None:
    try:
        _read(client, secret, VersionId=version)
    except client.exceptions.ResourceNotFoundException:
        # The initial value of the secret has no keys.
        held = json.loads(_read(client, secret, VersionStage="AWSCURRENT"))
        client.put_secret_value(
            SecretId=secret,
            ClientRequestToken=version,
            SecretString=json.dumps(rotated(held, _algorithm(client, secret))),
            VersionStages=["AWSPENDING"],
        )


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


def _algorithm(client: Any, secret: str) -> Algorithm:
    tags = {tag["Key"]: tag["Value"] for tag in client.describe_secret(SecretId=secret).get("Tags", [])}
    return ALGORITHMS[tags[ALGORITHM_TAG]]


def _read(client: Any, secret: str, **version: str) -> str:
    value: str = client.get_secret_value(SecretId=secret, **version)["SecretString"]
    return value
