"""The HTTP API on AWS Lambda, for API Gateway's payloads 1.0 and 2.0.

Whatever takes long to import is imported here, by the first request that needs it, or before a snapshot.
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
    """This environment's, read by its first request: a snapshot holds neither settings nor sockets."""
    return Settings.from_environment(os.environ)


@cache
def cached_sessions() -> CachedSessions:
    """What a cached read needs."""
    return CachedSessions.of(settings())


@cache
def services() -> Services:
    """What everything else needs."""
    from quiz_sessions.bootstrap import build_services  # noqa: PLC0415

    return build_services(settings(), pool_size=1, cached=cached_sessions())


@cache
def app() -> FastAPI:
    """The API as a whole."""
    from .app import create_app  # noqa: PLC0415

    return create_app(services)


def import_everything() -> None:
    """What a snapshot is to hold: modules and routes, and neither a client nor credentials."""
    # It reads the secret, and takes longer to import than a request may wait for its connection.
    import boto3  # noqa: F401, PLC0415

    import quiz_sessions.bootstrap  # noqa: F401, PLC0415

    app()


register_before_snapshot(import_everything)


handler = Mangum(
    CachedReads(cached_sessions, app),
    lifespan="off",
    text_mime_types=TEXT_TYPES,
)
