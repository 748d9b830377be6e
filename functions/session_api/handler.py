"""The HTTP API on AWS Lambda, for API Gateway's payloads 1.0 and 2.0."""

from __future__ import annotations

import os
from functools import cache

from mangum import Mangum
from snapshot_restore_py import register_before_snapshot

from quiz_sessions.settings import Settings
from quiz_sessions.wiring import Services, build_services

from .app import create_app
from .problems import PROBLEM_JSON


@cache
def services() -> Services:
    """This environment's parts, made by its first request: a snapshot holds neither settings nor sockets."""
    return build_services(Settings.from_environment(os.environ), pool_size=1)


def import_boto3() -> None:
    """Import what reads the secret, which takes longer than a request may wait for its connection.

    A snapshot holds the module, and neither a client nor credentials.
    """
    import boto3  # noqa: F401, PLC0415  (for the snapshot alone)


register_before_snapshot(import_boto3)


handler = Mangum(
    create_app(services),
    lifespan="off",
    # What is not listed as text goes out in base64.
    text_mime_types=["application/json", PROBLEM_JSON, "text/"],
)
