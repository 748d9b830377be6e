"""The HTTP API on AWS Lambda, for API Gateway's payloads 1.0 and 2.0.

Slow imports happen inside functions: either before the snapshot, or at the first request that needs them.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from mangum import Mangum
from snapshot_restore_py import register_before_snapshot

from quiz_sessions.runtime.settings import Settings
from quiz_sessions.services.cached_reads import CachedSessions

from .cached_reads import CachedReads
from .gateway import TEXT_TYPES

if TYPE_CHECKING:
    from fastapi import FastAPI

    from quiz_sessions.bootstrap import Services


@cache
def settings() -> Settings:
    """The settings, read at the first request, because a snapshot must hold neither settings nor sockets."""
    return Settings.from_environment(os.environ)


@cache
def cached_sessions() -> CachedSessions:
    return CachedSessions.of(settings())


@cache
def services() -> Services:
    from quiz_sessions.bootstrap import build_services  # noqa: PLC0415

    return build_services(settings(), pool_size=1, cached=cached_sessions())


@cache
def app() -> FastAPI:
    from .app import create_app  # noqa: PLC0415

    return create_app(services)


def import_everything() -> None:
    """Import what the snapshot should hold: modules and routes, but no client and no credentials."""
    # boto3 reads the secret; importing it takes longer than a request may wait for its connection.
    import boto3  # noqa: F401, PLC0415

    import quiz_sessions.bootstrap  # noqa: F401, PLC0415

    app()


register_before_snapshot(import_everything)


handler = Mangum(
    CachedReads(cached_sessions, app),
    lifespan="off",
    text_mime_types=TEXT_TYPES,
)
